/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bzip2 by libbz2, its memory from the job's arena; see bunzip2.h. */
#include "bunzip2.h"

#include <bzlib.h>

#include "common/error.h"

static void *arena_calloc(void *ctx, int items, int bytes)
{
    return items < 0 || bytes < 0 ? NULL : fmt_arena_alloc(ctx, (uint64_t)items * (unsigned)bytes);
}

/* The whole arena is released after each call. */
static void arena_ignore(void *ctx, void *block)
{
    (void)ctx;
    (void)block;
}

int bunzip2_decode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                   size_t out_bytes)
{
    size_t mark = fmt_arena_mark(arena);
    bz_stream stream = {
        .next_in = (char *)(uintptr_t)in,
        .avail_in = (unsigned)in_bytes,
        .next_out = out,
        .avail_out = (unsigned)out_bytes,
        .bzalloc = arena_calloc,
        .bzfree = arena_ignore,
        .opaque = arena,
    };

    int r = BZ2_bzDecompressInit(&stream, 0, 0) == BZ_OK ? 0 : -FMT_EIO;
    if (r == 0 && (BZ2_bzDecompress(&stream) != BZ_STREAM_END || stream.avail_out != 0))
        r = -FMT_EIO;
    fmt_arena_release(arena, mark);
    return r;
}
