/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts in a refcount block: 1 to 64 bits wide, big-endian, those within a byte lowest first. */
#ifndef FORMATS_QCOW2_COUNT_H
#define FORMATS_QCOW2_COUNT_H

#include "qcow2.h"

/* The @index-th count of a refcount block, of 1 << @order bits. */
static inline uint64_t count_get(const uint8_t *bytes, unsigned order, uint64_t index)
{
    unsigned bits = 1u << order;

    switch (order) {
    case 3:
        return bytes[index];
    case 4:
        return be16_load(bytes + index * 2);
    case 5:
        return be32_load(bytes + index * 4);
    case 6:
        return be64_load(bytes + index * 8);
    default:
        return bytes[index * bits / 8] >> (index * bits % 8) & ((1u << bits) - 1);
    }
}

static inline void count_set(uint8_t *bytes, unsigned order, uint64_t index, uint64_t count)
{
    unsigned bits = 1u << order, shift = (unsigned)(index * bits % 8);
    uint8_t *at = bytes + index * bits / 8;

    switch (order) {
    case 3:
        *at = (uint8_t)count;
        break;
    case 4:
        be16_store(at, (uint16_t)count);
        break;
    case 5:
        be32_store(at, (uint32_t)count);
        break;
    case 6:
        be64_store(at, count);
        break;
    default:
        *at = (uint8_t)((*at & ~(((1u << bits) - 1) << shift)) | (unsigned)count << shift);
        break;
    }
}

#endif
