/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which part of a disk dd copies, and what becomes of it where that is more than there is, or more
 * than there is room for: whole blocks are copied, the first that cannot be is an error.
 */
#ifndef GUEST_DD_H
#define GUEST_DD_H

#include "copy.h"

struct dd {
    uint64_t disk_bytes;  /* of a new target */
    bool source_is_short; /* more is asked for than it has */
    bool target_is_short; /* it has no room for all */
    bool source_may_end;  /* before its size is reached: a stream */
};

/* Cut the only source, as the job's numbers say. */
void dd_source_cut(struct guest *g, struct copy_how *how, struct dd *dd);
/* Copy no more than the target has room for. */
void dd_target_fit(struct guest *g, struct copy_how *how, struct dd *dd);
/* All that could be copied is: was it all that there should be? Returns 0 or a negative errno,
 * recorded. */
int dd_judge(struct guest *g, const struct copy_how *how, const struct dd *dd);

#endif
