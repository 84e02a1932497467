/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The job's memory; see arena.h. */
#include "arena.h"

#include <string.h>

enum { ARENA_ALIGN_BYTES = 64 };

void *fmt_arena_buffer(struct fmt_arena *arena, uint64_t bytes, size_t align_bytes)
{
    uintptr_t at = (uintptr_t)arena->base + arena->used_bytes;
    size_t skip = (size_t)(-at & (align_bytes - 1));
    size_t room = arena->size_bytes - arena->used_bytes;

    if (skip > room || bytes > room - skip)
        return NULL;
    arena->used_bytes += skip + (size_t)bytes;
    if (arena->fresh_off && arena->fresh_off < arena->used_bytes)
        arena->fresh_off = arena->used_bytes;
    return (void *)(at + skip);
}

void *fmt_arena_alloc(struct fmt_arena *arena, uint64_t bytes)
{
    size_t fresh_off = arena->fresh_off ? arena->fresh_off : arena->size_bytes;
    uint8_t *block = fmt_arena_buffer(arena, bytes, ARENA_ALIGN_BYTES);

    if (!block)
        return NULL;
    /* What is fresh stays untouched: in a guest, the first touch of a page takes time. */
    size_t at = (size_t)(block - arena->base);
    if (at < fresh_off)
        memset(block, 0, bytes < fresh_off - at ? (size_t)bytes : fresh_off - at);
    return block;
}

size_t fmt_arena_mark(const struct fmt_arena *arena)
{
    return arena->used_bytes;
}

void fmt_arena_release(struct fmt_arena *arena, size_t mark)
{
    if (mark <= arena->used_bytes)
        arena->used_bytes = mark;
}

char *fmt_arena_copy(struct fmt_arena *arena, const void *data, uint64_t length)
{
    char *copy = length < SIZE_MAX ? fmt_arena_buffer(arena, length + 1, 1) : NULL;
    if (copy) {
        if (length)
            memcpy(copy, data, (size_t)length);
        copy[length] = '\0';
    }
    return copy;
}
