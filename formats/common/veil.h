/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new image that is being filled is refused by every program until it is whole: a few bytes of
 * its header are not what they should be meanwhile. Tables take many writes, and each can be the
 * last one.
 */
#ifndef FORMATS_COMMON_VEIL_H
#define FORMATS_COMMON_VEIL_H

#include "format.h"

enum { FMT_VEIL_BYTES_MAX = 8 };

struct fmt_veil {
    uint32_t device;
    uint64_t offset;
    uint8_t kept[FMT_VEIL_BYTES_MAX];
    size_t bytes; /* 0: not drawn */
};

/*
 * If @image is a new one (FMT_OPEN_NEW) and not veiled yet: put something else in the place of the
 * @bytes bytes @kept at @offset, which programs look at. They must be none that a cache writes
 * back. Returns 0 or a negative errno.
 */
int fmt_veil_draw(struct fmt_image *image, struct fmt_veil *veil, uint32_t device, uint64_t offset,
                  const void *kept, size_t bytes);
/* Last of all: the image is whole. Returns 0 or a negative errno. */
int fmt_veil_lift(struct fmt_image *image, struct fmt_veil *veil);

#endif
