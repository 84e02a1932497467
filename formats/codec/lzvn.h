/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LZVN, Apple's: the byte-wise code of those LZFSE blocks that are too short for an entropy code.
 * No specification is published. */
#ifndef FORMATS_CODEC_LZVN_H
#define FORMATS_CODEC_LZVN_H

#include "lz-output.h"

/* Decode all of @in to exactly the block that ends at @out's limit; repetitions may reach back
 * before it. Returns 0, -FMT_EIO for anything else; @out tells how far it got. */
int lzvn_decode(const uint8_t *in, size_t in_bytes, struct lz_output *out);

#endif
