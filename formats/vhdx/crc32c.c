/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC-32C; see crc32c.h. */
#include "crc32c.h"

#include "common/bytes.h"

#define POLYNOMIAL 0x82f63b78u /* bits reversed */

void crc32c_init(struct crc32c *crc)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t c = byte;
        for (int bit = 0; bit < 8; bit++)
            c = c >> 1 ^ (c & 1 ? POLYNOMIAL : 0);
        crc->table[0][byte] = c;
    }
    for (size_t k = 1; k < 8; k++) {
        for (size_t byte = 0; byte < 256; byte++) {
            uint32_t c = crc->table[k - 1][byte];
            crc->table[k][byte] = c >> 8 ^ crc->table[0][c & 0xff];
        }
    }
}

uint32_t crc32c_feed(const struct crc32c *crc, uint32_t state, const uint8_t *bytes, size_t length)
{
    const uint32_t(*t)[256] = crc->table;

    for (; length >= 8; bytes += 8, length -= 8) {
        uint32_t low = le32_load(bytes) ^ state, high = le32_load(bytes + 4);
        state = t[7][low & 0xff] ^ t[6][low >> 8 & 0xff] ^ t[5][low >> 16 & 0xff] ^
                t[4][low >> 24] ^ t[3][high & 0xff] ^ t[2][high >> 8 & 0xff] ^
                t[1][high >> 16 & 0xff] ^ t[0][high >> 24];
    }
    while (length--)
        state = state >> 8 ^ t[0][(state ^ *bytes++) & 0xff];
    return state;
}

/* The product of two polynomials, modulo the CRC's; the top bit is the power 0. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (uint32_t bit = UINT32_C(1) << 31; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b >> 1 ^ (b & 1 ? POLYNOMIAL : 0);
    }
    return product;
}

/* A zero byte multiplies by x^8. */
uint32_t crc32c_feed_zeroes(uint32_t state, uint64_t count)
{
    for (uint32_t power = UINT32_C(1) << 23; count; count >>= 1) {
        if (count & 1)
            state = multiply(state, power);
        power = multiply(power, power);
    }
    return state;
}
