/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keyval - the two other syntaxes of name=value lists: that of --object, and --image-opts.
 */
#ifndef QIC_LIB_KEYVAL_H
#define QIC_LIB_KEYVAL_H

#include "failure.h"
#include "value.h"

/*
 * --object's syntax: keys are dotted paths of names and list indices, every key needs '=', two
 * commas stand for one. implied_key: what the first value without '=' is called, or NULL.
 * *help: whether `help` or `?` stood in place of a key. Returns a nested dictionary of strings,
 * or NULL with the error set.
 */
Value *keyval_parse(const char *text, const char *implied_key, bool *help, GError **error);

/*
 * --image-opts' syntax: a flat dictionary of strings; the first value without '=' is "file".
 * Flags without '=' are accepted; for each a warning (two lines, as the reference prints them on
 * standard error, each with a newline) is appended to warnings.
 */
Value *keyval_image_opts_parse(const char *text, GString *warnings, GError **error);

/* A letter, then letters, digits, "-", "." and "_". */
bool keyval_id_is_wellformed(const char *id);

#endif
