/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deflate data in whole clusters by libdeflate, which is much faster than zlib where all of a
 * stream is at hand. A context, NULL at first, is kept in the arena for further calls.
 */
#ifndef FORMATS_CODEC_DEFLATE_H
#define FORMATS_CODEC_DEFLATE_H

#include "common/arena.h"

enum deflate_frame {
    DEFLATE_RAW,  /* RFC 1951 */
    DEFLATE_ZLIB, /* RFC 1950 */
};

/* Decode exactly @out_bytes bytes; what is behind the stream does not matter. Returns 0, -FMT_EIO
 * or -FMT_ENOMEM. */
int deflate_decode(struct fmt_arena *arena, void **context, enum deflate_frame frame,
                   const void *in, size_t in_bytes, void *out, size_t out_bytes);

/* Encode; *@out_bytes is the room and becomes the length, -FMT_ENOSPC if the room is too small.
 * @level: 1..9 as zlib's, 0: a choice of speed and size like zlib's own; the same in all calls with
 * a context. */
int deflate_encode(struct fmt_arena *arena, void **context, int level, enum deflate_frame frame,
                   const void *in, size_t in_bytes, void *out, size_t *out_bytes);

#endif
