/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many reads of chains at once: what lies as it is in files is asked for by one doorbell, and what
 * only drivers can read is read by them meanwhile.
 */
#ifndef GUEST_READS_H
#define GUEST_READS_H

#include "chain.h"
#include "guest.h"

enum {
    READS_MAX = 100,
    READS_CODED_BYTES = 2 << 20, /* coded bytes under way */
};

struct read {
    uint64_t tag;    /* the caller's: which of its ranges this is of */
    uint64_t offset; /* in the image's disk */
    uint64_t bytes;
    uint8_t *to;
    int status;
    /* What is coded is read elsewhere, and decoded then. */
    const struct fmt_image *image;
    struct fmt_extent extent;
    uint8_t *coded; /* where it is read: @to, unless it has to be decoded to there */
    uint64_t coded_bytes;
};

struct reads {
    struct guest *g;
    struct fmt_decoder *decoder; /* NULL: coded bytes are read by the drivers */
    uint8_t *coded;              /* READS_CODED_BYTES */
    uint64_t coded_used;
    unsigned count;
    struct read read[READS_MAX];
};

/*
 * Begin to read [offset, offset + bytes) of the chain's disk, all within it in whole sectors;
 * zeroes behind its end. A read that fails later has the tag. The images' env must be this vCPU's
 * meanwhile. Returns 0 or a negative errno.
 */
int reads_begin(struct reads *reads, struct chain *chain, uint64_t offset, uint8_t *to,
                uint64_t bytes, uint64_t tag);

/* Read all that was begun, and wait; only those that failed are left in the list. Returns 0, or the
 * status of the first of them. */
int reads_wait(struct reads *reads);

/* What is left in the list because it cannot be decoded here is read by the drivers. Their env must
 * be this vCPU's. Returns as reads_wait(). */
int reads_retry(struct reads *reads);

/* Let coded bytes be decoded by this vCPU, without the drivers' state. Returns 0 or -FMT_ENOMEM. */
int reads_decode_with(struct reads *reads, struct fmt_decoder *decoder);

#endif
