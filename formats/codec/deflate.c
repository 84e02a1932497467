/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deflate by libdeflate; see deflate.h. */
#include "deflate.h"

#include <libdeflate.h>

#include "common/error.h"

enum { LEVEL_DEFAULT = 6, CONTEXT_ALIGN_BYTES = 64 };

/*
 * The library asks for memory without saying for whom. It does so only when a context is made, by
 * one caller at a time.
 */
static struct {
    uint32_t lock;
    struct fmt_arena *arena;
} lender;

static void *lender_take(size_t bytes)
{
    return fmt_arena_buffer(lender.arena, bytes, CONTEXT_ALIGN_BYTES);
}

static void lender_ignore(void *block)
{
    (void)block;
}

static void lender_begin(struct fmt_arena *arena)
{
    while (__atomic_exchange_n(&lender.lock, 1, __ATOMIC_ACQUIRE))
        ;
    lender.arena = arena;
    libdeflate_set_memory_allocator(lender_take, lender_ignore);
}

static void lender_end(void)
{
    lender.arena = NULL;
    __atomic_store_n(&lender.lock, 0, __ATOMIC_RELEASE);
}

int deflate_decode(struct fmt_arena *arena, void **context, enum deflate_frame frame,
                   const void *in, size_t in_bytes, void *out, size_t out_bytes)
{
    if (!*context) {
        lender_begin(arena);
        *context = libdeflate_alloc_decompressor();
        lender_end();
    }
    if (!*context)
        return -FMT_ENOMEM;
    size_t used;
    enum libdeflate_result r =
        frame == DEFLATE_ZLIB
            ? libdeflate_zlib_decompress_ex(*context, in, in_bytes, out, out_bytes, &used, NULL)
            : libdeflate_deflate_decompress_ex(*context, in, in_bytes, out, out_bytes, &used, NULL);
    return r == LIBDEFLATE_SUCCESS ? 0 : -FMT_EIO;
}

int deflate_encode(struct fmt_arena *arena, void **context, int level, enum deflate_frame frame,
                   const void *in, size_t in_bytes, void *out, size_t *out_bytes)
{
    if (!*context) {
        lender_begin(arena);
        *context = libdeflate_alloc_compressor(level ? level : LEVEL_DEFAULT);
        lender_end();
    }
    if (!*context)
        return -FMT_ENOMEM;
    *out_bytes = frame == DEFLATE_ZLIB
                     ? libdeflate_zlib_compress(*context, in, in_bytes, out, *out_bytes)
                     : libdeflate_deflate_compress(*context, in, in_bytes, out, *out_bytes);
    return *out_bytes ? 0 : -FMT_ENOSPC;
}
