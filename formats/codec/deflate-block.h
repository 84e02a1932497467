/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A block of deflate data: literals and matches, and how they are written. */
#ifndef FORMATS_CODEC_DEFLATE_BLOCK_H
#define FORMATS_CODEC_DEFLATE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DEFLATE_LITERALS = 286, /* literals, end of block, lengths */
    DEFLATE_DISTANCES = 30,
    DEFLATE_TOKENS_MAX = 1 << 15,
};

/* A token: a literal byte, or DEFLATE_MATCH with a length and a distance. */
#define DEFLATE_MATCH UINT32_C(0x80000000)
#define DEFLATE_LENGTH_SHIFT 16

struct deflate_block {
    uint32_t count;
    uint32_t literal_uses[DEFLATE_LITERALS];
    uint32_t distance_uses[DEFLATE_DISTANCES];
    uint32_t token[DEFLATE_TOKENS_MAX];
};

/* Where bits go. */
struct deflate_bits {
    uint8_t *at, *end;
    uint64_t bits;
    unsigned count;
};

/* Symbol of a length 3..258, with its number of further bits and their value. */
static inline unsigned deflate_length_symbol(unsigned length, unsigned *bits, unsigned *value)
{
    unsigned l = length - 3, top;

    *bits = *value = 0;
    if (length == 258)
        return 285;
    if (l < 8)
        return 257 + l;
    top = 31 - (unsigned)__builtin_clz(l);
    *bits = top - 2;
    *value = l & ((1u << (top - 2)) - 1);
    return 257 + 4 * (top - 1) + (l >> (top - 2) & 3);
}

/* Likewise of a distance from 1 on. */
static inline unsigned deflate_distance_symbol(unsigned distance, unsigned *bits, unsigned *value)
{
    unsigned d = distance - 1, top;

    *bits = *value = 0;
    if (d < 4)
        return d;
    top = 31 - (unsigned)__builtin_clz(d);
    *bits = top - 1;
    *value = d & ((1u << (top - 1)) - 1);
    return 2 * top + (d >> (top - 1) & 1);
}

/* Write the block by the shortest of the three ways; @plain: the @plain_bytes bytes that it stands
 * for. Empties it. False: no room. */
bool deflate_block_write(struct deflate_block *block, const uint8_t *plain, size_t plain_bytes,
                         bool last, struct deflate_bits *out);
/* Fill up to a whole byte. False: no room. */
bool deflate_bits_end(struct deflate_bits *out);

#endif
