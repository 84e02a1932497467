/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json-parse - see json-parse.h.
 *
 * QEMU first collects tokens until the brackets balance and only then parses them, so that a
 * fault of the lexer is reported before any fault of the grammar; the same is done here.
 */
#include "json-parse.h"

#include "json-lex.h"
#include "utf8.h"

#include <errno.h>
#include <string.h>

enum {
    JSON_NESTING_MAX = 1024,
    JSON_TOKENS_MAX = 2 << 20,
    JSON_TOKENS_MAX_BYTES = 64 << 20,
    JSON_MESSAGE_MAX_BYTES = 1023, /* QEMU cuts its message after so many */
};

typedef struct JsonParser {
    GArray *tokens;
    guint next;
    GError **error;
    bool failed;
} JsonParser;

static Value *json_parse_value(JsonParser *parser);

/* Reports the first fault only. */
static void G_GNUC_PRINTF(2, 3) json_fail(JsonParser *parser, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list arguments;

    if (parser->failed) {
        return;
    }
    parser->failed = true;
    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    failure_set(parser->error, "JSON parse error, %.*s", JSON_MESSAGE_MAX_BYTES, message);
}

static const JsonToken *json_token_peek(JsonParser *parser)
{
    if (parser->next >= parser->tokens->len) {
        json_fail(parser, "premature EOI");
        return NULL;
    }
    return &g_array_index(parser->tokens, JsonToken, parser->next);
}

static const JsonToken *json_token_take(JsonParser *parser)
{
    const JsonToken *token = json_token_peek(parser);

    parser->next++;
    return token;
}

/* Four hexadecimal digits, or -1. */
static int32_t json_hex4(const char *digits)
{
    int32_t number = 0;

    for (int i = 0; i < 4; i++) {
        if (!g_ascii_isxdigit(digits[i])) {
            return -1;
        }
        number = number << 4 | g_ascii_xdigit_value(digits[i]);
    }
    return number;
}

/* A \u escape whose digits start at *cursor, with the second half of a surrogate pair. */
static bool json_unicode_unescape(JsonParser *parser, const char **cursor, GString *out)
{
    const char *start = *cursor - 2;
    size_t left = strlen(*cursor);
    int32_t codepoint = json_hex4(*cursor);

    *cursor += MIN(left, 4);
    if (codepoint >= 0xD800 && codepoint <= 0xDBFF && g_str_has_prefix(*cursor, "\\u")) {
        int32_t low = json_hex4(*cursor + 2);

        if (low >= 0xDC00 && low <= 0xDFFF) {
            codepoint = 0x10000 + ((codepoint & 0x3FF) << 10) + (low & 0x3FF);
            *cursor += 6;
        } else {
            codepoint = -1;
        }
    }
    if (!utf8_codepoint_append(out, codepoint)) {
        json_fail(parser, "%.*s is not a valid Unicode character", (int)(*cursor - start), start);
        return false;
    }
    return true;
}

static bool json_unescape(JsonParser *parser, const char **cursor, GString *out)
{
    static const char letters[] = "\"'\\/bfnrt";
    static const char meanings[] = "\"'\\/\b\f\n\r\t";
    char letter = *(*cursor)++;
    const char *known = letter ? strchr(letters, letter) : NULL;

    if (known) {
        g_string_append_c(out, meanings[known - letters]);
        return true;
    }
    if (letter == 'u') {
        return json_unicode_unescape(parser, cursor, out);
    }
    json_fail(parser, "invalid escape sequence in string");
    return false;
}

static Value *json_parse_string(JsonParser *parser, const JsonToken *token)
{
    g_autofree char *text = g_strndup(token->start, token->length);
    GString *out = g_string_sized_new(token->length);
    const char *closing_quote = text + token->length - 1;
    const char *cursor = text + 1;

    while (cursor < closing_quote && !parser->failed) {
        if (*cursor == '\\') {
            cursor++;
            json_unescape(parser, &cursor, out);
        } else if (!utf8_codepoint_append(out, utf8_codepoint_next(&cursor))) {
            json_fail(parser, "invalid UTF-8 sequence in string");
        }
    }
    if (parser->failed) {
        g_string_free(out, TRUE);
        return NULL;
    }
    return value_new_string_take(g_string_free(out, FALSE));
}

static Value *json_parse_number(const JsonToken *token)
{
    g_autofree char *text = g_strndup(token->start, token->length);

    if (token->kind == JSON_TOKEN_INTEGER) {
        int64_t sint;
        uint64_t uint;

        errno = 0;
        sint = g_ascii_strtoll(text, NULL, 10);
        if (!errno) {
            return value_new_int(sint);
        }
        errno = 0;
        uint = g_ascii_strtoull(text, NULL, 10);
        if (!errno && *text != '-') {
            return value_new_uint(uint);
        }
    }
    return value_new_double(g_ascii_strtod(text, NULL));
}

static Value *json_parse_keyword(JsonParser *parser, const JsonToken *token)
{
    g_autofree char *word = g_strndup(token->start, token->length);

    if (g_str_equal(word, "true") || g_str_equal(word, "false")) {
        return value_new_bool(*word == 't');
    }
    if (g_str_equal(word, "null")) {
        return value_new_null();
    }
    json_fail(parser, "invalid keyword '%s'", word);
    return NULL;
}

static void json_parse_pair(JsonParser *parser, Value *dict)
{
    g_autoptr(Value) key = NULL;
    g_autoptr(Value) value = NULL;
    const JsonToken *colon;

    if (!json_token_peek(parser)) {
        return;
    }
    key = json_parse_value(parser);
    if (!value_string(key)) {
        json_fail(parser, "key is not a string in object");
        return;
    }
    colon = json_token_take(parser);
    if (!colon) {
        return;
    }
    if (colon->kind != ':') {
        json_fail(parser, "missing : in object pair");
        return;
    }
    value = json_parse_value(parser);
    if (value && value_dict_has(dict, value_string(key))) {
        json_fail(parser, "duplicate key");
    } else if (value) {
        value_dict_put(dict, value_string(key), g_steal_pointer(&value));
    }
}

static void json_parse_item(JsonParser *parser, Value *list)
{
    Value *item = json_parse_value(parser);

    if (item) {
        value_list_append(list, item);
    }
}

/* The members of a list or dictionary whose opening bracket has been taken. */
static Value *json_parse_members(JsonParser *parser, Value *container, int close,
                                 void (*member)(JsonParser *, Value *), const char *separator_fault)
{
    const JsonToken *token = json_token_peek(parser);

    if (token && token->kind == close) {
        parser->next++;
        return container;
    }
    while (!parser->failed) {
        member(parser, container);
        token = parser->failed ? NULL : json_token_take(parser);
        if (token && token->kind == close) {
            return container;
        }
        if (token && token->kind != ',') {
            json_fail(parser, "%s", separator_fault);
        }
    }
    value_free(container);
    return NULL;
}

static Value *json_parse_value(JsonParser *parser)
{
    const JsonToken *token = json_token_take(parser);

    if (!token) {
        return NULL;
    }
    switch (token->kind) {
    case '{':
        return json_parse_members(parser, value_new_dict(), '}', json_parse_pair,
                                  "expected separator in dict");
    case '[':
        return json_parse_members(parser, value_new_list(), ']', json_parse_item,
                                  "expected separator in list");
    case JSON_TOKEN_INTEGER:
    case JSON_TOKEN_FLOAT:
        return json_parse_number(token);
    case JSON_TOKEN_STRING:
        return json_parse_string(parser, token);
    case JSON_TOKEN_KEYWORD:
        return json_parse_keyword(parser, token);
    default:
        json_fail(parser, "expecting value");
        return NULL;
    }
}

static const char *json_limit_exceeded(size_t bytes, guint tokens, int depth)
{
    if (bytes > JSON_TOKENS_MAX_BYTES) {
        return "JSON token size limit exceeded";
    }
    if (tokens > JSON_TOKENS_MAX) {
        return "JSON token count limit exceeded";
    }
    return depth > JSON_NESTING_MAX ? "JSON nesting depth limit exceeded" : NULL;
}

/* Collects the tokens of one value: up to where the brackets balance, or one kind closes too often.
 */
static bool json_tokens_collect(const char **cursor, GArray *tokens, GError **error)
{
    int braces = 0;
    int brackets = 0;
    size_t bytes = 0;

    do {
        JsonToken token = json_token_next(cursor);
        const char *limit;

        if (token.kind == JSON_TOKEN_STRAY) {
            g_autofree char *stray = g_strndup(token.start, token.length);

            return failure_set(error, "JSON parse error, stray '%s'", stray);
        }
        if (token.kind == JSON_TOKEN_END) {
            return tokens->len > 0 || failure_set(error, "Expecting a JSON value");
        }
        braces += (token.kind == '{') - (token.kind == '}');
        brackets += (token.kind == '[') - (token.kind == ']');
        limit = json_limit_exceeded(bytes + token.length + 1, tokens->len + 1, braces + brackets);
        if (limit) {
            return failure_set(error, "%s", limit);
        }
        bytes += token.length;
        g_array_append_val(tokens, token);
    } while (braces >= 0 && brackets >= 0 && braces + brackets > 0);
    return true;
}

Value *json_value_parse(const char *text, GError **error)
{
    g_autoptr(GArray) tokens = g_array_new(FALSE, FALSE, sizeof(JsonToken));
    JsonParser parser = {tokens, 0, error, false};
    g_autoptr(Value) value = NULL;

    if (!json_tokens_collect(&text, tokens, error)) {
        return NULL;
    }
    value = json_parse_value(&parser);
    if (parser.failed) {
        return NULL;
    }
    if (json_token_next(&text).kind != JSON_TOKEN_END) {
        failure_set(error, "Expecting at most one JSON value");
        return NULL;
    }
    return g_steal_pointer(&value);
}
