/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking up clusters of a qcow2 image. */
#ifndef FORMATS_QCOW2_MAP_H
#define FORMATS_QCOW2_MAP_H

#include "qcow2.h"

/* What an L2 entry says of a cluster, or of a subcluster. "Placed": it has space in the file. */
enum qcow2_type {
    QCOW2_TYPE_UNALLOCATED,
    QCOW2_TYPE_UNALLOCATED_PLACED, /* the cluster has space, this subcluster is the backing file's
                                    */
    QCOW2_TYPE_ZERO,
    QCOW2_TYPE_ZERO_PLACED,
    QCOW2_TYPE_NORMAL,
    QCOW2_TYPE_COMPRESSED,
    QCOW2_TYPE_INVALID,
};

static inline bool qcow2_type_placed(enum qcow2_type type)
{
    return type == QCOW2_TYPE_NORMAL || type == QCOW2_TYPE_ZERO_PLACED ||
           type == QCOW2_TYPE_UNALLOCATED_PLACED;
}

struct qcow2_entry {
    uint64_t value;
    uint64_t bitmap; /* of extended L2 entries: low half allocated, high half zeroes */
    enum qcow2_type type;
    const uint8_t *at; /* NULL, or the entry's own bytes, behind which @more of the table lie */
    uint64_t more;
    uint64_t length; /* bytes from the offset asked for that are of this type */
};

/* The type of one subcluster, by its cluster's entry and bitmap. */
enum qcow2_type qcow2_type_of(const struct qcow2_state *state, const struct qcow2_entry *entry,
                              unsigned sub);
/* The entry for the disk's @offset. Returns 0, or a negative errno: for entries that make no sense
 * -FMT_EIO, told once per image. */
int qcow2_entry_find(struct fmt_image *image, uint64_t offset, struct qcow2_entry *entry);

/* Where the compressed data of an entry lies: the last sector may hold more than belongs to it. */
void qcow2_coded_place(const struct qcow2_state *state, uint64_t entry, uint64_t *off,
                       size_t *bytes);
/* Forget the cluster that was decoded last: others may take its place. */
void qcow2_decoded_forget(struct qcow2_state *state);

/* The L2 table that the entry of the L1 table names, where the image is only read and the table can
 * be; NULL: through the cache, then. Good until the next call. */
const uint8_t *qcow2_ahead_table(struct fmt_image *image, uint64_t l1_index);

int qcow2_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int qcow2_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);

/* fmt_driver.decode: compressed clusters, and encrypted ones in place. */
int qcow2_decode(const struct fmt_image *image, struct fmt_decoder *decoder, uint64_t offset,
                 const struct fmt_extent *extent, const void *coded, void *out);

#endif
