/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the ranges of an image's disk are, with its backing files: which image of the chain has
 * them, where the bytes lie, what reads as zeroes.
 */
#ifndef GUEST_CHAIN_H
#define GUEST_CHAIN_H

#include "common/holes.h"
#include "image.h"

/* How chain_extent_find() looks. */
#define CHAIN_TOP_ONLY 1u /* the files behind the top image are not asked, but for their size */
/* It is the status that is asked for, not where to read: filters that are told to fail then do. */
#define CHAIN_STATUS 2u
/* No more is looked up than the reference's driver speaks for at a time. */
#define CHAIN_AS_TOLD 4u
#define CHAIN_NO_FILTERS 8u /* filters are looked through */

struct chain {
    struct fmt_image *top;
    struct holes holes; /* of what was preallocated */
};

struct chain_extent {
    uint64_t length;
    uint64_t told_bytes;      /* for how much of it the reference's driver speaks at a time */
    unsigned flags;           /* ABI_MAP_* */
    unsigned depth;           /* of the image below the top */
    struct fmt_image *image;  /* that has it; the last one asked if none has */
    uint64_t image_off;       /* where in its disk: raw may show a part of another */
    struct fmt_extent extent; /* of that image; its length counts no more than ours */
};

void chain_init(struct chain *chain, struct fmt_image *top);

/*
 * The extent at @offset, of at most @length bytes of the top image's disk; @mode: CHAIN_*. What
 * lies behind the end of a backing file is zeroes. Neither DATA nor ZERO in the flags: no image has
 * it, and the format has no backing files that could; or what raw or a filter shows has one, which
 * only reading looks into. Returns 0 or a negative errno.
 */
int chain_extent_find(struct chain *chain, uint64_t offset, uint64_t length, unsigned mode,
                      struct chain_extent *out);

/* Bytes of the chain, of any kind; all within the top image's disk. Returns 0 or a negative
 * errno. */
int chain_read(struct chain *chain, uint64_t offset, void *buffer, uint64_t length);

/* Whether images may be read whose data lies in their backing files: as fmt_driver.backing_check
 * of each. */
int chain_check(const struct fmt_image *top);

#endif
