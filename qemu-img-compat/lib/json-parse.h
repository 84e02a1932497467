/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json-parse - JSON text to values, accepting and refusing what QEMU does (`json:{...}` names).
 *
 * Beyond RFC 8259: strings may stand in apostrophes, \' is an escape. Refused: duplicate keys,
 * more than 1024 open brackets, more than 64 MiB of tokens, invalid UTF-8.
 */
#ifndef QIC_LIB_JSON_PARSE_H
#define QIC_LIB_JSON_PARSE_H

#include "failure.h"
#include "value.h"

/* The value, owned by the caller, or NULL with the error set in QEMU's words. */
Value *json_value_parse(const char *text, GError **error);

#endif
