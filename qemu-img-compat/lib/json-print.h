/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json-print - values as JSON text, byte for byte as QEMU prints them. */
#ifndef QIC_LIB_JSON_PRINT_H
#define QIC_LIB_JSON_PRINT_H

#include "value.h"

/*
 * Appends the value to out.
 * pretty: one member a line, indented by 4 spaces a level, as `info --output=json` prints;
 * else one line with ", " and ": ", as in `json:{...}` names. No newline at the end.
 * level: the nesting level at which the text starts (0 at the top); indents the pretty form.
 */
void json_value_append(GString *out, const Value *value, bool pretty, unsigned level);

/* The pretty form from level 0; flush() is called now and then, to write @out out and empty it. */
typedef void JsonFlush(void *ctx);
void json_value_stream(GString *out, const Value *value, JsonFlush *flush, void *ctx);

/* The same as a new string, from level 0; the caller frees it. */
char *json_value_print(const Value *value, bool pretty);

/* Appends text as a JSON string: only printable ASCII is left as it is, bad UTF-8 is U+FFFD. */
void json_string_append(GString *out, const char *text);

#endif
