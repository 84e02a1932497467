/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reference counts where they lie: in blocks, which the table names. */
#ifndef FORMATS_QCOW2_COUNTS_H
#define FORMATS_QCOW2_COUNTS_H

#include "qcow2-refcount.h"

/* How many counts a block has. */
uint64_t qcow2_block_counts(const struct qcow2_state *state);
/* Offset of the block for @cluster; 0: there is none, so that nothing is counted. */
uint64_t qcow2_block_find(const struct qcow2_state *state, uint64_t cluster);
/* How often @cluster is in use. */
int qcow2_count_get(const struct qcow2_file *file, uint64_t cluster, uint64_t *count);
/* How many clusters from @cluster on are free, at most @most. */
int qcow2_free_run(const struct qcow2_file *file, uint64_t cluster, uint64_t most, uint64_t *run);
/* Count @count clusters from @cluster on, all of the block at @block_off, one higher, or lower; all
 * of them or, where a count would leave its range, none: -FMT_EINVAL. */
int qcow2_counts_change(const struct qcow2_file *file, uint64_t block_off, uint64_t cluster,
                        uint64_t count, bool lower);

#endif
