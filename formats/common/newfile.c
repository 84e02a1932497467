/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New files; see newfile.h. */
#include "newfile.h"

enum { PIECE_BYTES = 64 << 10 };

int newfile_pieces_write(struct fmt_env *env, uint32_t device, uint64_t offset, uint64_t bytes,
                         void (*fill)(void *ctx, uint64_t at, uint8_t *piece, size_t length),
                         void *ctx)
{
    size_t mark = fmt_arena_mark(env->arena);
    size_t room = (size_t)min_u64(bytes, PIECE_BYTES);
    uint8_t *piece = fmt_alloc(env, room);
    int r = piece ? 0 : -FMT_ENOMEM;

    for (uint64_t at = 0; r == 0 && at < bytes; at += room) {
        size_t length = (size_t)min_u64(room, bytes - at);
        fill(ctx, at, piece, length);
        r = io_write(env, device, offset + at, piece, length);
    }
    fmt_arena_release(env->arena, mark);
    return r;
}

int newfile_zeroes_write(struct fmt_env *env, uint32_t device, uint64_t offset, uint64_t bytes)
{
    if (!io_range_ok(offset, bytes))
        return -FMT_EIO;
    return bytes ? env->io->zero_write(env->io_ctx, device, offset, bytes) : 0;
}

enum fmt_error_code newfile_resize_code(enum fmt_prealloc mode)
{
    static const enum fmt_error_code codes[] = {
        [FMT_PREALLOC_OFF] = FMT_ERR_RESIZE_FILE,
        [FMT_PREALLOC_FALLOC] = FMT_ERR_PREALLOCATE_FILE,
        [FMT_PREALLOC_FULL] = FMT_ERR_PREALLOCATE_FULL,
    };
    return codes[mode];
}
