/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changing a qcow2 image. Where new tables and clusters are placed, and how many at once, follows
 * the reference, so that the same sequence of writes makes the same file.
 *
 * An image without any L2 table is filled unseen: its L1 table stays in memory until finish(), so
 * that the file holds an empty image before, and the whole one after. In all others reference
 * counts reach the file before the tables that rely on them (enum qcow2_order).
 */
#ifndef FORMATS_QCOW2_WRITE_H
#define FORMATS_QCOW2_WRITE_H

#include "qcow2-map.h"
#include "qcow2-refcount.h"

enum { QCOW2_COPY_BYTES = 64 << 10, QCOW2_PENDING_BYTES = 1 << 20, QCOW2_FREED_MAX = 256 };

struct qcow2_writer {
    bool unseen;    /* L1 entries are written by finish() */
    bool guarded;   /* the header's version says that the image is not finished */
    uint64_t slice; /* L2 entries that the reference looks at at once */
    uint32_t l1_changed_from, l1_changed_to; /* unseen: entries to be written */
    uint8_t *copy;                           /* QCOW2_COPY_BYTES, once needed */
    /* Entries that a write replaced: the reference frees what they refer to when the whole write
     * has its places, so that these are others. */
    uint64_t freed[QCOW2_FREED_MAX];
    unsigned freed_count;
    uint64_t request_end; /* of that write, on the disk */
    /* Compressed clusters that lie one behind the other, not written yet. */
    uint8_t *pending;
    uint64_t pending_off;
    size_t pending_bytes;
    bool coded; /* compressed clusters were written: the file ends with a whole sector */
    /* The former directory of bitmaps, free once the header names another. */
    uint64_t directory_old_off, directory_old_bytes;
    bool header_changed; /* finish() writes the header anew */
    /* What was changed, for bitmaps: a bit for each 1 << dirty_unit_bits bytes. NULL: not needed.
     */
    uint8_t *dirty;
    uint64_t dirty_units;
    unsigned dirty_unit_bits;
    struct fmt_compressor compressor;
    uint8_t *plain, *encoded; /* a cluster each, for write_compressed() */
};

static inline struct qcow2_file qcow2_file_of(const struct fmt_image *image)
{
    return (struct qcow2_file){image->env, image->device, image->state};
}

/* ---- qcow2-write.c ---- */

/* What the reference does with an image that is opened to be changed, before any change: forget
 * features that others must keep up, repair what was not closed properly. */
int qcow2_open_writable(struct fmt_image *image);
/* The first half of it alone: features that nobody here knows must not be taken for kept up. */
int qcow2_autoclear(struct fmt_image *image);
/* Get ready for changes: tables in memory, the image's order known. Later calls do nothing. */
int qcow2_write_begin(struct fmt_image *image);
/* Write the compressed clusters that are still in memory. */
int qcow2_pending_flush(struct fmt_image *image);
/* A buffer of QCOW2_COPY_BYTES, always the same; NULL, recorded, without memory. */
uint8_t *qcow2_copy_buffer(struct fmt_image *image);
/* Make a write of zeroes that no table can express: [offset, offset + length) gets a place. */
int qcow2_zeroes_place(struct fmt_image *image, uint64_t offset, uint64_t length);

int qcow2_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                   struct fmt_extent *out);
int qcow2_write(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length);
void qcow2_encrypt(const struct fmt_image *image, uint64_t offset, uint64_t device_off,
                   void *buffer, size_t length);
int qcow2_finish(struct fmt_image *image);

/* ---- qcow2-l2.c ---- */

/* An L2 table that may be changed, for the disk's @offset: made, or copied from one that is shared,
 * if need be. */
int qcow2_l2_have(struct fmt_image *image, uint64_t offset, uint64_t *l2_off);
/* Number of the entry for @offset within its table. */
static inline uint64_t qcow2_l2_index(const struct qcow2_state *state, uint64_t offset)
{
    return offset >> state->header.cluster_bits & ((UINT64_C(1) << state->l2_bits) - 1);
}
/* The value and bitmap of an entry; the rest of *entry stays as it is. */
int qcow2_l2_get(struct fmt_image *image, uint64_t l2_off, uint64_t index,
                 struct qcow2_entry *entry);
int qcow2_l2_set(struct fmt_image *image, uint64_t l2_off, uint64_t index, uint64_t value,
                 uint64_t bitmap);
/* How many of the clusters that [offset, offset + bytes) touches the reference looks at at once. */
uint64_t qcow2_l2_reach(const struct fmt_image *image, uint64_t offset, uint64_t bytes);
/* The former entry will be freed, see qcow2_writer.freed. */
int qcow2_freed_add(struct fmt_image *image, uint64_t value);
/* Free all of these now. */
int qcow2_freed_flush(struct fmt_image *image);
/* Free what @count former entries refer to; @discard: the space, too, as a hint to the host. */
int qcow2_entries_free(struct fmt_image *image, const uint64_t *values, unsigned count,
                       bool discard);

/* ---- qcow2-cow.c ---- */

/* Bytes as the image has them now, with those of its backing files: also past the disk's end, in
 * its last cluster. */
int qcow2_chain_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);
/* Whether tables alone say that these bytes are zeroes; with @thorough also holes of the backing
 * files. Past the disk's end nothing is known. Returns 1, 0 or a negative errno. */
int qcow2_chain_zero(struct fmt_image *image, uint64_t offset, uint64_t length, bool thorough);
/* Write [offset, offset + length) as it is now to where it will lie. */
int qcow2_range_copy(struct fmt_image *image, uint64_t offset, uint64_t length, uint64_t host_off);

/* ---- qcow2-place.c ---- */

/* Writes @length bytes of the disk at @offset, from @from (NULL: zeroes), to @host_off of the data
 * device. */
typedef int (*qcow2_fill_fn)(struct fmt_image *image, uint64_t offset, uint64_t host_off,
                             const uint8_t *from, uint64_t length);

/* Give [offset, offset + length) of the disk, or the first part of it, a place that can be written
 * to, with all else in its clusters filled: *@got bytes at *@host_off of the data device. */
int qcow2_place(struct fmt_image *image, uint64_t offset, uint64_t length, uint64_t *host_off,
                uint64_t *got);
/* The same, with the data written there before any entry leads to it: if that fails, none does. */
int qcow2_place_fill(struct fmt_image *image, uint64_t offset, uint64_t length, qcow2_fill_fn fill,
                     const uint8_t *from, uint64_t *got);

/* ---- qcow2-zero.c ---- */

int qcow2_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length, bool may_unmap);

/* ---- qcow2-compress.c ---- */

int qcow2_compress(const struct fmt_image *image, struct fmt_compressor *compressor, const void *in,
                   void *out, size_t *out_bytes);
int qcow2_write_coded(struct fmt_image *image, uint64_t offset, const void *coded, size_t bytes);
int qcow2_write_compressed(struct fmt_image *image, uint64_t offset, const void *buffer,
                           size_t length);

#endif
