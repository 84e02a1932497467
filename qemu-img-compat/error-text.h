/* SPDX-License-Identifier: GPL-2.0-or-later */
/* error-text - the guest's error codes and arguments as the reference's sentences. */
#ifndef QIC_ERROR_TEXT_H
#define QIC_ERROR_TEXT_H

#include <glib.h>

#include "abi/tree.h"

/*
 * The text of an ERROR record: its frames, outermost first, hints on lines below. @reference is
 * the host's account of the last failed OPEN, for frames that stand for it (may be NULL).
 * Whatever the guest sent, the text is a sentence. The caller frees it.
 */
char *error_text(const struct tree *error, const char *reference);

/* One frame, {code, args}, the members at @position: e.g. a finding of check. */
char *error_frame_text(const struct tree *tree, size_t position, const char *reference);

#endif
