/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json-lex - cuts JSON text into tokens; only json-parse uses it. */
#ifndef QIC_LIB_JSON_LEX_H
#define QIC_LIB_JSON_LEX_H

#include <stdbool.h>
#include <stddef.h>

/* Structural characters are tokens of their own kind: '{', '}', '[', ']', ':', ','. */
typedef enum JsonTokenKind {
    JSON_TOKEN_END = 0,
    JSON_TOKEN_INTEGER = 256,
    JSON_TOKEN_FLOAT,
    JSON_TOKEN_STRING, /* with its quotes, escapes not yet resolved */
    JSON_TOKEN_KEYWORD,
    JSON_TOKEN_STRAY, /* what no token can start with, up to where that showed */
} JsonTokenKind;

typedef struct JsonToken {
    int kind;
    const char *start;
    size_t length;
} JsonToken;

/* The token at or after *cursor; the cursor moves behind it. At the end of text: JSON_TOKEN_END. */
JsonToken json_token_next(const char **cursor);

#endif
