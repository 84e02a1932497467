/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json-print - see json-print.h. */
#include "json-print.h"

#include "utf8.h"

#include <inttypes.h>
#include <string.h>

enum {
    JSON_INDENT_SPACES = 4,
    JSON_REPLACEMENT = 0xFFFD,
};

/* Characters with an escape of their own, and the letter of that escape. */
static const char json_escaped[] = "\"\\\b\f\n\r\t";
static const char json_escape_letter[] = "\"\\bfnrt";

static void json_codepoint_append(GString *out, int32_t codepoint)
{
    const char *special =
        codepoint > 0 && codepoint < 0x80 ? strchr(json_escaped, codepoint) : NULL;

    if (special) {
        g_string_append_c(out, '\\');
        g_string_append_c(out, json_escape_letter[special - json_escaped]);
    } else if (codepoint > 0xFFFF) {
        unsigned offset = (unsigned)codepoint - 0x10000;

        g_string_append_printf(out, "\\u%04X\\u%04X", 0xD800 + (offset >> 10),
                               0xDC00 + (offset & 0x3FF));
    } else if (codepoint < 0x20 || codepoint >= 0x7F) {
        g_string_append_printf(out, "\\u%04X", (unsigned)codepoint);
    } else {
        g_string_append_c(out, (char)codepoint);
    }
}

void json_string_append(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    while (*text) {
        int32_t codepoint = utf8_codepoint_next(&text);

        json_codepoint_append(out, codepoint < 0 ? JSON_REPLACEMENT : codepoint);
    }
    g_string_append_c(out, '"');
}

/* Where the text goes. */
typedef struct JsonWriter {
    GString *out;
    bool pretty;
    JsonFlush *flush; /* or NULL */
    void *ctx;
} JsonWriter;

enum { JSON_FLUSH_BYTES = 1 << 20 };

static void json_value_write(const JsonWriter *writer, const Value *value, unsigned level);

static void json_newline_append(GString *out, bool pretty, unsigned level)
{
    if (pretty) {
        g_string_append_printf(out, "\n%*s", (int)(level * JSON_INDENT_SPACES), "");
    }
}

/* What stands before the index-th member of a list or dictionary. */
static void json_separator_append(GString *out, size_t index, bool pretty, unsigned level)
{
    if (index) {
        g_string_append(out, pretty ? "," : ", ");
    }
    json_newline_append(out, pretty, level);
}

static void json_list_write(const JsonWriter *writer, const Value *list, unsigned level)
{
    GString *out = writer->out;

    g_string_append_c(out, '[');
    for (size_t i = 0; i < value_list_length(list); i++) {
        json_separator_append(out, i, writer->pretty, level + 1);
        json_value_write(writer, value_list_at(list, i), level + 1);
        if (writer->flush && out->len > JSON_FLUSH_BYTES) {
            writer->flush(writer->ctx);
        }
    }
    json_newline_append(out, writer->pretty, level);
    g_string_append_c(out, ']');
}

static void json_dict_write(const JsonWriter *writer, const Value *dict, unsigned level)
{
    GString *out = writer->out;

    g_string_append_c(out, '{');
    for (size_t i = 0; i < value_dict_size(dict); i++) {
        json_separator_append(out, i, writer->pretty, level + 1);
        json_string_append(out, value_dict_key_at(dict, i));
        g_string_append(out, ": ");
        json_value_write(writer, value_dict_at(dict, i), level + 1);
    }
    json_newline_append(out, writer->pretty, level);
    g_string_append_c(out, '}');
}

static void json_value_write(const JsonWriter *writer, const Value *value, unsigned level)
{
    GString *out = writer->out;

    switch (value_kind(value)) {
    case VALUE_NULL:
        g_string_append(out, "null");
        break;
    case VALUE_BOOL:
        g_string_append(out, value_bool(value, false) ? "true" : "false");
        break;
    case VALUE_INT:
        g_string_append_printf(out, "%" PRId64, value_int(value, 0));
        break;
    case VALUE_UINT:
        g_string_append_printf(out, "%" PRIu64, value_uint(value, 0));
        break;
    case VALUE_DOUBLE:
        g_string_append_printf(out, "%.17g", value_double(value, 0));
        break;
    case VALUE_STRING:
        json_string_append(out, value_string(value));
        break;
    case VALUE_LIST:
        json_list_write(writer, value, level);
        break;
    case VALUE_DICT:
        json_dict_write(writer, value, level);
        break;
    }
}

void json_value_append(GString *out, const Value *value, bool pretty, unsigned level)
{
    const JsonWriter writer = {out, pretty, NULL, NULL};

    json_value_write(&writer, value, level);
}

void json_value_stream(GString *out, const Value *value, JsonFlush *flush, void *ctx)
{
    const JsonWriter writer = {out, true, flush, ctx};

    json_value_write(&writer, value, 0);
}

char *json_value_print(const Value *value, bool pretty)
{
    GString *out = g_string_new(NULL);

    json_value_append(out, value, pretty, 0);
    return g_string_free(out, FALSE);
}
