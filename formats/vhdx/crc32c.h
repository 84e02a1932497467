/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC-32C (Castagnoli), eight bytes at a time by tables that are computed once per image. */
#ifndef FORMATS_VHDX_CRC32C_H
#define FORMATS_VHDX_CRC32C_H

#include <stddef.h>
#include <stdint.h>

struct crc32c {
    uint32_t table[8][256];
};

void crc32c_init(struct crc32c *crc);
/* Feed bytes. Start with CRC32C_START, end by inverting: ~crc32c_feed(crc, CRC32C_START, ...). */
uint32_t crc32c_feed(const struct crc32c *crc, uint32_t state, const uint8_t *bytes, size_t length);
/* Feed so many zeroes, which need not be there. */
uint32_t crc32c_feed_zeroes(uint32_t state, uint64_t count);

#define CRC32C_START 0xffffffffu

#endif
