/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On-disk integers: unaligned big- and little-endian accessors. Drivers read every field so. The
 * compiler is told that it may see through the copies: freestanding, it would call memcpy().
 */
#ifndef FORMATS_COMMON_BYTES_H
#define FORMATS_COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BYTES_ACCESSORS(bits, swap_be, swap_le)                                                    \
    static inline uint##bits##_t be##bits##_load(const void *from)                                 \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        __builtin_memcpy(&v, from, sizeof(v));                                                     \
        return swap_be(v);                                                                         \
    }                                                                                              \
    static inline uint##bits##_t le##bits##_load(const void *from)                                 \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        __builtin_memcpy(&v, from, sizeof(v));                                                     \
        return swap_le(v);                                                                         \
    }                                                                                              \
    static inline void be##bits##_store(void *to, uint##bits##_t v)                                \
    {                                                                                              \
        v = swap_be(v);                                                                            \
        __builtin_memcpy(to, &v, sizeof(v));                                                       \
    }                                                                                              \
    static inline void le##bits##_store(void *to, uint##bits##_t v)                                \
    {                                                                                              \
        v = swap_le(v);                                                                            \
        __builtin_memcpy(to, &v, sizeof(v));                                                       \
    }

#define BYTES_SAME(v) (v)
/* x86-64 only: the guest is x86-64 code, and the host runs the same objects. */
BYTES_ACCESSORS(16, __builtin_bswap16, BYTES_SAME)
BYTES_ACCESSORS(32, __builtin_bswap32, BYTES_SAME)
BYTES_ACCESSORS(64, __builtin_bswap64, BYTES_SAME)
#undef BYTES_SAME
#undef BYTES_ACCESSORS

/* A run of bytes that is not a C string: names and texts found in images or given by users. */
struct fmt_bytes {
    const char *data;
    size_t length;
};

static inline bool fmt_bytes_equal(struct fmt_bytes a, const char *text)
{
    size_t length = strlen(text);
    return a.length == length && (length == 0 || memcmp(a.data, text, length) == 0);
}

static inline struct fmt_bytes fmt_bytes_of(const char *text)
{
    return (struct fmt_bytes){text, strlen(text)};
}

/* Rounding and division without overflow traps: callers have bounded @n to at most INT64_MAX. */
static inline uint64_t round_up_u64(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static inline uint64_t div_up_u64(uint64_t n, uint64_t unit)
{
    return n / unit + (n % unit != 0);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline bool is_power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

#endif
