/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's one context, made by start-up and passed down everywhere. One per vCPU: vCPUs share
 * nothing but the boot page's shared counters.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "abi/abi.h"
#include "abi/tree.h"
#include "image.h"

struct guest_deferral; /* deferral.c */
struct guest_layer;    /* layer.c */

/* What the guest knows of a device: the host's facts and the bytes it has already. */
struct guest_device {
    struct abi_device facts;
    bool known;
};

/* Random bytes that came with another answer: for identifiers. */
enum { GUEST_RANDOM_BYTES = 128, GUEST_RANDOM_PIECE_BYTES = 16 };

struct guest {
    const struct abi_boot *boot;
    unsigned vcpu;
    int32_t doorbell_fd; /* -1: ring by port */
    struct abi_ring *ring;
    uint32_t sq_tail;   /* requests produced */
    uint32_t completed; /* completions consumed */
    uint32_t posted;    /* requests whose completions nobody waits for yet */
    struct fmt_arena arena;
    struct fmt_error error;
    struct fmt_env env;        /* what drivers get: its io calls end in io.c */
    struct fmt_env *image_env; /* the same for images that are opened from now on */
    struct guest_device *device;
    uint32_t device_count; /* entries of it that are made */
    struct guest_layer *layers;
    unsigned layer_depth;      /* layers being opened, one inside the other */
    struct tree_writer record; /* the one record in the making; its room is kept */
    struct tree_writer note;   /* the same for references and lines */
    uint8_t *window;           /* facts and head of the device opened last */
    uint32_t window_device;
    struct guest_deferral *deferral; /* NULL: each request is waited for */
    uint32_t random_left;
    int random_status; /* whether they are */
    uint8_t random[GUEST_RANDOM_BYTES];
    struct tree job;
};

/* Tell the host that this vCPU has finished; does not return. */
_Noreturn void guest_done(struct guest *g);
/* Give up without an answer: only for states that cannot be reported. */
_Noreturn void guest_panic(struct guest *g, uint32_t reason);

/* ---- ring.c ---- */

/* Send one request and wait for it: its status, and the completion where @completion is given. */
int ring_call(struct guest *g, const struct abi_request *request,
              struct abi_completion *completion);

/* Send a request with the next doorbell, or when the vCPU is done. Its memory must stay as it is
 * until then. @status, if not NULL, is set when the guest learns it. */
void ring_post(struct guest *g, const struct abi_request *request, int *status);
/* The same for requests whose answer is a value, too. */
void ring_post_for(struct guest *g, const struct abi_request *request, struct abi_completion *done);
/* Wait for all that was posted. */
void ring_flush(struct guest *g);
/* Wait for all that was posted, which is chained, and be done: returns only if one has failed. */
void ring_finish(struct guest *g);

/* ---- io.c ---- */

/* Fill g->env with io calls on the ring, and the table of the devices known at boot. Returns 0 or
 * -FMT_ENOMEM. */
int guest_io_init(struct guest *g);
/* Other vCPUs have changed devices: ask the host anew. */
void guest_devices_forget(struct guest *g);
/* Ask for the random bytes, with the next doorbell. */
void guest_random_post(struct guest *g);
/* Let an OPEN place the new device's facts and head in the window. */
void guest_window_offer(struct guest *g, struct abi_request *request);
/* It has: its head serves reads until the next one's is there. */
void guest_window_take(struct guest *g, uint32_t device);

/* ---- deferral.c ---- */

/*
 * Do @work, which changes @device, without waiting for each change. It must depend on nothing but
 * what it is given and what it asks for, since it may be called twice; the arena is as it was
 * then. Returns what it returned; all that it did has been waited for. With @last, it may not
 * return where nothing has failed: the vCPU is done.
 */
int deferral_run(struct guest *g, uint32_t device, int (*work)(struct guest *g, void *ctx),
                 void *ctx, bool last);
/* Wait for all changes, and for each of the following. False: one has failed; the work is to
 * return, and whatever it says meanwhile means nothing. */
bool deferral_settle(struct guest *g);
/* As ring_call(), but a change may only be posted. @request may be changed. */
int guest_call(struct guest *g, struct abi_request *request, struct abi_completion *completion);

/* ---- layer.c ---- */

/* Device numbers from here on are images, numbered by the host. */
enum { LAYER_DEVICE_FIRST = ABI_DEVICES_MAX };

/* Let the opened image (its chain too) be read as a device. Returns 0 or -FMT_ENOMEM, recorded. */
int layer_add(struct guest *g, uint32_t device, struct fmt_image *image);
/* The image behind the device number; NULL: a file of the host. */
struct fmt_image *layer_find(const struct guest *g, uint32_t device);
/* The run at @offset, of at most @length bytes: is it known to be zeroes? Returns 0 or a negative
 * errno. */
int layer_extent(struct guest *g, uint32_t device, uint64_t offset, uint64_t length,
                 struct fmt_run *run);
/* Bytes of the image and its backing files; zeroes past its end. */
int layer_read(struct guest *g, uint32_t device, uint64_t offset, void *buffer, size_t length);

/* A change of the image as a file: 0, and *device and *offset are the host's, or a negative errno.
 * A file of the host is left as it is. */
int layer_change(struct guest *g, uint32_t *device, enum fmt_change change, uint64_t *offset,
                 uint64_t length);
/* Tell the image of what begins above. */
void layer_event(struct guest *g, uint32_t device, enum fmt_event event);

/* ---- report.c ---- */

/* Take a share of the arena for records. Returns 0 or -FMT_ENOMEM. */
int report_init(struct guest *g);
/* The one record, begun anew: only one can be in the making. */
struct tree_writer *report_begin(struct guest *g);
/* The members {code, args} of a message, into a tree that is being written. */
void report_put_code(struct tree_writer *w, enum fmt_error_code code,
                     const struct fmt_error_arg *args, unsigned count);
/* Send the tree as a record, with the next doorbell. Returns 0 or a negative errno, recorded. */
int report_send(struct guest *g, struct tree_writer *w, enum abi_record record);
/* A small tree for a request that is waited for: also while a record is in the making. */
struct tree_writer *report_note_begin(struct guest *g);
/* Send a line for standard error. */
void report_message(struct guest *g, enum fmt_message_kind kind, enum fmt_error_code code,
                    const struct fmt_error_arg *args, unsigned count);
/* Send g->error as the job's failure. */
void report_error(struct guest *g);

/* ---- job.c ---- */

/* What an opened node is asked to be: from the job, or from the host's answer to a reference. */
struct guest_node {
    struct fmt_bytes driver; /* empty: probe */
    struct fmt_bytes filename;
    struct fmt_bytes probe_name; /* as it was named, if it was, where the driver is probed */
    uint32_t device;
    struct fmt_options options;
    struct fmt_bytes busy;   /* why no format that reads metadata may be probed */
    struct fmt_bytes fault;  /* what the host found wrong, to be told once the image is open */
    bool no_backing;         /* "backing": null was asked for */
    const struct tree *tree; /* where the node stands */
    size_t file;             /* the position in it of the node below; 0: a file of the host */
    size_t header;           /* the same of a LUKS header's node */
    size_t formats;          /* of what the options mean in each format; 0: nothing */
    size_t children;         /* the position of the list of further nodes below; 0: none */
};

/* The job's "secrets" for drivers, a list of {id, text} or {id, is-secret}: passphrases, and
 * objects that are none. Returns 0 or -FMT_ENOMEM, recorded. */
int secrets_read(struct guest *g);
/* Read the node in the members of @tree at @position. Returns 0 or a negative errno, recorded. */
int node_read(struct guest *g, const struct tree *tree, size_t position, struct guest_node *node);
/* Options in the members at @position. Texts point into the tree. */
int options_read(struct guest *g, const struct tree *tree, size_t position,
                 struct fmt_options *options);

/* ---- open.c ---- */

/* Open the node's image without its backing file. */
int guest_image_open(struct guest *g, const struct guest_node *node, uint32_t flags,
                     struct fmt_image **image);
/* Ask the host for the file that @name in @image means; the node to open for it. */
int guest_reference(struct guest *g, const struct fmt_image *image, enum fmt_ref_kind kind,
                    struct fmt_bytes name, struct fmt_bytes format, struct guest_node *node);
/* The same for a file of the new image, named by the user. */
int guest_target_reference(struct guest *g, struct fmt_bytes name, struct guest_node *node);
/* Open the node's image and, below it, its whole backing chain. */
int guest_chain_open(struct guest *g, const struct guest_node *node, uint32_t flags,
                     struct fmt_image **image);

/* Open what the members of the job at @position describe: {name, image}, or {failure} with the
 * host's reason why it cannot be opened. Returns 0 or a negative errno, recorded whole. */
int guest_source_open(struct guest *g, size_t position, struct fmt_image **image);
/* ---- snapshot.c ---- */

/* Let the image read as the snapshot that the job's members at @position mean: "snapshot" is an id
 * or a name, "snapshot-id" and "snapshot-name" are one each. Returns 0, too, if there are none; or
 * a negative errno, recorded. */
int guest_snapshot_load(struct guest *g, size_t position, struct fmt_image *image);

/* ---- op-create.c ---- */

/* Make the image that the members of the job at @position describe, of @virtual_bytes where they
 * do not say. Sets *@device to its file. Returns 0 or a negative errno, recorded. */
int guest_create(struct guest *g, size_t position, uint64_t virtual_bytes, uint32_t *device);

/* ---- operations: one file each; 0 or a negative errno with g->error filled ---- */

int op_info(struct guest *g);
int op_create(struct guest *g);
int op_map(struct guest *g);
int op_measure(struct guest *g);
int op_convert(struct guest *g);
int op_check(struct guest *g);
int op_compare(struct guest *g);

#endif
