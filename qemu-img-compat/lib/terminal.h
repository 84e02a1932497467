/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * terminal - text that may come from an image, on its way to a person's terminal.
 *
 * To a file or a pipe everything is written as it is: there the bytes are the reference's. A
 * terminal would obey control characters that an image put into its names.
 */
#ifndef QIC_LIB_TERMINAL_H
#define QIC_LIB_TERMINAL_H

#include <glib.h>
#include <stdio.h>

/* A copy with control characters (but not newline and tab) and malformed UTF-8 as "\xNN" for each
 * byte. */
char *terminal_visible(const char *text, size_t length);

/* Write the text; made visible if the stream is a terminal. */
void terminal_write(FILE *stream, const char *text, size_t length);

#endif
