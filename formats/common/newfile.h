/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the creators of formats share: the file below, and writing tables that are long. */
#ifndef FORMATS_COMMON_NEWFILE_H
#define FORMATS_COMMON_NEWFILE_H

#include "format.h"

/*
 * The new file's own "preallocation": where a format has no such option, the name means the file
 * beneath, which is created empty, so that the mode matters only where it is refused. Returns 0, or
 * a negative errno with the error recorded.
 */
int newfile_preallocation_check(struct fmt_env *env, const struct fmt_create *create);

/*
 * Write @bytes bytes at @offset, made piece by piece: @fill is called with the position of each
 * piece in the whole. Returns 0 or a negative errno.
 */
int newfile_pieces_write(struct fmt_env *env, uint32_t device, uint64_t offset, uint64_t bytes,
                         void (*fill)(void *ctx, uint64_t at, uint8_t *piece, size_t length),
                         void *ctx);

#endif
