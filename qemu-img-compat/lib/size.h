/* SPDX-License-Identifier: GPL-2.0-or-later */
/* size - byte counts as people write them ("64M", "1.5G", "0x200") and as QEMU prints them. */
#ifndef QIC_LIB_SIZE_H
#define QIC_LIB_SIZE_H

#include "failure.h"

#include <stdint.h>

typedef enum SizeParse {
    SIZE_PARSED,
    SIZE_INVALID,      /* not a number of that form, or something follows it */
    SIZE_OUT_OF_RANGE, /* negative (even -0), or 2^64 and above */
} SizeParse;

/*
 * Parses a whole string: decimal digits with an optional fraction and an optional suffix of
 * b, k, M, G, T, P, E (either case, powers of 1024), or 0x with hexadecimal digits alone.
 * A fraction needs a suffix above b; the result is rounded to whole bytes. *bytes is 0 unless
 * the result is SIZE_PARSED.
 */
SizeParse size_parse(const char *text, uint64_t *bytes);

/*
 * A size given on the command line, within [min, max]. `what` names it in the error's text
 * ("image size", "rate limit", "buffer size for sparse output", "bs", ...).
 */
bool size_argument_parse(const char *what, const char *text, int64_t min, int64_t max,
                         int64_t *bytes, GError **error);

/*
 * The same for a plain number as C writes it (decimal, 0x.., 0.. octal); a negative one counts as
 * its two's complement, as strtoul takes it.
 */
bool size_count_parse(const char *what, const char *text, int64_t min, int64_t max, int64_t *number,
                      GError **error);

/* "64 MiB", "196 KiB", "0 B": three significant digits. The caller frees it. */
char *size_human(uint64_t bytes);

#endif
