/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deflate with a small window: finding matches; see deflate.h. */
#include "deflate.h"

#include <string.h>

#include "common/error.h"
#include "deflate-block.h"

enum {
    WINDOW_BYTES = 4096,
    HASH_BITS = 14,       /* of four bytes */
    HASH_SHORT_BITS = 12, /* of three */
    MATCH_MIN = 3,
    MATCH_MAX = 258,
    SHORT_DISTANCE_MAX = 1024, /* three bytes from further away cost as much as literals */
    LEVELS = 10,
};

/* How hard to search: as zlib's levels, by their effect. */
static const struct {
    uint16_t chain; /* candidates looked at */
    uint16_t good;  /* a match this long halves them for the next byte's */
    uint16_t lazy;  /* a match this long is taken at once */
    uint16_t nice;  /* nor is a better one looked for */
} efforts[LEVELS] = {
    {16,  8,  24,  64 },
    {2,   4,  4,   8  },
    {3,   4,  6,   16 },
    {4,   6,  10,  24 },
    {8,   6,  16,  32 },
    {12,  8,  20,  48 },
    {16,  8,  24,  64 },
    {48,  8,  48,  130},
    {128, 16, 128, 258},
    {512, 32, 258, 258},
};

/* Positions count through all inputs, so that those of earlier ones are known as too old. */
struct encoder {
    uint32_t base; /* the input's first byte */
    uint32_t head[1 << HASH_BITS];
    uint32_t head_short[1 << HASH_SHORT_BITS];
    uint32_t earlier[WINDOW_BYTES]; /* the one before with the same hash */
    struct deflate_block block;
};

struct match {
    unsigned length, distance;
};

static uint32_t load32(const uint8_t *at)
{
    uint32_t v;
    __builtin_memcpy(&v, at, sizeof(v));
    return v;
}

/* How many bytes are the same, at most @most. */
static unsigned same_bytes(const uint8_t *a, const uint8_t *b, unsigned most)
{
    unsigned n = 0;

    for (; n + 8 <= most; n += 8) {
        uint64_t x, y;
        __builtin_memcpy(&x, a + n, 8);
        __builtin_memcpy(&y, b + n, 8);
        if (x != y)
            return n + (unsigned)__builtin_ctzll(x ^ y) / 8;
    }
    while (n < most && a[n] == b[n])
        n++;
    return n;
}

/* Enter the position, and return the one before it: with the same four bytes, or three. */
static inline void enter(struct encoder *e, const uint8_t *in, uint32_t i, uint32_t *candidate,
                         uint32_t *candidate_short)
{
    uint32_t four = load32(in + i), at = e->base + i;
    uint32_t h = four * UINT32_C(0x9e3779b1) >> (32 - HASH_BITS);
    uint32_t hs = (four << 8) * UINT32_C(0x9e3779b1) >> (32 - HASH_SHORT_BITS);

    *candidate = e->head[h];
    *candidate_short = e->head_short[hs];
    e->earlier[at % WINDOW_BYTES] = *candidate;
    e->head[h] = at;
    e->head_short[hs] = at;
}

/* The longest match at @i that is longer than @than, entering the position. */
static struct match find(struct encoder *e, const uint8_t *in, uint32_t i, uint32_t end,
                         unsigned than, unsigned chain, unsigned nice)
{
    uint32_t at = e->base + i, candidate, candidate_short;
    unsigned most = end - i < MATCH_MAX ? end - i : MATCH_MAX;
    struct match best = {than < MATCH_MIN ? MATCH_MIN : than, 0};

    enter(e, in, i, &candidate, &candidate_short);
    if (than < MATCH_MIN && candidate_short >= e->base &&
        at - candidate_short <= SHORT_DISTANCE_MAX &&
        (load32(in + i) ^ load32(in + (candidate_short - e->base))) << 8 == 0)
        best.distance = at - candidate_short;
    while (chain-- > 0 && candidate >= e->base && at - candidate < WINDOW_BYTES &&
           best.length < most) {
        const uint8_t *there = in + (candidate - e->base);
        if (load32(there + best.length - 3) == load32(in + i + best.length - 3)) {
            unsigned length = same_bytes(in + i, there, most);
            if (length > best.length) {
                best = (struct match){length, at - candidate};
                if (length >= nice)
                    break;
            }
        }
        candidate = e->earlier[candidate % WINDOW_BYTES];
    }
    return best.distance ? best : (struct match){0, 0};
}

/* The shortest match that is worth its bits: where few different bytes occur, each takes few bits.
 * A sample tells. */
static unsigned match_min_choose(const uint8_t *in, uint32_t bytes)
{
    enum { SAMPLE_BYTES = 4096 };
    static const struct {
        uint8_t values, length;
    } steps[] = {
        {6,  9},
        {12, 7},
        {24, 5}
    };
    bool seen[256] = {false};
    unsigned values = 0;

    for (uint32_t i = 0; i < bytes; i += 1 + bytes / SAMPLE_BYTES) {
        values += !seen[in[i]];
        seen[in[i]] = true;
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (values <= steps[i].values)
            return steps[i].length;
    }
    return MATCH_MIN;
}

static void literal_add(struct deflate_block *block, uint8_t byte)
{
    block->token[block->count++] = byte;
    block->literal_uses[byte]++;
}

static void match_add(struct deflate_block *block, struct match match)
{
    unsigned bits, value;

    block->token[block->count++] =
        DEFLATE_MATCH | match.length << DEFLATE_LENGTH_SHIFT | match.distance;
    block->literal_uses[deflate_length_symbol(match.length, &bits, &value)]++;
    block->distance_uses[deflate_distance_symbol(match.distance, &bits, &value)]++;
}

/* The whole input; a match is taken only if the next byte has no longer one. */
static bool encode(struct encoder *e, int level, const uint8_t *in, uint32_t bytes,
                   struct deflate_bits *out)
{
    unsigned chain = efforts[level].chain, nice = efforts[level].nice;
    uint32_t block_start = 0, i = 0, skipped, skipped_short;
    unsigned match_min = match_min_choose(in, bytes);
    struct match held = {0, 0}; /* at i - 1 */
    bool holding = false;

    while (i < bytes) {
        struct match match = {0, 0};
        if (e->block.count >= DEFLATE_TOKENS_MAX - 2) {
            uint32_t done = i - holding;
            if (!deflate_block_write(&e->block, in + block_start, done - block_start, false, out))
                return false;
            block_start = done;
        }
        if (bytes - i > MATCH_MIN && held.length < efforts[level].lazy)
            match = find(e, in, i, bytes, held.length,
                         held.length >= efforts[level].good ? chain / 4 + 1 : chain, nice);
        else if (bytes - i > MATCH_MIN)
            enter(e, in, i, &skipped, &skipped_short);
        if (match.length < match_min)
            match.length = 0;
        if (held.length && match.length <= held.length) {
            uint32_t end = i - 1 + held.length;
            match_add(&e->block, held);
            for (i++; i < end; i++) {
                if (bytes - i > MATCH_MIN)
                    enter(e, in, i, &skipped, &skipped_short);
            }
            holding = false;
            held.length = 0;
            continue;
        }
        if (holding)
            literal_add(&e->block, in[i - 1]);
        held = match;
        holding = true;
        i++;
    }
    if (holding)
        literal_add(&e->block, in[i - 1]);
    return deflate_block_write(&e->block, in + block_start, bytes - block_start, true, out);
}

int deflate_encode(struct fmt_arena *arena, void **context, int level, const void *in,
                   size_t in_bytes, void *out, size_t *out_bytes)
{
    enum { INPUT_BYTES_MAX = 16 << 20 };
    struct encoder *e = *context;

    if (in_bytes > INPUT_BYTES_MAX || level < 0 || level >= LEVELS)
        return -FMT_EINVAL;
    if (!e || e->base > UINT32_MAX / 2) {
        e = e ? memset(e, 0, sizeof(*e)) : fmt_arena_alloc(arena, sizeof(*e));
        if (!e)
            return -FMT_ENOMEM;
        e->base = WINDOW_BYTES;
        *context = e;
    }
    memset(e->block.literal_uses, 0, sizeof(e->block.literal_uses));
    memset(e->block.distance_uses, 0, sizeof(e->block.distance_uses));
    e->block.count = 0;
    struct deflate_bits bits = {.at = out, .end = (uint8_t *)out + *out_bytes};
    bool fits = encode(e, level, in, (uint32_t)in_bytes, &bits) && deflate_bits_end(&bits);
    e->base += (uint32_t)in_bytes;
    *out_bytes = (size_t)(bits.at - (uint8_t *)out);
    return fits ? 0 : -FMT_ENOSPC;
}
