/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bzip2 data, by libbz2. */
#ifndef FORMATS_CODEC_BUNZIP2_H
#define FORMATS_CODEC_BUNZIP2_H

#include "common/arena.h"

/* Decode one stream of exactly @out_bytes bytes. Returns 0, -FMT_EIO for anything else. */
int bunzip2_decode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                   size_t out_bytes);

#endif
