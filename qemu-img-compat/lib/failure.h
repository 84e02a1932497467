/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * failure - how the modules here report what is wrong with user input: a GError with a text.
 *
 * The text's first line is the message as the reference words it, without "qemu-img: " before it;
 * callers may put more before it with g_prefix_error. Further lines, if any, are printed below
 * it as they are (QEMU's hints). There is no newline at the end.
 */
#ifndef QIC_LIB_FAILURE_H
#define QIC_LIB_FAILURE_H

#include <glib.h>
#include <stdbool.h>

#define FAILURE failure_quark()
GQuark failure_quark(void);

/* Sets the error; always false, so that a function can return it. */
bool failure_set(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Adds lines below the message of an error that is set. */
void failure_hint(GError **error, const char *text);

#endif
