/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LZFSE: the two streams of bits of an entropy coded block; see lzfse-block.h. */
#include "lzfse-block.h"
#include "common/error.h"

/*
 * A stream of bits, read from its end, the upper bits of each byte first. The window holds the next
 * ones in its upper bits: 57 or more after bits_fill(), which is enough for four literals, or for a
 * triple. Behind the last bit there are zeroes.
 */
struct bits {
    const uint8_t *start;
    int64_t left; /* negative: more were taken than there were */
    uint64_t window;
};

enum {
    WINDOW_BYTES = 8,
    LITERAL_BITS_MAX = 10,
    TRIPLE_BITS_MAX = 6 + 8 + 6 + 11 + 8 + 15, /* states and values */
    FILLED_BITS = 57,
};
_Static_assert(LZFSE_LITERAL_STREAMS *LITERAL_BITS_MAX <= FILLED_BITS, "literals fit");
_Static_assert(TRIPLE_BITS_MAX <= FILLED_BITS, "a triple fits");

/* @bits->left is not negative. */
static inline void bits_fill(struct bits *bits)
{
    size_t bytes = (size_t)(bits->left + 7) / 8;
    uint64_t window = 0;

    if (bytes >= WINDOW_BYTES) {
        window = le64_load(bits->start + bytes - WINDOW_BYTES);
    } else {
        for (size_t i = 0; i < bytes; i++)
            window |= (uint64_t)bits->start[i] << 8 * (WINDOW_BYTES - bytes + i);
    }
    bits->window = window << (8 * bytes - (size_t)bits->left);
}

/* @count: less than 64, and no more than the window has. */
static inline uint64_t bits_take(struct bits *bits, unsigned count)
{
    uint64_t value = bits->window >> 1 >> (63 - count);

    bits->window <<= count;
    bits->left -= count;
    return value;
}

/* False: the padding is longer than the part, or not zeroes. */
static bool bits_open(struct bits *bits, const uint8_t *start, const struct lzfse_part *part)
{
    *bits = (struct bits){.start = start, .left = INT64_C(8) * part->bytes};
    bits_fill(bits);
    return part->padding_bits <= bits->left && bits_take(bits, part->padding_bits) == 0;
}

/* The value of the state, which becomes the next one. */
static inline uint32_t value_take(struct bits *bits, const struct lzfse_state *table,
                                  uint16_t *state)
{
    const struct lzfse_state at = table[*state];
    uint64_t taken = bits_take(bits, (unsigned)at.bits + at.value_bits);

    *state = (uint16_t)(at.next + (taken >> at.value_bits));
    return at.value + (uint32_t)(taken & ((1u << at.value_bits) - 1));
}

static uint8_t literal_take(struct bits *bits, const struct lzfse_state *table, uint16_t *state)
{
    const struct lzfse_state at = table[*state];

    *state = (uint16_t)(at.next + bits_take(bits, at.bits));
    return (uint8_t)at.value;
}

/* Four at a time: the room for them is a multiple of it. */
static bool literals_decode(struct lzfse_memory *memory, const uint8_t *part)
{
    const struct lzfse_state *table = memory->state + LZFSE_STATES - LZFSE_LITERAL_STATES;
    const struct lzfse_head *head = &memory->head;
    uint16_t a = head->literal_state[0], b = head->literal_state[1];
    uint16_t c = head->literal_state[2], d = head->literal_state[3];
    struct bits bits;

    if (!bits_open(&bits, part, &head->literal_part))
        return false;
    for (uint32_t i = 0; i < head->literals; i += LZFSE_LITERAL_STREAMS) {
        uint8_t *to = memory->literal + i;
        bits_fill(&bits);
        to[0] = literal_take(&bits, table, &a);
        to[1] = literal_take(&bits, table, &b);
        to[2] = literal_take(&bits, table, &c);
        to[3] = literal_take(&bits, table, &d);
        if (bits.left < 0)
            return false;
    }
    return true;
}

static bool triples_decode(struct lzfse_memory *memory, const uint8_t *part,
                           struct lz_output *output)
{
    const struct lzfse_state *plain_table = memory->state;
    const struct lzfse_state *match_table = plain_table + LZFSE_LENGTH_STATES;
    const struct lzfse_state *distance_table = match_table + LZFSE_LENGTH_STATES;
    const struct lzfse_head *head = &memory->head;
    uint16_t plain_state = head->state[LZFSE_PLAIN_LENGTH];
    uint16_t match_state = head->state[LZFSE_MATCH_LENGTH];
    uint16_t distance_state = head->state[LZFSE_DISTANCE];
    struct lz_output out = *output; /* which the compiler keeps in registers */
    size_t used = 0, distance = 0;
    struct bits bits;

    bool good = bits_open(&bits, part, &head->triple_part);
    for (uint32_t i = 0; good && i < head->triples; i++) {
        bits_fill(&bits);
        size_t plain = value_take(&bits, plain_table, &plain_state);
        size_t match = value_take(&bits, match_table, &match_state);
        size_t further = value_take(&bits, distance_table, &distance_state);
        distance = further ? further : distance; /* 0: the same again */
        good =
            bits.left >= 0 && plain <= head->literals - used &&
            lz_plain_append(&out, memory->literal + used, plain, sizeof(memory->literal) - used) &&
            lz_match_append(&out, distance, match);
        used += plain;
    }
    output->done = out.done;
    return good && out.done == out.limit;
}

int lzfse_block_decode(struct lzfse_memory *memory, const uint8_t *parts, struct lz_output *out)
{
    if (!lzfse_tables_make(memory) || !literals_decode(memory, parts) ||
        !triples_decode(memory, parts + memory->head.literal_part.bytes, out))
        return -FMT_EIO;
    return 0;
}
