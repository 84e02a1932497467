/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw deflate data (RFC 1951) that reaches back less than 4 KiB, as qcow2 demands it: libdeflate
 * knows no window but 32 KiB, and zlib takes twice the time for the same size.
 */
#ifndef FORMATS_CODEC_DEFLATE_H
#define FORMATS_CODEC_DEFLATE_H

#include "common/arena.h"

/*
 * Encode @in_bytes bytes (at most 16 MiB); *@out_bytes is the room and becomes the length. @level:
 * 1..9, 0: 6, which comes to the size of zlib's 6. *@context, NULL at first, is kept in the arena
 * for further calls. Returns 0, -FMT_ENOSPC if the room is too small, -FMT_ENOMEM.
 */
int deflate_encode(struct fmt_arena *arena, void **context, int level, const void *in,
                   size_t in_bytes, void *out, size_t *out_bytes);

#endif
