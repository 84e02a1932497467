/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows names; see winname.h. */
#include "winname.h"

#define REPLACEMENT 0xfffdu

static bool is_high_surrogate(uint32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(uint32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static size_t utf8_put(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    to[0] = (char)((0xf00u >> length & 0xf0) | c);
    return length;
}

struct fmt_bytes winname_from_utf16(struct fmt_arena *arena, const uint8_t *text, size_t units,
                                    bool big_endian)
{
    const size_t utf8_bytes_per_unit = 3;
    struct fmt_bytes name = {NULL, 0};
    char *to = units <= WINNAME_UNITS_MAX
                   ? fmt_arena_buffer(arena, units * utf8_bytes_per_unit + 1, 1)
                   : NULL;

    if (!to)
        return name;
    name.data = to;
    for (size_t i = 0; i < units; i++) {
        const uint8_t *at = text + 2 * i;
        uint32_t c = big_endian ? be16_load(at) : le16_load(at);
        if (c == 0)
            break;
        if (is_high_surrogate(c) && i + 1 < units) {
            uint32_t low = big_endian ? be16_load(at + 2) : le16_load(at + 2);
            if (is_low_surrogate(low)) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                i++;
            }
        }
        if (is_high_surrogate(c) || is_low_surrogate(c))
            c = REPLACEMENT;
        name.length += utf8_put(to + name.length, c);
    }
    to[name.length] = '\0';
    return name;
}

/* The character at @text[*at], which advances; REPLACEMENT for one byte of anything malformed. */
static uint32_t utf8_take(struct fmt_bytes text, size_t *at)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {
        {0x80, 0x00, 0      },
        {0xe0, 0xc0, 0x80   },
        {0xf0, 0xe0, 0x800  },
        {0xf8, 0xf0, 0x10000},
    };
    uint8_t first = (uint8_t)text.data[*at];
    size_t tail = 0;

    while (tail < 4 && (first & forms[tail].mask) != forms[tail].lead)
        tail++;
    size_t start = (*at)++;
    if (tail == 4 || tail >= text.length - start)
        return REPLACEMENT;
    uint32_t c = first & (uint8_t)~forms[tail].mask;
    for (size_t i = 1; i <= tail; i++) {
        uint8_t byte = (uint8_t)text.data[start + i];
        if ((byte & 0xc0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (byte & 0x3f);
    }
    if (c < forms[tail].least || c > 0x10ffff || is_high_surrogate(c) || is_low_surrogate(c))
        return REPLACEMENT;
    *at = start + tail + 1;
    return c;
}

size_t winname_to_utf16(struct fmt_bytes name, uint8_t *to, size_t room, bool big_endian)
{
    size_t units = 0;

    for (size_t at = 0; at < name.length;) {
        uint32_t c = utf8_take(name, &at);
        uint16_t pair[2] = {(uint16_t)c, 0};
        size_t count = 1;
        if (c >= 0x10000) {
            pair[0] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
            pair[1] = (uint16_t)(0xdc00 + ((c - 0x10000) & 0x3ff));
            count = 2;
        }
        if (count > room - units)
            return SIZE_MAX;
        for (size_t i = 0; i < count; i++, units++) {
            if (big_endian)
                be16_store(to + 2 * units, pair[i]);
            else
                le16_store(to + 2 * units, pair[i]);
        }
    }
    return units;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "C:\dir\name" or "\\server\share\name" */
static bool is_foreign(struct fmt_bytes name)
{
    if (name.length >= 2 && is_letter(name.data[0]) && name.data[1] == ':')
        return true;
    return name.length >= 2 && name.data[0] == '\\' && name.data[1] == '\\';
}

struct fmt_bytes winname_localize(struct fmt_arena *arena, struct fmt_bytes name)
{
    char *copy = fmt_arena_copy(arena, name.data, name.length);
    struct fmt_bytes local = {copy, copy ? name.length : 0};

    for (size_t i = 0; i < local.length; i++) {
        if (copy[i] == '\\')
            copy[i] = '/';
    }
    if (is_foreign(name)) {
        for (size_t i = local.length; i-- > 0;) {
            if (copy[i] == '/' || copy[i] == ':')
                return (struct fmt_bytes){copy + i + 1, local.length - i - 1};
        }
    }
    while (local.length > 2 && local.data[0] == '.' && local.data[1] == '/') {
        local.data += 2;
        local.length -= 2;
    }
    return local;
}

struct fmt_bytes winname_foreign(struct fmt_arena *arena, struct fmt_bytes name)
{
    size_t prefix = name.length && name.data[0] == '/' ? 0 : 2;
    char *copy = fmt_arena_buffer(arena, name.length + prefix, 1);

    if (!copy)
        return (struct fmt_bytes){NULL, 0};
    memcpy(copy, ".\\", prefix);
    for (size_t i = 0; i < name.length; i++)
        copy[prefix + i] = name.data[i] == '/' ? '\\' : name.data[i];
    return (struct fmt_bytes){copy, name.length + prefix};
}

struct fmt_bytes winname_base(struct fmt_bytes name)
{
    size_t at = name.length;

    while (at > 0 && name.data[at - 1] != '/')
        at--;
    return (struct fmt_bytes){name.data + at, name.length - at};
}
