/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading piece by piece, and an image whose map tells where all its bytes lie. */
#ifndef FORMATS_COMMON_MAPREAD_H
#define FORMATS_COMMON_MAPREAD_H

#include "format.h"
#include "holes.h"

/* Reads what is at @offset, *length bytes at most, and sets *length to how many it was: up to the
 * end of a cluster, or what else can be read at once. Returns 0 or a negative errno. */
typedef int (*fmt_piece_fn)(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length);

/* A driver's read(), of such pieces. */
int fmt_pieces_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length,
                    fmt_piece_fn piece_read);

/* A driver's read(): bytes of DATA extents from their device, zeroes for everything else. */
int fmt_mapped_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);

/* map() of a driver whose disk is its device, from @device_off on: data and holes, as that tells
 * them; @holes keeps what it told, if there is one. */
int fmt_device_map(struct fmt_image *image, struct holes *holes, uint64_t device_off,
                   uint64_t length, struct fmt_extent *out);

/* What is at virtual offset @at, up to the end of its block or cluster. */
typedef int (*fmt_extent_fn)(struct fmt_image *image, uint64_t at, struct fmt_extent *out);

/*
 * A driver's map(): the extent at @offset, grown by those behind it while they are more of the
 * same: of the same kind, and for DATA adjacent in the same device. Compressed clusters stay
 * single.
 */
int fmt_extents_map(struct fmt_image *image, fmt_extent_fn extent_at, uint64_t offset,
                    uint64_t length, struct fmt_extent *out);

#endif
