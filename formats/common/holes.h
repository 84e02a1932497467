/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The holes of a file, as its file system tells them: asked for many at a time. */
#ifndef FORMATS_COMMON_HOLES_H
#define FORMATS_COMMON_HOLES_H

#include "common/format.h"

enum { HOLES_RUNS_MAX = 64 };

/* What was said last, of one file; all zero: nothing yet. For files that do not change. */
struct holes {
    uint32_t device;
    uint64_t offset; /* of the first run */
    struct fmt_run run[HOLES_RUNS_MAX];
    size_t count;
};

/* The run of data, or of a hole, at [@offset, @offset + @length) of the device; *out may be longer
 * than that. Returns 0 or a negative errno. */
int holes_find(struct holes *holes, struct fmt_env *env, uint32_t device, uint64_t offset,
               uint64_t length, struct fmt_run *out);

#endif
