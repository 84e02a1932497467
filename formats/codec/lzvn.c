/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LZVN; see lzvn.h. Each item begins with a byte that tells its kind, and mostly its lengths:
 *
 *     LLMMMDDD DDDDDDDD             near (DDD below 6)
 *     101LLMMM DDDDDDMM DDDDDDDD    medium
 *     LLMMM111 DDDDDDDD DDDDDDDD    far
 *     LLMMM110                      the distance of the item before; not with LL 0
 *     1110LLLL, 11100000 LLLLLLLL   plain bytes alone
 *     1111MMMM, 11110000 MMMMMMMM   a repetition alone, of the distance before
 *     00000110 and seven bytes      the end
 *     00001110, 00010110            nothing
 *
 * L plain bytes follow the item, then M bytes are repeated from a distance of D. Numbers of more
 * than a byte are little-endian, but for the near distance.
 */
#include "lzvn.h"

#include "common/error.h"

enum kind { UNDEFINED, NEAR, MEDIUM, FAR, SAME, PLAIN, MATCH, END, NOTHING };

enum {
    OP_END = 0x06,
    OP_NOTHING = 0x0e,
    OP_NOTHING_TOO = 0x16,
    OP_WITH_PLAIN = 0x40, /* from here on LL is not 0 */
    OP_PLAIN = 0xe0,
    OP_MATCH = 0xf0,
    END_BYTES = 8,
    MATCH_MIN = 3,
    LONG_MIN = 16, /* of lengths that have a byte of their own */
};

struct item {
    size_t head_bytes;
    size_t plain;
    size_t match;
    size_t distance; /* from item to item, until another one is told */
    bool is_end;
};

static enum kind kind_of(uint8_t op)
{
    if (op >= OP_PLAIN)
        return op >= OP_MATCH ? MATCH : PLAIN;
    if ((op & 0xf0) == 0x70 || (op & 0xf0) == 0xd0)
        return UNDEFINED;
    if ((op & 0xe0) == 0xa0)
        return MEDIUM;
    if ((op & 7) < 6)
        return NEAR;
    if ((op & 7) == 7)
        return FAR;
    if (op >= OP_WITH_PLAIN)
        return SAME;
    if (op == OP_END)
        return END;
    return op == OP_NOTHING || op == OP_NOTHING_TOO ? NOTHING : UNDEFINED;
}

static size_t head_bytes_of(enum kind kind, uint8_t op)
{
    switch (kind) {
    case NEAR:
        return 2;
    case MEDIUM:
    case FAR:
        return 3;
    case PLAIN:
    case MATCH:
        return op & 0xf ? 1 : 2;
    case END:
        return END_BYTES;
    default:
        return 1;
    }
}

/* What stands in an item's first bytes: all of them are there. */
static void lengths_parse(const uint8_t *in, enum kind kind, struct item *item)
{
    uint8_t op = in[0];

    item->plain = op >> 6;
    item->match = (op >> 3 & 7u) + MATCH_MIN;
    if (kind == NEAR) {
        item->distance = (op & 7u) << 8 | in[1];
    } else if (kind == FAR) {
        item->distance = le16_load(in + 1);
    } else if (kind == MEDIUM) {
        unsigned more = le16_load(in + 1);
        item->plain = op >> 3 & 3u;
        item->match = ((op & 7u) << 2 | (more & 3u)) + MATCH_MIN;
        item->distance = more >> 2;
    } else if (kind != SAME) {
        size_t length = op & 0xf ? op & 0xfu : in[1] + (size_t)LONG_MIN;
        item->plain = kind == PLAIN ? length : 0;
        item->match = kind == MATCH ? length : 0;
    }
}

/* @item holds the one before. False: there is no such item, or the input ends within it. */
static bool item_parse(const uint8_t *in, size_t left, struct item *item)
{
    enum kind kind = kind_of(in[0]);

    item->head_bytes = head_bytes_of(kind, in[0]);
    if (kind == UNDEFINED || item->head_bytes > left)
        return false;
    lengths_parse(in, kind, item);
    item->is_end = kind == END;
    return item->plain <= left - item->head_bytes;
}

int lzvn_decode(const uint8_t *in, size_t in_bytes, struct lz_output *output)
{
    struct lz_output out = *output; /* which the compiler keeps in registers */
    struct item item = {0};
    size_t read = 0;
    bool good = true;

    while (good && !item.is_end) {
        good = read < in_bytes && item_parse(in + read, in_bytes - read, &item);
        if (!good)
            break;
        read += item.head_bytes;
        good = lz_plain_append(&out, in + read, item.plain, in_bytes - read);
        read += item.plain;
        if (good && item.match)
            good = lz_match_append(&out, item.distance, item.match);
    }
    output->done = out.done;
    return good && read == in_bytes && out.done == out.limit ? 0 : -FMT_EIO;
}
