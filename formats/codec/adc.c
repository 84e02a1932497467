/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apple Data Compression; see adc.h. */
#include "adc.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/error.h"

/* Each item begins with a byte that tells its kind and length. */
enum {
    PLAIN_BIT = 0x80, /* length - 1 in the others; the bytes follow */
    FAR_BIT = 0x40,   /* length - 4; two bytes of distance - 1 follow, big-endian */
    FAR_BYTES_MIN = 4,
    NEAR_BYTES_MIN = 3, /* else: length - 3 in bits 2 to 5, the distance's upper bits in 0 and 1 */
};

struct item {
    size_t head_bytes;
    size_t bytes;
    size_t distance; /* 0: plain bytes */
};

/* False: the input ends within the item. */
static bool item_parse(const uint8_t *in, size_t left, struct item *item)
{
    uint8_t lead = in[0];

    if (lead & PLAIN_BIT) {
        *item = (struct item){.head_bytes = 1, .bytes = (lead & 0x7fu) + 1};
        return item->bytes < left;
    }
    *item = (struct item){.head_bytes = lead & FAR_BIT ? 3 : 2};
    if (item->head_bytes > left)
        return false;
    if (lead & FAR_BIT) {
        item->bytes = (lead & 0x3fu) + FAR_BYTES_MIN;
        item->distance = ((size_t)in[1] << 8 | in[2]) + 1;
    } else {
        item->bytes = (lead >> 2 & 0xfu) + NEAR_BYTES_MIN;
        item->distance = ((size_t)(lead & 3u) << 8 | in[1]) + 1;
    }
    return true;
}

int adc_decode(const void *in, size_t in_bytes, void *out, size_t out_bytes)
{
    const uint8_t *from = in;
    uint8_t *to = out;
    size_t read = 0, done = 0;
    struct item item;

    while (done < out_bytes) {
        if (read == in_bytes || !item_parse(from + read, in_bytes - read, &item) ||
            item.bytes > out_bytes - done || item.distance > done)
            return -FMT_EIO;
        read += item.head_bytes;
        if (item.distance == 0) {
            memcpy(to + done, from + read, item.bytes);
            read += item.bytes;
        } else {
            /* Byte by byte: a copy may go on into itself. */
            for (size_t i = 0; i < item.bytes; i++)
                to[done + i] = to[done + i - item.distance];
        }
        done += item.bytes;
    }
    return 0;
}
