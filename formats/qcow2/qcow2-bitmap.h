/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Persistent bitmaps of a qcow2 image: a bit for each 1 << granularity_bits bytes of the disk. */
#ifndef FORMATS_QCOW2_BITMAP_H
#define FORMATS_QCOW2_BITMAP_H

#include "qcow2.h"

/* Entries of a bitmap's table: where its bits lie, or that all are 0, or 1. */
#define QCOW2_BITMAP_OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define QCOW2_BITMAP_ALL_ONES UINT64_C(1)

/* ---- qcow2-bitmap-write.c ---- */

/* The image will change: until qcow2_bitmaps_end() its bitmaps say that they are in use. */
int qcow2_bitmaps_begin(struct fmt_image *image);
/* [offset, offset + length) of the disk was changed. */
void qcow2_bitmaps_dirty(struct fmt_image *image, uint64_t offset, uint64_t length);
/* Set the bits of what was changed; they are in the cache then. */
int qcow2_bitmaps_update(struct fmt_image *image);
/* All is written: the bitmaps are not in use any more. */
int qcow2_bitmaps_end(struct fmt_image *image);

/* ---- qcow2-bitmap-copy.c ---- */

int qcow2_bitmaps_check(struct fmt_image *image, bool skip_broken);
int qcow2_bitmaps_copy(struct fmt_image *target, struct fmt_image *source, bool skip_broken);

#endif
