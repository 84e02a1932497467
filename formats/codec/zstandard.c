/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zstandard; see zstandard.h. */
#define ZSTD_STATIC_LINKING_ONLY /* for contexts in memory of our own */
#include "zstandard.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "common/error.h"

/* Frames that need a larger window than this are refused, as by the library's default. */
enum { WINDOW_BYTES_MAX = 1 << 27, WORKSPACE_ALIGN_BYTES = 64 };

/* The window that the data's first frame asks for; at least that of an empty frame. */
static size_t window_bytes(const void *in, size_t in_bytes)
{
    ZSTD_frameHeader header;

    if (ZSTD_getFrameHeader(&header, in, in_bytes) != 0)
        return 1 << ZSTD_WINDOWLOG_MIN;
    return header.windowSize <= WINDOW_BYTES_MAX ? (size_t)header.windowSize : 0;
}

int zstandard_decode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                     size_t out_bytes)
{
    size_t mark = fmt_arena_mark(arena), window = window_bytes(in, in_bytes);
    size_t room = ZSTD_estimateDStreamSize(window);
    void *workspace = window ? fmt_arena_buffer(arena, room, WORKSPACE_ALIGN_BYTES) : NULL;
    ZSTD_DStream *stream = workspace ? ZSTD_initStaticDStream(workspace, room) : NULL;
    ZSTD_inBuffer from = {in, in_bytes, 0};
    ZSTD_outBuffer to = {out, out_bytes, 0};
    int r = 0;

    if (window == 0)
        r = -FMT_EIO;
    else if (!stream)
        r = -FMT_ENOMEM;
    while (r == 0 && to.pos < to.size) {
        size_t before = from.pos, made = to.pos;
        size_t status = ZSTD_decompressStream(stream, &to, &from);
        bool stuck = from.pos == before && to.pos == made;
        if (ZSTD_isError(status) || (to.pos < to.size && (from.pos == from.size || stuck)))
            r = -FMT_EIO;
    }
    fmt_arena_release(arena, mark);
    return r;
}

static ZSTD_DCtx *decoder_make(struct fmt_arena *arena)
{
    size_t room = ZSTD_estimateDCtxSize();
    void *workspace = fmt_arena_buffer(arena, room, WORKSPACE_ALIGN_BYTES);

    return workspace ? ZSTD_initStaticDCtx(workspace, room) : NULL;
}

int zstandard_decode_whole(struct fmt_arena *arena, void **context, const void *in, size_t in_bytes,
                           void *out, size_t out_bytes)
{
    size_t frame = ZSTD_findFrameCompressedSize(in, in_bytes);

    if (!*context)
        *context = decoder_make(arena);
    if (!*context)
        return -FMT_ENOMEM;
    if (!ZSTD_isError(frame) &&
        ZSTD_decompressDCtx(*context, out, out_bytes, in, frame) == out_bytes)
        return 0;
    return zstandard_decode(arena, in, in_bytes, out, out_bytes);
}

/* A compressor in memory of our own, for data of this length. */
static ZSTD_CCtx *encoder_make(struct fmt_arena *arena, int level, size_t in_bytes)
{
    ZSTD_compressionParameters parameters = ZSTD_getCParams(level, in_bytes, 0);
    size_t room = ZSTD_estimateCCtxSize_usingCParams(parameters);
    void *workspace =
        ZSTD_isError(room) ? NULL : fmt_arena_buffer(arena, room, WORKSPACE_ALIGN_BYTES);
    ZSTD_CCtx *encoder = workspace ? ZSTD_initStaticCCtx(workspace, room) : NULL;

    if (encoder && ZSTD_isError(ZSTD_CCtx_setParameter(encoder, ZSTD_c_compressionLevel, level)))
        return NULL;
    return encoder;
}

int zstandard_encode(struct fmt_arena *arena, void **context, int level, const void *in,
                     size_t in_bytes, void *out, size_t *out_bytes)
{
    if (!*context)
        *context = encoder_make(arena, level ? level : ZSTD_CLEVEL_DEFAULT, in_bytes);
    if (!*context)
        return -FMT_ENOMEM;
    size_t length = ZSTD_compress2(*context, out, *out_bytes, in, in_bytes);
    if (ZSTD_getErrorCode(length) == ZSTD_error_dstSize_tooSmall)
        return -FMT_ENOSPC;
    if (ZSTD_isError(length))
        return ZSTD_getErrorCode(length) == ZSTD_error_memory_allocation ? -FMT_ENOMEM : -FMT_EIO;
    *out_bytes = length;
    return 0;
}
