/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU enhanced disk (QED): a header, an L1 table, L2 tables, clusters. All fields are
 * little-endian. Whether clusters are in use shows only in the tables; a file that was not closed
 * properly carries the "need check" bit.
 */
#ifndef FORMATS_QED_QED_H
#define FORMATS_QED_QED_H

#include "common/append.h"
#include "common/cache.h"
#include "common/format.h"

#define QED_MAGIC 0x00444551u /* "QED\0" */

enum {
    QED_HEADER_BYTES = 64,
    QED_CLUSTER_BYTES_MIN = 4 << 10,
    QED_CLUSTER_BYTES_MAX = 64 << 20,
    QED_CLUSTER_BYTES_DEFAULT = 64 << 10,
    QED_TABLE_CLUSTERS_MIN = 1,
    QED_TABLE_CLUSTERS_MAX = 16,
    QED_TABLE_CLUSTERS_DEFAULT = 4,
    QED_BACKING_BYTES_MAX = 4095,
    QED_CACHE_PAGES = 16,
};

#define QED_F_BACKING_FILE UINT64_C(1)
#define QED_F_NEED_CHECK UINT64_C(2)
#define QED_F_BACKING_FORMAT_NO_PROBE UINT64_C(4)
/* Of no meaning: programs refuse an image that has it. */
#define QED_F_UNFINISHED (UINT64_C(1) << 63)
#define QED_FEATURES (QED_F_BACKING_FILE | QED_F_NEED_CHECK | QED_F_BACKING_FORMAT_NO_PROBE)

/* L2 entries that are no offsets. */
enum { QED_UNALLOCATED = 0, QED_ZERO = 1 };

struct qed_header {
    uint32_t magic;
    uint32_t cluster_bytes;
    uint32_t table_clusters;  /* of the L1 table and of each L2 table */
    uint32_t header_clusters; /* before the first data or table */
    uint64_t features;
    uint64_t compat_features;
    uint64_t autoclear_features;
    uint64_t l1_off;
    uint64_t disk_bytes;
    uint32_t backing_off;
    uint32_t backing_bytes;
};

struct qed_state {
    struct qed_header header;
    uint64_t file_bytes;    /* whole clusters; new ones are appended here */
    uint32_t table_entries; /* a power of two */
    struct fmt_cache tables;
    struct fmt_append append;
};

bool qed_cluster_size_ok(uint64_t cluster_bytes);
bool qed_table_size_ok(uint64_t table_clusters);
/* Largest disk that two levels of tables reach, as the reference computes it (modulo 2^64). */
uint64_t qed_disk_bytes_max(uint32_t cluster_bytes, uint32_t table_clusters);
void qed_header_store(const struct qed_header *header, uint8_t *bytes);
/* Write the header's known fields alone. Returns 0 or a negative errno. */
int qed_header_write(struct fmt_image *image);

/* Whether a cluster, or a table, may lie at @offset: aligned, behind the header, in the file. */
bool qed_cluster_off_ok(const struct qed_state *state, uint64_t offset);
bool qed_table_off_ok(const struct qed_state *state, uint64_t offset);

/* Offset of the L2 table for the disk's @offset, QED_UNALLOCATED if there is none. Returns 0 or a
 * negative errno, also where the table cannot be one. */
int qed_l2_find(struct fmt_image *image, uint64_t offset, uint64_t *l2_off);

int qed_create(struct fmt_env *env, const struct fmt_create *create);
int qed_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int qed_check(struct fmt_image *image, struct fmt_check *check, unsigned fix);
int qed_allocate(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int qed_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length, bool may_unmap);
int qed_finish(struct fmt_image *image);

#endif
