/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Composing texts that are stored in images. */
#ifndef FORMATS_COMMON_TEXT_H
#define FORMATS_COMMON_TEXT_H

#include "arena.h"
#include "bytes.h"

/* A text in the making; what does not fit is left out, and noted. */
struct fmt_text {
    char *data;
    size_t length, room;
    bool cut; /* something was left out */
};

/* An empty text of at most @room bytes, in the arena. False: out of memory. */
bool fmt_text_begin(struct fmt_text *text, struct fmt_arena *arena, size_t room);
void fmt_text_bytes(struct fmt_text *text, struct fmt_bytes bytes);
void fmt_text_put(struct fmt_text *text, const char *string);
/* @digits: at least so many, with zeroes in front. */
void fmt_text_decimal(struct fmt_text *text, uint64_t number, unsigned digits);
void fmt_text_hex(struct fmt_text *text, uint64_t number);

static inline struct fmt_bytes fmt_text_get(const struct fmt_text *text)
{
    return (struct fmt_bytes){text->data, text->length};
}

#endif
