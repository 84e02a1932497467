/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zstandard data by libzstd, its memory from the job's arena. */
#ifndef FORMATS_CODEC_ZSTANDARD_H
#define FORMATS_CODEC_ZSTANDARD_H

#include "common/arena.h"

/* Decode exactly @out_bytes bytes from the start of one or more frames. What is behind them does
 * not matter, nor does it if the last frame stops short of its end. Returns 0, -FMT_EIO for
 * anything else, -FMT_ENOMEM. */
int zstandard_decode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                     size_t out_bytes);

/* The same, faster where there is one whole frame. *@context, NULL at first, is kept in the arena
 * for further calls. */
int zstandard_decode_whole(struct fmt_arena *arena, void **context, const void *in, size_t in_bytes,
                           void *out, size_t out_bytes);

/*
 * Encode @in_bytes bytes as one frame; *@out_bytes is the room and becomes the length, -FMT_ENOSPC
 * if the room is too small. @level: the library's levels, 0: its own choice. *@context, NULL at
 * first, is kept in the arena for further calls with the same level and length.
 */
int zstandard_encode(struct fmt_arena *arena, void **context, int level, const void *in,
                     size_t in_bytes, void *out, size_t *out_bytes);

#endif
