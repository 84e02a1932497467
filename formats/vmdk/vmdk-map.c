/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: where the disk's bytes lie, by the extents' grain directories and tables. */
#include "common/mapread.h"
#include "vmdk.h"

/* SESPARSE entries: the state in the highest bits, then a number. */
#define SE_STATE_MASK UINT64_C(0xf000000000000000)
#define SE_TABLE_STATE_MASK UINT64_C(0xffffffff00000000)
#define SE_TABLE_ALLOCATED UINT64_C(0x1000000000000000)
#define SE_GRAIN_UNMAPPED UINT64_C(0x1000000000000000)
#define SE_GRAIN_ZERO UINT64_C(0x2000000000000000)
#define SE_GRAIN_ALLOCATED UINT64_C(0x3000000000000000)

struct vmdk_extent *vmdk_extent_find(const struct vmdk_state *state, uint64_t at)
{
    uint64_t sector = at / FMT_SECTOR_BYTES;
    uint32_t low = 0, high = state->extents;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct vmdk_extent *extent = &state->extent[middle];
        if (sector < extent->start_sector)
            high = middle;
        else if (sector - extent->start_sector < extent->sectors)
            return extent;
        else
            low = middle + 1;
    }
    return NULL;
}

int vmdk_cache_select(struct vmdk_state *state, uint32_t device)
{
    struct fmt_cache *cache = &state->cache;

    if (cache->device == device)
        return 0;
    int r = fmt_cache_flush(cache);
    if (r < 0)
        return r;
    fmt_cache_drop(cache);
    cache->device = device;
    return 0;
}

/* One table entry of the extent. */
static int entry_read(struct vmdk_state *state, const struct vmdk_extent *extent, uint64_t table,
                      uint64_t index, uint64_t *entry)
{
    struct fmt_cache *cache = &state->cache;
    uint32_t narrow = 0;

    int r = vmdk_cache_select(state, extent->device);
    if (r < 0)
        return r;
    if (extent->kind == VMDK_SESPARSE)
        return fmt_cache_le64(cache, table + index * 8, entry);
    r = fmt_cache_le32(cache, table + index * 4, &narrow);
    *entry = narrow;
    return r;
}

/* Sector of the grain table by an L1 entry; 0: there is none. */
static int table_sector(const struct vmdk_extent *extent, uint64_t entry, uint64_t *sector)
{
    *sector = entry;
    if (extent->kind != VMDK_SESPARSE || entry == 0)
        return 0;
    if ((entry & SE_TABLE_STATE_MASK) != SE_TABLE_ALLOCATED)
        return -FMT_EIO;
    uint64_t number = entry & ~SE_TABLE_STATE_MASK;
    uint64_t distance = number * (extent->l2_entries * UINT64_C(8) / FMT_SECTOR_BYTES);
    if (__builtin_add_overflow(extent->tables_sector, distance, sector) || *sector > UINT32_MAX)
        return -FMT_EIO;
    return 0;
}

static int sesparse_grain(const struct vmdk_extent *extent, uint64_t entry,
                          struct vmdk_cluster *cluster)
{
    uint64_t number, sector;

    switch (entry & SE_STATE_MASK) {
    case 0:
        return entry == 0 ? 0 : -FMT_EIO;
    case SE_GRAIN_UNMAPPED:
    case SE_GRAIN_ZERO:
        cluster->found = VMDK_ZEROED;
        return 0;
    case SE_GRAIN_ALLOCATED:
        /* The number's lowest twelve bits come first. */
        number = (entry & UINT64_C(0x0fff000000000000)) >> 48 |
                 (entry & UINT64_C(0x0000ffffffffffff)) << 12;
        if (__builtin_mul_overflow(number, extent->cluster_sectors, &sector) ||
            __builtin_add_overflow(sector, extent->grains_sector, &sector) ||
            sector > FMT_OFFSET_MAX / FMT_SECTOR_BYTES)
            return -FMT_EIO;
        cluster->found = VMDK_ALLOCATED;
        cluster->offset = sector * FMT_SECTOR_BYTES;
        return 0;
    default:
        return -FMT_EIO;
    }
}

static int grain_find(const struct vmdk_extent *extent, uint64_t entry,
                      struct vmdk_cluster *cluster)
{
    if (extent->kind == VMDK_SESPARSE)
        return sesparse_grain(extent, entry, cluster);
    if (extent->has_zeroed_grains && entry == VMDK_GTE_ZEROED) {
        cluster->found = VMDK_ZEROED;
    } else if (entry) {
        cluster->found = VMDK_ALLOCATED;
        cluster->offset = entry * FMT_SECTOR_BYTES;
    }
    return 0;
}

int vmdk_cluster_find(struct fmt_image *image, const struct vmdk_extent *extent, uint64_t in_extent,
                      struct vmdk_cluster *cluster)
{
    struct vmdk_state *state = image->state;
    uint64_t cluster_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;
    uint64_t l1_bytes = extent->l1_entry_sectors * (uint64_t)FMT_SECTOR_BYTES;
    uint64_t entry, table = 0;

    *cluster = (struct vmdk_cluster){.found = VMDK_UNALLOCATED};
    if (cluster_bytes == 0 || l1_bytes == 0 || in_extent / l1_bytes >= extent->l1_entries)
        return -FMT_EIO;
    cluster->length = l1_bytes - in_extent % l1_bytes;
    int r = entry_read(state, extent, extent->l1_off, in_extent / l1_bytes, &entry);
    if (r == 0)
        r = table_sector(extent, entry, &table);
    if (r < 0 || table == 0)
        return r;
    cluster->in_cluster = in_extent % cluster_bytes;
    cluster->length = cluster_bytes - cluster->in_cluster;
    cluster->table_off = table * FMT_SECTOR_BYTES;
    cluster->index = in_extent / cluster_bytes % extent->l2_entries;
    r = entry_read(state, extent, cluster->table_off, cluster->index, &entry);
    return r < 0 ? r : grain_find(extent, entry, cluster);
}

static int sparse_map(struct fmt_image *image, const struct vmdk_extent *extent, uint64_t in_extent,
                      struct fmt_extent *out)
{
    static const enum fmt_extent_kind kinds[] = {[VMDK_UNALLOCATED] = FMT_EXTENT_UNALLOCATED,
                                                 [VMDK_ZEROED] = FMT_EXTENT_ZERO,
                                                 [VMDK_ALLOCATED] = FMT_EXTENT_DATA};
    struct vmdk_cluster cluster;

    int r = vmdk_cluster_find(image, extent, in_extent, &cluster);
    if (r < 0)
        return r;
    out->kind = kinds[cluster.found];
    out->length = min_u64(out->length, cluster.length);
    if (cluster.found != VMDK_ALLOCATED)
        return 0;
    if (extent->compressed) {
        out->kind = FMT_EXTENT_CODED;
        out->compressed = true;
        out->device = extent->device;
        out->device_off = cluster.offset;
        /* How long it is stands before it: one that does not shrink is hardly longer. */
        if (cluster.in_cluster == 0 && extent->has_markers &&
            extent->cluster_sectors <= VMDK_GRAIN_MAX_BYTES / FMT_SECTOR_BYTES)
            out->coded_bytes =
                (uint32_t)(extent->cluster_sectors * FMT_SECTOR_BYTES + FMT_SECTOR_BYTES);
        return 0;
    }
    out->device = extent->device;
    out->device_off = cluster.offset + cluster.in_cluster;
    out->has_offset = true;
    return 0;
}

/* What is at @at, up to the end of its cluster, or of its extent if that comes first. */
static int extent_at(struct fmt_image *image, uint64_t at, struct fmt_extent *out)
{
    const struct vmdk_extent *extent = vmdk_extent_find(image->state, at);

    if (!extent)
        return -FMT_EIO;
    uint64_t in_extent = at - extent->start_sector * FMT_SECTOR_BYTES;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_ZERO,
                               .length = extent->sectors * FMT_SECTOR_BYTES - in_extent};
    switch (extent->kind) {
    case VMDK_FLAT:
        if (!io_range_ok(extent->flat_off, extent->sectors * FMT_SECTOR_BYTES))
            return -FMT_EIO;
        out->kind = FMT_EXTENT_DATA;
        out->device = extent->device;
        out->device_off = extent->flat_off + in_extent;
        out->has_offset = true;
        out->preallocated = true;
        return 0;
    case VMDK_ZERO:
        return 0;
    case VMDK_NOACCESS:
        return -FMT_EIO;
    default:
        return sparse_map(image, extent, in_extent, out);
    }
}

int vmdk_backing_check(struct fmt_image *image)
{
    struct vmdk_state *state = image->state;
    const struct fmt_image *parent = image->backing;
    const struct vmdk_state *other = parent ? parent->state : NULL;

    if (state->parent_checked || !parent)
        return 0;
    if (parent->driver != image->driver || other->cid != state->parent_cid)
        return -FMT_EINVAL;
    state->parent_checked = true;
    return 0;
}

int vmdk_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    return fmt_extents_map(image, extent_at, offset, length, out);
}
