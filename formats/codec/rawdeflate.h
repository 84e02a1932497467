/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deflate data by zlib: raw with a window smaller than usual, as qcow stores it, or in its frame.
 */
#ifndef FORMATS_CODEC_RAWDEFLATE_H
#define FORMATS_CODEC_RAWDEFLATE_H

#include "common/arena.h"

/*
 * Decode exactly @out_bytes bytes. Data behind them does not matter, nor does it if the stream
 * stops short of its end marker. Returns 0, -FMT_EIO for anything else, -FMT_ENOMEM.
 * @window_bits: 9..15; data that reaches further back is refused.
 */
int rawdeflate_decode(struct fmt_arena *arena, int window_bits, const void *in, size_t in_bytes,
                      void *out, size_t out_bytes);

/*
 * Decode one zlib stream (RFC 1950) of at most *@out_bytes bytes, which becomes its length; what
 * follows it does not matter. Returns 0, -FMT_EIO for a stream that is broken, cut or longer.
 */
int zlib_decode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                size_t *out_bytes);

/* Encode; *@out_bytes is the room and becomes the length. -FMT_ENOSPC if the room is too small.
 * @level: 1..9, or 0 for zlib's own. */
int rawdeflate_encode(struct fmt_arena *arena, int window_bits, int level, const void *in,
                      size_t in_bytes, void *out, size_t *out_bytes);
/* Encode as one zlib stream (RFC 1950) with zlib's own defaults; otherwise as above. */
int zlib_encode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                size_t *out_bytes);

#endif
