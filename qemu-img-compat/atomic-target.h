/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * atomic-target - a new image that takes the place of an old one all at once (convert --atomic).
 *
 * It is written under a name of its own in the same folder, made durable, and renamed. Until then
 * the old image stays as it is; after a failure, or a signal that ends the program, nothing is left
 * of the new one. Only SIGKILL and the like leave the file under its other name.
 */
#ifndef QIC_ATOMIC_TARGET_H
#define QIC_ATOMIC_TARGET_H

#include "lib/failure.h"

typedef struct AtomicTarget {
    char *path;      /* of the image, symbolic links followed */
    char *temporary; /* where it is written; NULL: there is none, or it is gone */
    int folder_fd, fd;
} AtomicTarget;

/* Can the image be replaced? False with the error set: it is no regular file, or in use. To be
 * asked before the sources are opened: one of them may be the image. */
bool atomic_target_check(const char *filename, GError **error);
/*
 * Make the empty file in which the image @filename is to be written: with the old one's owner and
 * permissions, if there is one. False with the error set.
 */
bool atomic_target_begin(AtomicTarget *target, const char *filename, GError **error);
/* The new image is whole: let it take its place. False with the error set: the old one is as it
 * was. */
bool atomic_target_commit(AtomicTarget *target, GError **error);
/* Free all, and remove what was not committed. */
void atomic_target_clear(AtomicTarget *target);

#endif
