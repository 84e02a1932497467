/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy-files - the images that convert, dd, compare and measure read, and the one that is written,
 * between the command line and the guest's requests.
 */
#ifndef QIC_COPY_FILES_H
#define QIC_COPY_FILES_H

#include "create-target.h"
#include "lib/command-line.h"

/*
 * An image to be read, for the guest: {name, image}, or {failure} with the reason why it cannot be
 * had: images before it may fail first. Its format comes from -f or NULL, warnings go to @report.
 */
Value *copy_source_describe(const CommandLine *line, const char *name, const char *format,
                            Session *session, Report *report);

/* Tell the guest which internal snapshot of an image is to be read, if -l says one. */
void copy_snapshot_describe(const CommandLine *line, Value *job);

/* Guest memory of commands that move much data; only what is used of it is taken. */
uint64_t copy_memory_bytes(unsigned vcpus);

/* How many vCPUs are worth it for these files: one for what is small, and else all, within
 * reason. */
unsigned copy_vcpus_choose(const char *const *files, unsigned count);

/* The image that is written: a new one, or one that is there. */
typedef struct CopyTarget {
    CreateTarget create; /* its name and format, and how it is made if it is new */
    bool is_new;
    bool image_opts; /* the name is a list of options */
    bool no_flush, direct;
    Value *stream;   /* what it is described as if it is standard output, or NULL */
    Value *node;     /* what is opened to be written (lib/node.h) */
    GError *fault;   /* why there is none, of a new image: told when it is opened */
    bool opened;     /* it is being written */
    uint32_t device; /* its file then */
} CopyTarget;

/* Understand the name of what is opened to be written, once it is known how it is made. */
bool copy_target_prepare(CopyTarget *target, GError **error);
void copy_target_clear(CopyTarget *target);

/* What the guest asks for: files to be made, the target, and what images name. */
bool copy_reference(CopyTarget *target, Session *session, const struct tree *reference,
                    uint32_t *device, struct tree_writer *reply, int *status, GError **error);

#endif
