/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deflate by zlib, its memory from the job's arena; see rawdeflate.h. */
#define ZLIB_CONST
#include "rawdeflate.h"

#include <string.h>
#include <zlib.h>

#include "common/error.h"

/* The reference's; they show in the encoded bytes. */
enum { MEMORY_LEVEL = 9, ZLIB_MEMORY_LEVEL = 8 };

static void *arena_calloc(void *ctx, unsigned items, unsigned bytes)
{
    return fmt_arena_alloc(ctx, (uint64_t)items * bytes);
}

/* The whole arena is released after each call. */
static void arena_ignore(void *ctx, void *block)
{
    (void)ctx;
    (void)block;
}

static void stream_init(z_stream *stream, struct fmt_arena *arena, const void *in, size_t in_bytes,
                        void *out, size_t out_bytes)
{
    *stream = (z_stream){
        .next_in = in,
        .avail_in = (unsigned)in_bytes,
        .next_out = out,
        .avail_out = (unsigned)out_bytes,
        .zalloc = arena_calloc,
        .zfree = arena_ignore,
        .opaque = arena,
    };
}

int rawdeflate_decode(struct fmt_arena *arena, int window_bits, const void *in, size_t in_bytes,
                      void *out, size_t out_bytes)
{
    size_t mark = fmt_arena_mark(arena);
    z_stream stream;

    stream_init(&stream, arena, in, in_bytes, out, out_bytes);
    int r = inflateInit2(&stream, -window_bits) == Z_OK ? 0 : -FMT_ENOMEM;
    if (r == 0) {
        int status = inflate(&stream, Z_FINISH);
        if ((status != Z_STREAM_END && status != Z_BUF_ERROR) || stream.avail_out != 0)
            r = -FMT_EIO;
    }
    fmt_arena_release(arena, mark);
    return r;
}

int zlib_decode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                size_t *out_bytes)
{
    size_t mark = fmt_arena_mark(arena), room = *out_bytes;
    z_stream stream;

    stream_init(&stream, arena, in, in_bytes, out, room);
    int r = inflateInit(&stream) == Z_OK ? 0 : -FMT_ENOMEM;
    if (r == 0 && inflate(&stream, Z_FINISH) != Z_STREAM_END)
        r = -FMT_EIO;
    *out_bytes = room - stream.avail_out;
    fmt_arena_release(arena, mark);
    return r;
}

/* How a stream is made. */
struct encoding {
    int level, window_bits, memory_level;
};

static int encode(struct fmt_arena *arena, const struct encoding *how, const void *in,
                  size_t in_bytes, void *out, size_t *out_bytes)
{
    size_t mark = fmt_arena_mark(arena), room = *out_bytes;
    z_stream stream;

    stream_init(&stream, arena, in, in_bytes, out, room);
    int r = deflateInit2(&stream, how->level, Z_DEFLATED, how->window_bits, how->memory_level,
                         Z_DEFAULT_STRATEGY) == Z_OK
                ? 0
                : -FMT_ENOMEM;
    if (r == 0 && deflate(&stream, Z_FINISH) != Z_STREAM_END)
        r = -FMT_ENOSPC;
    *out_bytes = room - stream.avail_out;
    fmt_arena_release(arena, mark);
    return r;
}

int rawdeflate_encode(struct fmt_arena *arena, int window_bits, int level, const void *in,
                      size_t in_bytes, void *out, size_t *out_bytes)
{
    const struct encoding how = {level ? level : Z_DEFAULT_COMPRESSION, -window_bits, MEMORY_LEVEL};
    return encode(arena, &how, in, in_bytes, out, out_bytes);
}

int zlib_encode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                size_t *out_bytes)
{
    const struct encoding how = {Z_DEFAULT_COMPRESSION, MAX_WBITS, ZLIB_MEMORY_LEVEL};
    return encode(arena, &how, in, in_bytes, out, out_bytes);
}
