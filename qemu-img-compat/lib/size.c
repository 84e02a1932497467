/* SPDX-License-Identifier: GPL-2.0-or-later */
/* size - see size.h. */
#include "size.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char size_suffixes[] = "BKMGTPE";

enum {
    SIZE_SUFFIX_SHIFT = 10, /* each suffix is 1024 times the one before */
};

/* The power of two that a suffix stands for, or -1. */
static int size_suffix_shift(char suffix)
{
    const char *found = suffix ? strchr(size_suffixes, g_ascii_toupper(suffix)) : NULL;

    return found ? (int)(found - size_suffixes) * SIZE_SUFFIX_SHIFT : -1;
}

/* A size being parsed: whole + fraction / 2^64, and where the rest of the text starts. */
typedef struct SizeParts {
    uint64_t whole;
    uint64_t fraction;
    const char *rest;
} SizeParts;

/* The integer before a point; SIZE_INVALID also where there is none, with rest at the start. */
static SizeParse size_whole_parse(const char *text, SizeParts *parts)
{
    const char *sign = text;
    char *end;

    errno = 0;
    parts->whole = strtoull(text, &end, 10);
    parts->rest = end;
    if (errno) {
        return SIZE_OUT_OF_RANGE;
    }
    if (end == text) {
        return SIZE_INVALID;
    }
    sign += strspn(sign, " \t\n\v\f\r");
    return *sign == '-' ? SIZE_OUT_OF_RANGE : SIZE_PARSED;
}

static SizeParse size_hex_parse(const char *text, SizeParts *parts)
{
    char *end;

    errno = 0;
    parts->whole = strtoull(text, &end, 16);
    parts->rest = end;
    if (errno) {
        return SIZE_OUT_OF_RANGE;
    }
    return *end == '.' || size_suffix_shift(*end) >= 0 ? SIZE_INVALID : SIZE_PARSED;
}

/* The fraction from its point on. An E in it is a suffix here, not an exponent. */
static SizeParse size_fraction_parse(SizeParts *parts)
{
    size_t length = strcspn(parts->rest, "eE");
    g_autofree char *copy = g_strndup(parts->rest, length);
    char *end;
    double fraction;
    bool underflow;

    errno = 0;
    fraction = g_ascii_strtod(copy, &end);
    underflow = errno == ERANGE;
    if (end == copy || !isfinite(fraction)) {
        return SIZE_INVALID;
    }
    parts->rest += end - copy;
    if (signbit(fraction)) {
        return SIZE_OUT_OF_RANGE;
    }
    if (fraction >= 1.0) {
        return __builtin_add_overflow(parts->whole, 1, &parts->whole) ? SIZE_OUT_OF_RANGE
                                                                      : SIZE_PARSED;
    }
    parts->fraction = underflow ? 1 : (uint64_t)(fraction * 0x1p64);
    if (!parts->fraction && fraction > 0.0) {
        parts->fraction = 1;
    }
    return SIZE_PARSED;
}

static SizeParse size_parts_parse(const char *text, SizeParts *parts)
{
    SizeParse result = size_whole_parse(text, parts);

    if (result == SIZE_OUT_OF_RANGE) {
        return result;
    }
    if (result == SIZE_PARSED && parts->whole == 0 && (*parts->rest | 0x20) == 'x') {
        return size_hex_parse(text, parts);
    }
    if (result == SIZE_PARSED && *parts->rest == '.' && !g_ascii_isdigit(parts->rest[1])) {
        parts->rest++;
        return result;
    }
    if (*parts->rest == '.' || (parts->rest == text && strchr(text, '.'))) {
        return size_fraction_parse(parts);
    }
    return result;
}

/* Applies the suffix at the start of the rest. Half a byte is rounded up. */
static SizeParse size_scale(SizeParts *parts)
{
    int shift = size_suffix_shift(*parts->rest);
    unsigned __int128 fraction;
    unsigned __int128 bytes;

    if (shift >= 0) {
        parts->rest++;
    }
    if (shift <= 0) {
        return parts->fraction ? SIZE_INVALID : SIZE_PARSED;
    }
    fraction = (unsigned __int128)parts->fraction << shift;
    bytes = ((unsigned __int128)parts->whole << shift) + (uint64_t)(fraction >> 64);
    bytes += (uint64_t)fraction >> 63;
    parts->whole = (uint64_t)bytes;
    return bytes > UINT64_MAX ? SIZE_OUT_OF_RANGE : SIZE_PARSED;
}

SizeParse size_parse(const char *text, uint64_t *bytes)
{
    SizeParts parts = {0, 0, text};
    SizeParse result = size_parts_parse(text, &parts);

    *bytes = 0;
    if (result == SIZE_PARSED) {
        result = size_scale(&parts);
    }
    if (result == SIZE_INVALID || *parts.rest) {
        return SIZE_INVALID;
    }
    if (result == SIZE_PARSED) {
        *bytes = parts.whole;
    }
    return result;
}

/* The limits, after a number has been parsed. */
static bool size_range_check(const char *what, const char *text, SizeParse result, uint64_t number,
                             int64_t min, int64_t max, GError **error)
{
    if (result == SIZE_INVALID) {
        return failure_set(error, "Invalid %s specified: '%s'.", what, text);
    }
    if (result == SIZE_OUT_OF_RANGE || number > (uint64_t)max || number < (uint64_t)min) {
        return failure_set(error,
                           "Invalid %s specified. Must be between %" PRId64 " and %" PRId64 ".",
                           what, min, max);
    }
    return true;
}

bool size_argument_parse(const char *what, const char *text, int64_t min, int64_t max,
                         int64_t *bytes, GError **error)
{
    uint64_t number;
    SizeParse result = size_parse(text, &number);

    *bytes = (int64_t)number;
    return size_range_check(what, text, result, number, min, max, error);
}

bool size_count_parse(const char *what, const char *text, int64_t min, int64_t max, int64_t *number,
                      GError **error)
{
    SizeParse result;
    uint64_t count;
    char *end;

    errno = 0;
    count = strtoull(text, &end, 0);
    result = errno ? SIZE_OUT_OF_RANGE : SIZE_PARSED;
    if (end == text || *end) {
        result = SIZE_INVALID;
    }
    *number = (int64_t)count;
    return size_range_check(what, text, result, count, min, max, error);
}

char *size_human(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned index = 0;
    int exponent;

    /* The next unit is taken from 1000 of the smaller one on, so that three digits suffice. */
    frexp((double)bytes * 1024.0 / 1000.0, &exponent);
    if (exponent > 0) {
        index = (unsigned)(exponent - 1) / SIZE_SUFFIX_SHIFT;
    }
    return g_strdup_printf("%.3g %s", (double)bytes / (double)(1ULL << (index * SIZE_SUFFIX_SHIFT)),
                           units[index]);
}
