/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow: where the disk's bytes lie. */
#include "common/mapread.h"
#include "qcow.h"

int qcow_entry(struct qcow_state *state, uint64_t offset, uint64_t *entry)
{
    uint64_t cluster = offset >> state->header.cluster_bits, l2_off;

    int r = fmt_cache_be64(&state->tables,
                           state->header.l1_off + (cluster >> state->header.l2_bits) * 8, &l2_off);
    *entry = 0;
    if (r < 0 || l2_off == 0)
        return r;
    if (!io_range_ok(l2_off, state->l2_entries * UINT64_C(8)))
        return -FMT_EIO;
    return fmt_cache_be64(&state->tables, l2_off + cluster % state->l2_entries * 8, entry);
}

/* What is at @at, up to the end of its cluster. */
static int cluster_extent(struct fmt_image *image, uint64_t at, struct fmt_extent *out)
{
    struct qcow_state *state = image->state;
    uint64_t in_cluster = at % state->cluster_bytes, entry;

    *out = (struct fmt_extent){.kind = FMT_EXTENT_UNALLOCATED,
                               .length = state->cluster_bytes - in_cluster};
    int r = qcow_entry(state, at, &entry);
    if (r < 0 || entry == 0)
        return r;
    out->kind = FMT_EXTENT_CODED;
    out->compressed = entry & QCOW_COMPRESSED;
    /* Misaligned clusters are for read() to refuse. */
    if (out->compressed || image->facts.encrypted || entry % FMT_SECTOR_BYTES != 0)
        return 0;
    out->kind = FMT_EXTENT_DATA;
    out->device = image->device;
    out->device_off = entry + in_cluster;
    out->has_offset = true;
    return 0;
}

int qcow_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    return fmt_extents_map(image, cluster_extent, offset, length, out);
}
