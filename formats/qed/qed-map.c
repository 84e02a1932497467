/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QED: where the disk's bytes lie. */
#include "common/mapread.h"
#include "qed.h"

int qed_l2_find(struct fmt_image *image, uint64_t offset, uint64_t *l2_off)
{
    struct qed_state *state = image->state;
    uint64_t reach = (uint64_t)state->table_entries * state->header.cluster_bytes;

    int r = fmt_cache_le64(&state->tables, state->header.l1_off + offset / reach * 8, l2_off);
    if (r == 0 && *l2_off != QED_UNALLOCATED && !qed_table_off_ok(state, *l2_off))
        r = -FMT_EINVAL;
    return r;
}

/* What is at @at: to the end of its cluster, or of the L2 table that is not there. */
static int cluster_extent(struct fmt_image *image, uint64_t at, struct fmt_extent *out)
{
    struct qed_state *state = image->state;
    uint64_t cluster_bytes = state->header.cluster_bytes, in_cluster = at % cluster_bytes;
    uint64_t reach = state->table_entries * cluster_bytes;
    uint64_t l2_off, entry;

    int r = qed_l2_find(image, at, &l2_off);
    if (r < 0)
        return r;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_UNALLOCATED, .length = reach - at % reach};
    if (l2_off == QED_UNALLOCATED)
        return 0;
    out->length = cluster_bytes - in_cluster;
    r = fmt_cache_le64(&state->tables, l2_off + at / cluster_bytes % state->table_entries * 8,
                       &entry);
    if (r < 0 || entry == QED_UNALLOCATED)
        return r;
    if (entry == QED_ZERO) {
        out->kind = FMT_EXTENT_ZERO;
        return 0;
    }
    if (!qed_cluster_off_ok(state, entry))
        return -FMT_EINVAL;
    out->kind = FMT_EXTENT_DATA;
    out->device = image->device;
    out->device_off = entry + in_cluster;
    out->has_offset = true;
    return 0;
}

int qed_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    return fmt_extents_map(image, cluster_extent, offset, length, out);
}
