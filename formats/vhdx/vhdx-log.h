/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX: the log, a ring of entries that change sectors of the file ([MS-VHDX] 2.3).
 *
 * An entry is a header with descriptors, in whole sectors of 4 KiB, and one data sector for each
 * data descriptor. What is to be replayed is the active sequence: of all runs of valid entries,
 * with numbers without a gap, the one that ends with the highest number, from its last entry's
 * tail on.
 */
#ifndef FORMATS_VHDX_VHDX_LOG_H
#define FORMATS_VHDX_VHDX_LOG_H

#include "vhdx.h"

enum { VHDX_LOG_SECTOR_BYTES = 4096 };

struct vhdx_log {
    struct fmt_image *image;
    struct vhdx_state *state;
    struct fmt_cache ring; /* over the log's place in the file */
    uint32_t bytes;        /* of the ring, a multiple of 1 MiB */
    uint64_t
        unsummed_bytes; /* that may still be summed up, however many entries there seem to be */
};

struct vhdx_log_entry {
    uint32_t at;    /* where it starts in the ring */
    uint32_t bytes; /* the whole entry */
    uint32_t tail;  /* where the oldest entry starts that is to be replayed with this one */
    uint32_t descriptors;
    uint64_t sequence;           /* its number; never 0 */
    uint64_t flushed_file_bytes; /* the file has at least these */
    uint64_t last_file_bytes;    /* and is to have these */
};

/* Entries to be replayed: @count of them, from the ring's offset @start on. */
struct vhdx_log_sequence {
    uint32_t start, count;
    uint64_t descriptors;
    struct vhdx_log_entry last;
};

/* What a descriptor changes: bytes [offset, offset + length) of the file, within FMT_OFFSET_MAX. */
struct vhdx_log_change {
    uint64_t offset, length;
    bool is_zero;           /* to be zeroes; else one sector of data */
    uint32_t descriptor_at; /* in the ring */
    uint32_t data_at;       /* likewise, of the data sector */
};

/*
 * Look for the active sequence; sequence->count is 0 if there is nothing to be replayed: no entry
 * at all, or nothing but the start of the first one, which was torn before anything depended on it.
 * Returns 0 or a negative errno; a log that has lost entries, or contradicts itself, is recorded as
 * VHDX_LOG_DAMAGED, a file that has lost its end as VHDX_LOG_TRUNCATED.
 */
int vhdx_log_find(struct vhdx_log *log, struct vhdx_log_sequence *sequence);

typedef int (*vhdx_log_fn)(void *ctx, const struct vhdx_log_change *change);
/* Tell of all changes, oldest first, until one returns a negative errno. */
int vhdx_log_walk(struct vhdx_log *log, const struct vhdx_log_sequence *sequence, vhdx_log_fn tell,
                  void *ctx);
/* The VHDX_LOG_SECTOR_BYTES of a change that is not zeroes. Returns 0 or a negative errno. */
int vhdx_log_sector(struct vhdx_log *log, const struct vhdx_log_change *change, uint8_t *sector);

#endif
