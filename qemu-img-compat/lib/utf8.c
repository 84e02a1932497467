/* SPDX-License-Identifier: GPL-2.0-or-later */
/* utf8 - see utf8.h. */
#include "utf8.h"

enum {
    UTF8_SEQUENCE_MAX_BYTES = 6,
};

/* The smallest code point that needs a sequence of so many bytes. */
static const uint32_t utf8_sequence_min[UTF8_SEQUENCE_MAX_BYTES + 1] = {
    0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000,
};

static bool utf8_codepoint_is_valid(uint32_t codepoint)
{
    bool surrogate = codepoint >= 0xD800 && codepoint <= 0xDFFF;
    bool noncharacter =
        (codepoint >= 0xFDD0 && codepoint <= 0xFDEF) || (codepoint & 0xFFFE) == 0xFFFE;

    return codepoint <= 0x10FFFF && !surrogate && !noncharacter;
}

static unsigned utf8_sequence_bytes(unsigned char first)
{
    unsigned bytes = 0;

    while (first & (0x80U >> bytes)) {
        bytes++;
    }
    return bytes;
}

int32_t utf8_codepoint_next(const char **cursor)
{
    const unsigned char *byte = (const unsigned char *)*cursor;
    unsigned length = *byte < 0xFE ? utf8_sequence_bytes(*byte) : 1;
    uint32_t codepoint;
    unsigned i;

    if (*byte < 0x80) {
        *cursor += 1;
        return *byte;
    }
    if (length < 2) {
        *cursor += 1;
        return -1;
    }
    codepoint = *byte & (0x7FU >> length);
    for (i = 1; i < length && (byte[i] & 0xC0) == 0x80; i++) {
        codepoint = codepoint << 6 | (byte[i] & 0x3F);
    }
    *cursor += i;
    if (i < length || !utf8_codepoint_is_valid(codepoint)) {
        return -1;
    }
    if (codepoint < utf8_sequence_min[length] && !(codepoint == 0 && length == 2)) {
        return -1;
    }
    return (int32_t)codepoint;
}

bool utf8_codepoint_append(GString *out, int32_t codepoint)
{
    if (codepoint < 0 || !utf8_codepoint_is_valid((uint32_t)codepoint)) {
        return false;
    }
    if (codepoint == 0) {
        g_string_append(out, "\xC0\x80");
    } else {
        g_string_append_unichar(out, (gunichar)codepoint);
    }
    return true;
}
