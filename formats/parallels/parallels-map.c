/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallels: where the disk's bytes lie. */
#include "common/mapread.h"
#include "parallels.h"

/* What is at @at, up to the end of its cluster. A disk may be larger than its BAT reaches. */
static int cluster_extent(struct fmt_image *image, uint64_t at, struct fmt_extent *out)
{
    struct parallels_state *state = image->state;
    uint64_t index = at / state->cluster_bytes, in_cluster = at % state->cluster_bytes;
    uint64_t cluster_off = 0;

    int r =
        index < state->header.bat_entries ? parallels_cluster_off(state, index, &cluster_off) : 0;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_UNALLOCATED,
                               .length = state->cluster_bytes - in_cluster};
    if (index >= state->header.bat_entries)
        out->length = image->facts.virtual_bytes - at;
    if (r < 0 || cluster_off == 0)
        return r;
    out->kind = FMT_EXTENT_DATA;
    out->device = image->device;
    out->device_off = cluster_off + in_cluster;
    out->has_offset = true;
    return 0;
}

int parallels_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    return fmt_extents_map(image, cluster_extent, offset, length, out);
}
