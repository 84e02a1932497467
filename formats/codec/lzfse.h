/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LZFSE, Apple's: LZ77 with a finite state entropy code (tANS). A stream is a row of blocks: plain
 * ("bvx-"), LZVN ("bvxn"), entropy coded ("bvx1", and "bvx2" with compressed tables), and the end's
 * mark ("bvx$"). No specification is published but the first implementation's source. Nothing in a
 * stream tells whether its bytes are the right ones.
 */
#ifndef FORMATS_CODEC_LZFSE_H
#define FORMATS_CODEC_LZFSE_H

#include "common/arena.h"

/*
 * Decode one stream of at most *@out_bytes bytes, which becomes how many there are; what follows
 * the stream does not matter. Returns 0, -FMT_EIO for a stream that is broken, cut or longer (and
 * how far it got), -FMT_ENOMEM.
 */
int lzfse_decode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                 size_t *out_bytes);

#endif
