/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * create-target - the new image of `create`, `convert` and `dd`: its options, the part of the job
 * that tells the guest what to make, the files that the guest then asks for, and what to remove
 * when it fails.
 */
#ifndef QIC_CREATE_TARGET_H
#define QIC_CREATE_TARGET_H

#include "lib/objects.h"
#include "lib/opts.h"
#include "session.h"

typedef struct CreateTarget {
    const char *filename;
    const char *format;
    Opts *opts;
    const char *written_as; /* the name of the image's file meanwhile, or NULL: its own */
    char *data_file;        /* where qcow2's data goes, or NULL */
    uint32_t target_device; /* of the image's file, once opened */
    bool target_opened;     /* the guest may have begun to write */
    bool data_file_opened;  /* the same of qcow2's data file */
} CreateTarget;

/* Find the format and parse the options (-o's text, or NULL). */
bool create_target_prepare(CreateTarget *target, const char *option_list, GError **error);
void create_target_clear(CreateTarget *target);

/* Backing file and format, from options of their own. */
bool create_target_backing_set(CreateTarget *target, const char *file, const char *format,
                               GError **error);

/* What the guest's create reads: format, filename, options, backing file's name and format, time.
 * The caller frees it. */
Value *create_target_describe(const CreateTarget *target);

/* Is there but one file, whatever the options say? */
bool create_target_is_single(const CreateTarget *target);

/* Files that the guest will ask for must stay within reach. */
void create_target_expect(const CreateTarget *target, Session *session);

/* Does the command line name the file as one of the new image's? */
bool create_target_owns(const CreateTarget *target, const char *name);
/* Open what the guest asks for: one of those. Status: as session_file_open. */
bool create_target_open(CreateTarget *target, const char *name, Session *session, uint32_t *device,
                        int *status, GError **error);

/* What the reference leaves of a failed creation: of some formats nothing, else what it wrote. */
void create_target_remove(const CreateTarget *target);

#endif
