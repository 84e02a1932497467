/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts piece by piece; see text.h. */
#include "text.h"

bool fmt_text_begin(struct fmt_text *text, struct fmt_arena *arena, size_t room)
{
    *text = (struct fmt_text){.data = fmt_arena_buffer(arena, room, 1), .room = room};
    return text->data;
}

void fmt_text_bytes(struct fmt_text *text, struct fmt_bytes bytes)
{
    size_t n = (size_t)min_u64(bytes.length, text->room - text->length);

    text->cut = text->cut || n < bytes.length;
    if (n)
        memcpy(text->data + text->length, bytes.data, n);
    text->length += n;
}

void fmt_text_put(struct fmt_text *text, const char *string)
{
    fmt_text_bytes(text, fmt_bytes_of(string));
}

static void number_put(struct fmt_text *text, uint64_t number, unsigned base, unsigned digits)
{
    enum { DIGITS_MAX = 20 };
    char digit[DIGITS_MAX];
    size_t at = DIGITS_MAX;

    do {
        digit[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while ((number || DIGITS_MAX - at < digits) && at > 0);
    fmt_text_bytes(text, (struct fmt_bytes){digit + at, DIGITS_MAX - at});
}

void fmt_text_decimal(struct fmt_text *text, uint64_t number, unsigned digits)
{
    number_put(text, number, 10, digits);
}

void fmt_text_hex(struct fmt_text *text, uint64_t number)
{
    number_put(text, number, 16, 1);
}
