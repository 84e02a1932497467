/* SPDX-License-Identifier: GPL-2.0-or-later */
/* create-file - the files that `create` makes, by the options that belong to files as such. */
#ifndef QIC_CREATE_FILE_H
#define QIC_CREATE_FILE_H

#include "lib/drivers.h"
#include "lib/opts.h"
#include "session.h"

typedef struct CreateFile {
    const char *name;       /* as given, with its protocol prefix */
    const Driver *protocol; /* what opens it, or NULL: by its name */
    const Opts *opts;
    const OptRow *format_rows; /* options that the format keeps for itself */
    bool guest_sizes;          /* by the guest, afterwards, as preallocation says */
    bool guest_preallocates;   /* the format takes the file's preallocation for itself */
    bool is_reopened;          /* as an image, under an image's locks */
} CreateFile;

/*
 * Create the file empty, or open the host device that the name means, and lend it. Status: as
 * session_file_open, and -EBUSY if a lock is missing for the file that was made or emptied. The
 * error's text is the reference's.
 */
bool create_file_open(const CreateFile *file, Session *session, uint32_t *device, int *status,
                      GError **error);

/* Whether @name is one that VMDK gives to a further file of the image @image: NAME-flat.EXT,
 * NAME-s001.EXT, NAME-f001.EXT and so on. */
bool create_file_is_extent(const char *image, const char *name);

#endif
