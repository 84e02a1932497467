/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan of a new VHDX image. */
#ifndef FORMATS_VHDX_VHDX_CREATE_H
#define FORMATS_VHDX_VHDX_CREATE_H

#include "vhdx.h"

struct vhdx_layout {
    uint64_t disk_bytes;
    uint32_t block_bytes;
    uint32_t sector_bytes;
    uint32_t chunk_blocks;
    bool fixed;
    bool zero_blocks; /* blocks are marked as zeroes rather than as not there */
    bool differencing;
    uint8_t *locator; /* of differencing images: which parent */
    uint32_t locator_bytes;
    uint32_t log_bytes;
    uint64_t bat_off;
    uint32_t bat_bytes;
    uint64_t metadata_off;
    uint64_t data_off; /* where blocks begin: leaves room for more metadata */
};

/* Write a table of VHDX_TABLE_BYTES of which only the first VHDX_TABLE_USED_BYTES are given: the
 * rest is zeroes. Returns 0 or a negative errno. */
enum { VHDX_TABLE_USED_BYTES = 4 << 10 };
int vhdx_table_write(struct fmt_env *env, uint32_t device, uint64_t offset, const uint8_t *table);
/* Look at the parent of the new image @create, and lay out the parent locator. Returns 0, or a
 * negative errno with the error recorded. */
int vhdx_child_plan(struct fmt_env *env, const struct fmt_create *create,
                    struct vhdx_layout *layout);
/* Write the metadata table and its items. Returns 0, or a negative errno with the error recorded.
 */
int vhdx_metadata_write(struct fmt_env *env, uint32_t device, const struct vhdx_layout *layout);

#endif
