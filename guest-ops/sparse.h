/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the zeroes in data that need not be written. */
#ifndef GUEST_SPARSE_H
#define GUEST_SPARSE_H

#include <stdbool.h>
#include <stdint.h>

struct sparse {
    uint64_t least_bytes; /* fewer zeroes than this are written as data; 0: all are */
    uint64_t align_bytes; /* data begins and ends at multiples, if it can; a power of two */
};

/*
 * Of @bytes whole sectors at @data, which belong at @offset: how many from the start are to be
 * treated alike, and whether they are data to be written (true) or zeroes (false).
 */
bool sparse_data_find(const struct sparse *sparse, const uint8_t *data, uint64_t bytes,
                      uint64_t offset, uint64_t *length);

/* Are all bytes zero? */
bool sparse_is_zero(const void *data, uint64_t bytes);

#endif
