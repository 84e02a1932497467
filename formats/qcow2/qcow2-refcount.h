/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reference counts of a qcow2 file's clusters, and taking clusters that are free.
 *
 * Where new clusters, refcount blocks and tables are placed follows the reference exactly, so that
 * files made by either are the same bytes. Changes stay in state->tables until
 * qcow2_refcounts_flush(), but for those that make a file's header point elsewhere: a table that
 * has grown is on the file, and named by the header, before the old one is free. Of a file that is
 * being created the header is left to the caller.
 */
#ifndef FORMATS_QCOW2_REFCOUNT_H
#define FORMATS_QCOW2_REFCOUNT_H

#include "qcow2.h"

/* What every function needs to know. */
struct qcow2_file {
    struct fmt_env *env;
    uint32_t device;
    struct qcow2_state *state;
};

/* Read the refcount table of an image that was opened. Later calls do nothing. Returns 0 or a
 * negative errno. */
int qcow2_refcounts_load(const struct qcow2_file *file);
/* How many of the file's first @clusters clusters are in use; counting stops at @most. */
int qcow2_clusters_used(const struct qcow2_file *file, uint64_t clusters, uint64_t most,
                        uint64_t *used);
/* Take @bytes bytes, in whole adjacent clusters, and count them. Returns 0 or a negative errno:
 * -FMT_EFBIG where the offset would not fit in an L2 entry, or the table would grow too large. */
int qcow2_clusters_take(const struct qcow2_file *file, uint64_t bytes, uint64_t *offset);
/* Take up to @count clusters from @offset on, as many as are free there: *@taken. */
int qcow2_clusters_take_at(const struct qcow2_file *file, uint64_t offset, uint64_t count,
                           uint64_t *taken);
/* Take @bytes bytes for compressed data, at most a cluster: where possible behind the last ones. */
int qcow2_bytes_take(const struct qcow2_file *file, uint64_t bytes, uint64_t *offset);
/* Count the clusters of [offset, offset + bytes) one lower. */
int qcow2_clusters_free(const struct qcow2_file *file, uint64_t offset, uint64_t bytes);
/*
 * At @start_off, the end of all that is in use, make a new table and blocks that cover themselves
 * and @more_clusters behind them. @exact: the table is no larger than it must be. Where
 * @block_off is not 0, it is the block that the new table has at @block_index. Sets *@end_off
 * behind the new structures. Returns 0 or a negative errno.
 */
int qcow2_refcount_area(const struct qcow2_file *file, uint64_t start_off, uint64_t more_clusters,
                        bool exact, uint64_t block_index, uint64_t block_off, uint64_t *end_off);
/* Number of refcount blocks for @clusters clusters and the refcount structures themselves. */
uint64_t qcow2_refcount_blocks_for(const struct qcow2_state *state, uint64_t clusters, bool exact);
/* Write the table into the cache, and the cache to the device. */
int qcow2_refcounts_flush(const struct qcow2_file *file);
/* From now on changes of reference counts reach the file before those of tables, or behind them.
 * Nothing is done where the image has no order. */
int qcow2_order_set(const struct qcow2_file *file, enum qcow2_order order);
/* Make [offset, offset + bytes) of the file zeroes that will be written. */
int qcow2_zeroes_write(const struct qcow2_file *file, uint64_t offset, uint64_t bytes);

#endif
