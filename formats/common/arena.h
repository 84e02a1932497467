/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a job: one block handed out from the bottom up.
 *
 * Drivers take what they need at open and never give single blocks back; an operation that works
 * piece by piece takes a mark and returns to it.
 */
#ifndef FORMATS_COMMON_ARENA_H
#define FORMATS_COMMON_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct fmt_arena {
    uint8_t *base;
    size_t size_bytes;
    size_t used_bytes;
    size_t fresh_off; /* memory from here on was never used and is zeroes; 0: not known */
};

/* @bytes zeroed bytes, aligned to 64, or NULL when the arena is exhausted. */
void *fmt_arena_alloc(struct fmt_arena *arena, uint64_t bytes);
/* As above with another alignment (a power of two) and not zeroed: for data buffers. */
void *fmt_arena_buffer(struct fmt_arena *arena, uint64_t bytes, size_t align_bytes);
/* Everything allocated after fmt_arena_mark() is gone after fmt_arena_release(). */
size_t fmt_arena_mark(const struct fmt_arena *arena);
void fmt_arena_release(struct fmt_arena *arena, size_t mark);
/* Bytes that are left. */
static inline size_t fmt_arena_room(const struct fmt_arena *arena)
{
    return arena->size_bytes - arena->used_bytes;
}
/* A copy of @length bytes with a NUL behind them, or NULL. */
char *fmt_arena_copy(struct fmt_arena *arena, const void *data, uint64_t length);

#endif
