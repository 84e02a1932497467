/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session - one run of one job: files lent to the guest, their names, its records and its error.
 *
 * Everything that the guest says arrives here and is passed to the command's handlers; everything
 * that goes wrong becomes one GError with the reference's text.
 */
#ifndef QIC_SESSION_H
#define QIC_SESSION_H

#include "lib/failure.h"
#include "lib/objects.h"
#include "lib/value.h"
#include "vmm.h"

typedef struct Session Session;

/* How a file is to be opened. */
typedef struct FileOpen {
    const char *filename; /* as named; a "file:" prefix is gone */
    const char *driver;   /* "file", "host_device", ... or NULL: by what the file is */
    bool named_by_user;
    bool writable;
    bool create;        /* create, truncated */
    bool create_format; /* the new file will be opened as an image at once: lock it for that */
    bool direct;
    bool no_flush;
    bool force_share; /* no locks that a writer would conflict with */
    bool no_data;     /* only metadata will be read: lock no more than that needs */
    bool shares_all;  /* others may be writing: there is no metadata to get in a tangle */
    /* Of files that are created: wishes for the file system. */
    bool no_copy_on_write;
    uint64_t extent_size_bytes;
    bool extent_size_demanded; /* warn if it cannot be had */
} FileOpen;

/* The extent size that created files get unless the user says otherwise. */
enum { EXTENT_SIZE_DEFAULT = 1 << 20 };

/* A lent device, as `info` shows it. */
typedef struct FileNode {
    char *filename; /* of the protocol node */
    const char *driver;
    Value *image; /* the node of the image above it (lib/node.h), or NULL */
} FileNode;

typedef struct SessionHandlers {
    void *ctx;
    /* A record of the guest; false with an error set ends the run. */
    bool (*record)(void *ctx, Session *session, enum abi_record kind, const struct tree *tree,
                   GError **error);
    /* A reference that the session does not resolve by itself (targets): open it. False with an
     * error set: the guest learns *status (a negative errno), the user the text. */
    bool (*reference)(void *ctx, Session *session, const struct tree *reference, uint32_t *device,
                      struct tree_writer *reply, int *status, GError **error);
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
} SessionHandlers;

/* What the whole run is about; environment variables fill in the rest. */
typedef struct SessionOptions {
    uint64_t memory_bytes; /* of the guest */
    unsigned vcpus;
    unsigned time_limit_ms;
    uint64_t requests_max;   /* of the guest; 0: none */
    uint64_t tree_bytes_max; /* of all that it says; 0: none */
    bool wants_avx;
    uint64_t pace_bytes; /* a second, at which the target is written; 0: no limit */
    bool no_holes;       /* read what the file system calls holes */
    bool bulk;           /* much data goes through the guest */
    bool force_share;
    bool no_share;          /* nobody may write to what is read, not even beside it (convert) */
    bool no_data;           /* images' data will not be read (info): their files' locks are fewer */
    const Objects *objects; /* of --object, or NULL; must outlive the session */
} SessionOptions;

Session *session_new(const SessionOptions *options, GError **error);
void session_free(Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)

const SessionOptions *session_options(const Session *session);

/* Give the guest other memory than the options say, before the run: @bulk: huge pages pay. */
void session_memory_set(Session *session, uint64_t bytes, bool bulk);

/* Open a file and lend it. The error's text is the reference's ("Could not open 'x': ..."). */
bool session_file_open(Session *session, const FileOpen *open, uint32_t *device, int *status,
                       GError **error);
/* Lend an open descriptor, to be read or written once: a raw image of @size_bytes. Describes it as
 * session_node_open() does; NULL with an error set. */
Value *session_stream_open(Session *session, int fd, bool writable, uint64_t size_bytes,
                           GError **error);
/* A file named by the user will be opened or created during the run: it must stay within reach. */
void session_file_expect(Session *session, const char *name);
const FileNode *session_file_node(const Session *session, uint32_t device);
bool session_file_facts(const Session *session, uint32_t device, struct vmm_device_facts *facts);

/* A device number for an image, opened by the guest, that serves as the file of another; filename:
 * what it is called, NULL: as the node says. */
uint32_t session_layer_new(Session *session, const Value *node, const char *filename);
/* Which node (lib/node.h) has the device as its file. A child {"device": number} in it stands for
 * the node that has that device. */
void session_image_set(Session *session, uint32_t device, const Value *node);

/* What the guest found an image's format to be, where the node does not say. */
void session_image_format_set(const Session *session, uint32_t device, const char *format);

/*
 * How the image on the device is called, once its format is known: its file's name, or json:{...}.
 * The caller frees it.
 */
char *session_image_name(const Session *session, uint32_t device, const char *format);

/*
 * The whole name of a backing file that the image on the device calls @name: relative to the folder
 * of the file below it. NULL: the name is empty, or with the error set. The caller frees it.
 */
char *session_backing_name(const Session *session, uint32_t device, const char *name,
                           GError **error);

/* Seconds since 1970, or what SOURCE_DATE_EPOCH says: the job's "now", for dates in images. */
uint64_t session_now(void);

/*
 * Run the job. True: the guest finished without an error. Else the error is what the guest, a
 * handler or the host reported.
 */
bool session_run(Session *session, const Value *job, const SessionHandlers *handlers,
                 GError **error);

#endif
