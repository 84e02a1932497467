/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: new grains at the file's end, in the order in which they are first written. */
#include "vmdk.h"

/* Extents that can be changed at all. */
static int extent_check(const struct vmdk_extent *extent)
{
    if (!extent)
        return -FMT_EIO;
    return extent->kind == VMDK_FLAT || extent->kind == VMDK_SPARSE ? 0 : -FMT_ENOTSUP;
}

static uint64_t extent_start(const struct vmdk_extent *extent)
{
    return extent->start_sector * FMT_SECTOR_BYTES;
}

static uint64_t extent_bytes(const struct vmdk_extent *extent)
{
    return extent->sectors * FMT_SECTOR_BYTES;
}

int vmdk_append_begin(struct fmt_image *image, struct vmdk_extent *extent)
{
    uint64_t cluster_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;

    int r = fmt_append_begin(image->env, extent->device, &extent->append, UINT64_MAX);
    if (r == 0 && !io_range_ok(extent->append.end_off, cluster_bytes))
        r = -FMT_EFBIG;
    if (r == 0 && extent->append.end_off == extent->append.file_bytes)
        extent->append.end_off = round_up_u64(extent->append.end_off, cluster_bytes);
    return r;
}

int vmdk_entry_write(struct fmt_image *image, const struct vmdk_extent *extent, uint64_t in_extent,
                     const struct vmdk_cluster *cluster, uint32_t sector)
{
    struct vmdk_state *state = image->state;
    uint64_t l1_bytes = extent->l1_entry_sectors * (uint64_t)FMT_SECTOR_BYTES;
    uint32_t backup = 0;
    uint8_t entry[4];

    le32_store(entry, sector);
    int r = vmdk_cache_select(state, extent->device);
    if (r == 0 && extent->l1_backup_off)
        r = fmt_cache_le32(&state->cache, extent->l1_backup_off + in_extent / l1_bytes * 4,
                           &backup);
    if (r == 0 && extent->l1_backup_off && backup == 0)
        r = -FMT_EINVAL; /* no table: where it would be, the header is */
    if (r == 0)
        r = fmt_cache_write(&state->cache, cluster->table_off + cluster->index * 4, entry, 4);
    if (r < 0 || !extent->l1_backup_off)
        return r;
    return fmt_cache_write(&state->cache, backup * UINT64_C(512) + cluster->index * sizeof(entry),
                           entry, 4);
}

/* How many clusters from @in_extent on, of those that @length bytes touch and one table covers,
 * have no data. *first is the one at @in_extent. */
static int missing_count(struct fmt_image *image, const struct vmdk_extent *extent,
                         uint64_t in_extent, uint64_t length, struct vmdk_cluster *first,
                         uint64_t *count)
{
    uint64_t cluster_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;
    struct vmdk_cluster cluster;

    int r = vmdk_cluster_find(image, extent, in_extent, first);
    *count = 0;
    if (r < 0 || first->found == VMDK_ALLOCATED)
        return r;
    if (first->table_off == 0)
        return -FMT_EINVAL; /* a table that was never made: the reference does not make it, too */
    uint64_t most = div_up_u64(first->in_cluster + length, cluster_bytes);
    most = min_u64(most, extent->l2_entries - first->index);
    in_extent -= first->in_cluster;
    for (*count = 1; *count < most; ++*count) {
        r = vmdk_cluster_find(image, extent, in_extent + *count * cluster_bytes, &cluster);
        if (r < 0 || cluster.found == VMDK_ALLOCATED)
            break;
    }
    return r;
}

/* Clusters for a run without any, with what lies around [in_extent, in_extent + length) copied from
 * the parent unless zeroes stood there. */
static int run_add(struct fmt_image *image, struct vmdk_extent *extent, uint64_t in_extent,
                   uint64_t length, const struct vmdk_cluster *first, uint64_t count,
                   uint64_t *run_off)
{
    struct fmt_env *env = image->env;
    uint64_t cluster_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;
    uint64_t start = in_extent - first->in_cluster, end = start + count * cluster_bytes;
    uint64_t disk = extent_start(extent);

    int r = vmdk_append_begin(image, extent);
    if (r == 0)
        r = fmt_append_take(env, extent->device, &extent->append, count * cluster_bytes,
                            cluster_bytes, run_off);
    if (r == 0 && extent->append.end_off > (UINT64_C(1) << 32) * FMT_SECTOR_BYTES)
        r = -FMT_EINVAL; /* entries have 32 bits */
    if (r == 0)
        r = vmdk_backing_check(image);
    if (r == 0 && first->found == VMDK_UNALLOCATED)
        r = fmt_backing_copy(image, &extent->append, disk + start, disk + in_extent, extent->device,
                             *run_off);
    if (r == 0)
        r = fmt_allocated_fill(image, extent->device, *run_off + first->in_cluster, length);
    for (uint64_t i = 0; r == 0 && i < count; i++) {
        struct vmdk_cluster cluster;
        r = vmdk_cluster_find(image, extent, start + i * cluster_bytes, &cluster);
        if (r == 0 && i == count - 1 && cluster.found == VMDK_UNALLOCATED)
            r = fmt_backing_copy(image, &extent->append, disk + in_extent + length,
                                 disk + min_u64(end, extent_bytes(extent)), extent->device,
                                 *run_off + (in_extent + length - start));
        if (r == 0)
            r = vmdk_entry_write(image, extent, start + i * cluster_bytes, &cluster,
                                 (uint32_t)((*run_off + i * cluster_bytes) / FMT_SECTOR_BYTES));
    }
    return r;
}

static int sparse_allocate(struct fmt_image *image, struct vmdk_extent *extent, uint64_t in_extent,
                           struct fmt_extent *out)
{
    uint64_t cluster_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES, count, run_off;
    struct vmdk_cluster first;

    int r = missing_count(image, extent, in_extent, out->length, &first, &count);
    if (r < 0)
        return r;
    if (count == 0) {
        out->length = min_u64(out->length, first.length);
        out->device_off = first.offset + first.in_cluster;
        return 0;
    }
    out->length = min_u64(out->length, count * cluster_bytes - first.in_cluster);
    r = run_add(image, extent, in_extent, out->length, &first, count, &run_off);
    out->device_off = run_off + first.in_cluster;
    return r;
}

int vmdk_allocate(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    struct vmdk_extent *extent = vmdk_extent_find(image->state, offset);

    int r = extent_check(extent);
    if (r == 0 && extent->compressed)
        r = -FMT_ENOTSUP;
    if (r == 0)
        r = vmdk_change_begin(image);
    if (r < 0)
        return r;
    uint64_t in_extent = offset - extent_start(extent);
    *out = (struct fmt_extent){.kind = FMT_EXTENT_DATA,
                               .length = min_u64(length, extent_bytes(extent) - in_extent),
                               .device = extent->device,
                               .has_offset = true};
    if (extent->kind == VMDK_SPARSE)
        return sparse_allocate(image, extent, in_extent, out);
    if (!io_range_ok(extent->flat_off, extent_bytes(extent)))
        return -FMT_EIO;
    out->device_off = extent->flat_off + in_extent;
    return 0;
}

int vmdk_write(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length)
{
    const uint8_t *from = buffer;

    while (length > 0) {
        struct vmdk_extent *extent = vmdk_extent_find(image->state, offset);
        int r = extent_check(extent);
        if (r < 0)
            return r;
        uint64_t left = extent_start(extent) + extent_bytes(extent) - offset;
        size_t n = (size_t)min_u64(length, left);
        if (extent->compressed) {
            n = (size_t)min_u64(n, extent->cluster_sectors * FMT_SECTOR_BYTES);
            r = vmdk_coded_write(image, extent, offset, from, n);
        } else {
            r = fmt_allocated_write(image, offset, from, n);
        }
        if (r < 0)
            return r;
        from += n;
        offset += n;
        length -= n;
    }
    return 0;
}

/* Mark whole grains as zeroes, from @offset on; *done: how many bytes. What they held is lost in
 * the file, as with the reference. */
static int grains_zero(struct fmt_image *image, struct vmdk_extent *extent, uint64_t offset,
                       uint64_t length, uint64_t *done)
{
    uint64_t cluster_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;
    uint64_t in_extent = offset - extent_start(extent);
    struct vmdk_cluster cluster;
    int r = vmdk_change_begin(image);

    for (*done = 0; r == 0 && length - *done >= cluster_bytes; *done += cluster_bytes) {
        r = vmdk_cluster_find(image, extent, in_extent + *done, &cluster);
        if (r == 0 && cluster.table_off == 0)
            r = -FMT_EINVAL;
        if (r == 0 && cluster.found != VMDK_ZEROED)
            r = vmdk_entry_write(image, extent, in_extent + *done, &cluster, VMDK_GTE_ZEROED);
    }
    return r;
}

int vmdk_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length, bool may_unmap)
{
    int r = 0;

    for (uint64_t n; r == 0 && length > 0; offset += n, length -= n) {
        struct vmdk_extent *extent = vmdk_extent_find(image->state, offset);
        r = extent_check(extent);
        if (r < 0)
            return r;
        uint64_t cluster_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;
        uint64_t in_extent = offset - extent_start(extent);
        n = min_u64(length, extent_bytes(extent) - in_extent);
        if (extent->has_zeroed_grains && in_extent % cluster_bytes == 0 && n >= cluster_bytes) {
            r = grains_zero(image, extent, offset, n, &n);
            continue;
        }
        if (extent->has_zeroed_grains) /* up to the next whole grain */
            n = min_u64(n, cluster_bytes - in_extent % cluster_bytes);
        r = fmt_allocated_write_zeroes(image, offset, n, may_unmap);
    }
    return r;
}

int vmdk_finish(struct fmt_image *image)
{
    struct vmdk_state *state = image->state;
    int r = vmdk_pending_flush(image);

    for (uint32_t i = 0; r == 0 && i < state->extents; i++) {
        struct vmdk_extent *extent = &state->extent[i];
        r = vmdk_stream_end(image, extent);
        if (r < 0)
            return r;
        if (extent->append.end_off < extent->coded_end_off)
            extent->append.end_off = extent->coded_end_off;
        extent->append.end_off = round_up_u64(extent->append.end_off, FMT_SECTOR_BYTES);
        r = fmt_append_finish(image->env, extent->device, &extent->append);
    }
    if (r == 0)
        r = fmt_cache_flush(&state->cache);
    return r < 0 ? r : fmt_veil_lift(image, &state->veil);
}
