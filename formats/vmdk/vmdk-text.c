/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: words, values and extent lines of a descriptor.
 *
 * The reference looks for names anywhere in the text, and reads lines as the C library's scanf
 * would; that decides which of the many descriptors in the wild are read, so it is so here.
 */
#include "vmdk.h"

size_t vmdk_text_find(struct fmt_bytes text, const char *word)
{
    size_t length = strlen(word);

    for (size_t at = 0; at + length <= text.length; at++) {
        const char *first = memchr(text.data + at, word[0], text.length - at - length + 1);
        if (!first)
            break;
        at = (size_t)(first - text.data);
        if (memcmp(first, word, length) == 0)
            return at;
    }
    return SIZE_MAX;
}

bool vmdk_text_value(struct fmt_bytes text, const char *name, size_t max, struct fmt_bytes *value)
{
    size_t at = vmdk_text_find(text, name);

    if (at == SIZE_MAX)
        return false;
    at += strlen(name) + strlen("=\"");
    if (at >= text.length)
        return false;
    const char *end = memchr(text.data + at, '"', text.length - at);
    if (!end || (size_t)(end - text.data) - at > max)
        return false;
    *value = (struct fmt_bytes){text.data + at, (size_t)(end - text.data) - at};
    return true;
}

/* ---- fields of a line ---- */

struct scan {
    const char *at, *end;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void scan_spaces(struct scan *scan)
{
    while (scan->at < scan->end && is_space(*scan->at))
        scan->at++;
}

/* At most @max bytes up to a space. */
static bool scan_word(struct scan *scan, size_t max, struct fmt_bytes *word)
{
    scan_spaces(scan);
    word->data = scan->at;
    while (scan->at < scan->end && !is_space(*scan->at) && (size_t)(scan->at - word->data) < max)
        scan->at++;
    word->length = (size_t)(scan->at - word->data);
    return word->length > 0;
}

static int digit_value(char c, unsigned base)
{
    int value = -1;

    if (c >= '0' && c <= '9')
        value = c - '0';
    else if (c >= 'a' && c <= 'f')
        value = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F')
        value = c - 'A' + 10;
    return value < (int)base ? value : -1;
}

static bool scan_sign(struct scan *scan)
{
    bool negative = scan->at < scan->end && *scan->at == '-';

    if (negative || (scan->at < scan->end && *scan->at == '+'))
        scan->at++;
    return negative;
}

/* Digits; what is larger than @limit becomes @limit. */
static bool scan_digits(struct scan *scan, unsigned base, uint64_t limit, uint64_t *value)
{
    const char *first = scan->at;
    bool over = false;
    uint64_t sum = 0;

    for (; scan->at < scan->end && digit_value(*scan->at, base) >= 0; scan->at++) {
        over = over || __builtin_mul_overflow(sum, base, &sum) ||
               __builtin_add_overflow(sum, (unsigned)digit_value(*scan->at, base), &sum);
    }
    *value = over || sum > limit ? limit : sum;
    return scan->at > first;
}

static bool scan_decimal(struct scan *scan, int64_t *value)
{
    uint64_t magnitude;

    scan_spaces(scan);
    bool negative = scan_sign(scan);
    if (!scan_digits(scan, 10, INT64_MAX, &magnitude))
        return false;
    *value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

bool vmdk_text_cid(struct fmt_bytes text, const char *name, uint32_t *cid)
{
    size_t at = vmdk_text_find(text, name);
    struct scan scan = {.end = text.data + text.length};
    uint64_t value;

    if (at == SIZE_MAX || at + strlen(name) + 1 > text.length)
        return false;
    scan.at = text.data + at + strlen(name) + 1;
    scan_spaces(&scan);
    bool negative = scan_sign(&scan);
    if (scan.end - scan.at > 2 && scan.at[0] == '0' && (scan.at[1] == 'x' || scan.at[1] == 'X') &&
        digit_value(scan.at[2], 16) >= 0)
        scan.at += 2;
    if (!scan_digits(&scan, 16, UINT64_MAX, &value))
        return false;
    *cid = (uint32_t)(negative ? 0 - value : value);
    return true;
}

/* "NAME": at least one byte; the closing quote may be missing at the line's end. */
static bool scan_name(struct scan *scan, struct fmt_bytes *name)
{
    enum { NAME_BYTES_MAX = 511 };

    scan_spaces(scan);
    if (scan->at == scan->end || *scan->at != '"')
        return false;
    name->data = ++scan->at;
    while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\r' && *scan->at != '\n' &&
           (size_t)(scan->at - name->data) < NAME_BYTES_MAX)
        scan->at++;
    name->length = (size_t)(scan->at - name->data);
    return name->length > 0;
}

static bool scan_offset(struct scan *scan, int64_t *offset)
{
    if (scan->at == scan->end || *scan->at != '"')
        return false;
    scan->at++;
    return scan_decimal(scan, offset);
}

void vmdk_line_parse(struct fmt_bytes text, size_t length, struct vmdk_line *line)
{
    enum { WORD_BYTES_MAX = 10 };
    struct scan scan = {text.data, text.data + text.length};

    *line = (struct vmdk_line){.offset = -1};
    scan_spaces(&scan);
    if (scan.at >= text.data + length)
        return;
    line->fields += scan_word(&scan, WORD_BYTES_MAX, &line->access);
    if (line->fields == 1)
        line->fields += scan_decimal(&scan, &line->sectors);
    if (line->fields == 2)
        line->fields += scan_word(&scan, WORD_BYTES_MAX, &line->type);
    if (line->fields == 3)
        line->fields += scan_name(&scan, &line->name);
    if (line->fields == 4)
        line->fields += scan_offset(&scan, &line->offset);
}
