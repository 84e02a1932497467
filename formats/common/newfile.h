/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the creators of formats share: writing tables that are long. */
#ifndef FORMATS_COMMON_NEWFILE_H
#define FORMATS_COMMON_NEWFILE_H

#include "format.h"

/*
 * Write @bytes bytes at @offset, made piece by piece: @fill is called with the position of each
 * piece in the whole. Returns 0 or a negative errno.
 */
int newfile_pieces_write(struct fmt_env *env, uint32_t device, uint64_t offset, uint64_t bytes,
                         void (*fill)(void *ctx, uint64_t at, uint8_t *piece, size_t length),
                         void *ctx);

/* Write zeroes, as bytes: they take space. Returns 0 or a negative errno. */
int newfile_zeroes_write(struct fmt_env *env, uint32_t device, uint64_t offset, uint64_t bytes);

/* What the reference says when a file cannot get its size in this way; takes an errno. */
enum fmt_error_code newfile_resize_code(enum fmt_prealloc mode);

#endif
