/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holes of files; see holes.h. */
#include "common/holes.h"

#include "common/io.h"

/* How far ahead runs are asked for: extents of a disk follow each other in the file more often than
 * not. The host's work goes by the number of runs. */
#define HOLES_AHEAD_BYTES (UINT64_C(1) << 40)

int holes_find(struct holes *holes, struct fmt_env *env, uint32_t device, uint64_t offset,
               uint64_t length, struct fmt_run *out)
{
    uint64_t at = holes->offset;

    for (size_t i = 0; holes->device == device && i < holes->count && at <= offset; i++) {
        const struct fmt_run *run = &holes->run[i];
        if (offset - at < run->length) {
            *out = (struct fmt_run){run->length - (offset - at), run->zero};
            return 0;
        }
        at += run->length;
    }
    holes->device = device;
    holes->offset = offset;
    holes->count = HOLES_RUNS_MAX;
    if (length < HOLES_AHEAD_BYTES && io_range_ok(offset, HOLES_AHEAD_BYTES))
        length = HOLES_AHEAD_BYTES;
    int r = env->io->extents(env->io_ctx, device, offset, length, holes->run, &holes->count);
    if (r < 0)
        holes->count = 0;
    else
        *out = holes->run[0];
    return r;
}
