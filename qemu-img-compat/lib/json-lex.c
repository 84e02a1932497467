/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json-lex - see json-lex.h. */
#include "json-lex.h"

#include <string.h>

static bool json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *json_digits_skip(const char *at)
{
    while (json_is_digit(*at)) {
        at++;
    }
    return at;
}

static JsonToken json_token(int kind, const char *start, const char *end)
{
    JsonToken token = {kind, start, (size_t)(end - start)};

    return token;
}

/* A stray token takes in the character that does not fit, unless the text ends there. */
static JsonToken json_token_stray(const char *start, const char *misfit)
{
    return json_token(JSON_TOKEN_STRAY, start, *misfit ? misfit + 1 : misfit);
}

/* Bytes 20 to FD may stand in a string; a character after a backslash is not judged here. */
static JsonToken json_token_string(const char *start)
{
    const char *at = start + 1;
    bool escaped = false;

    for (;; at++) {
        unsigned char c = (unsigned char)*at;

        if (c < 0x20 || c > 0xFD) {
            return json_token_stray(start, at);
        }
        if (escaped) {
            escaped = false;
        } else if (c == '\\') {
            escaped = true;
        } else if (*at == *start) {
            return json_token(JSON_TOKEN_STRING, start, at + 1);
        }
    }
}

static JsonToken json_token_number(const char *start)
{
    const char *at = start + (*start == '-');
    bool zero = *at == '0';
    int kind = JSON_TOKEN_INTEGER;

    if (!json_is_digit(*at)) {
        return json_token_stray(start, at);
    }
    at = zero ? at + 1 : json_digits_skip(at);
    if (zero && json_is_digit(*at)) {
        return json_token_stray(start, at);
    }
    if (*at == '.') {
        at++;
        if (!json_is_digit(*at)) {
            return json_token_stray(start, at);
        }
        at = json_digits_skip(at);
        kind = JSON_TOKEN_FLOAT;
    }
    /* QEMU takes an exponent after 1 or 0.0, but not directly after a lone 0. */
    if ((*at == 'e' || *at == 'E') && (!zero || kind == JSON_TOKEN_FLOAT)) {
        at++;
        at += *at == '+' || *at == '-';
        if (!json_is_digit(*at)) {
            return json_token_stray(start, at);
        }
        at = json_digits_skip(at);
        kind = JSON_TOKEN_FLOAT;
    }
    return json_token(kind, start, at);
}

JsonToken json_token_next(const char **cursor)
{
    const char *start = *cursor + strspn(*cursor, " \t\r\n");
    const char *end = start;
    JsonToken token;

    if (!*start) {
        token = json_token(JSON_TOKEN_END, start, start);
    } else if (strchr("{}[]:,", *start)) {
        token = json_token(*start, start, start + 1);
    } else if (*start == '"' || *start == '\'') {
        token = json_token_string(start);
    } else if (*start == '-' || json_is_digit(*start)) {
        token = json_token_number(start);
    } else {
        while (*end >= 'a' && *end <= 'z') {
            end++;
        }
        token =
            end > start ? json_token(JSON_TOKEN_KEYWORD, start, end) : json_token_stray(start, end);
    }
    *cursor = token.start + token.length;
    return token;
}
