/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * utf8 - QEMU's "modified UTF-8": UTF-8 where U+0000 is the two bytes C0 80, and where
 * surrogates, noncharacters and overlong forms are invalid.
 */
#ifndef QIC_LIB_UTF8_H
#define QIC_LIB_UTF8_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Decodes the sequence at *cursor (which is not at the terminating NUL) and moves the cursor
 * behind it. Returns the code point, or -1 for an invalid sequence; then the cursor moves past
 * its first byte and those continuation bytes that belong to it.
 */
int32_t utf8_codepoint_next(const char **cursor);

/* Appends the code point; false (nothing appended) if it may not be encoded. */
bool utf8_codepoint_append(GString *out, int32_t codepoint);

#endif
