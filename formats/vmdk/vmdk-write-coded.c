/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: writing grains of stream optimized extents, each once. */
#include "codec/rawdeflate.h"
#include "vmdk.h"

/* Room for the marker and the coded grain; zlib lets it grow by a little at most. */
static int buffer_take(struct fmt_env *env, struct vmdk_state *state, size_t grain_bytes)
{
    uint64_t bytes = VMDK_MARKER_BYTES + 2 * (uint64_t)grain_bytes;

    if (state->write_room >= bytes)
        return 0;
    state->write_buffer = fmt_arena_buffer(env->arena, bytes, 64);
    state->write_room = state->write_buffer ? (size_t)bytes : 0;
    return state->write_buffer ? 0 : -FMT_ENOMEM;
}

static int grain_append(struct fmt_image *image, struct vmdk_extent *extent, uint64_t offset,
                        const void *buffer, size_t length, uint64_t *device_off)
{
    struct vmdk_state *state = image->state;
    struct fmt_env *env = image->env;
    size_t coded = state->write_room - VMDK_MARKER_BYTES;

    int r =
        zlib_encode(env->arena, buffer, length, state->write_buffer + VMDK_MARKER_BYTES, &coded);
    if (r < 0)
        return r == -FMT_ENOMEM ? r : -FMT_EINVAL;
    le64_store(state->write_buffer, offset / FMT_SECTOR_BYTES);
    le32_store(state->write_buffer + 8, (uint32_t)coded);
    coded += VMDK_MARKER_BYTES;
    r = vmdk_append_begin(image, extent);
    if (r == 0)
        r = fmt_append_take(env, extent->device, &extent->append, coded, FMT_SECTOR_BYTES,
                            device_off);
    /* The reference first fills a whole grain with zeroes; of the last one some are left. */
    if (r == 0)
        extent->coded_end_off = *device_off + extent->cluster_sectors * FMT_SECTOR_BYTES;
    if (r == 0 && extent->append.end_off > (UINT64_C(1) << 32) * FMT_SECTOR_BYTES)
        r = -FMT_EINVAL;
    return r < 0 ? r : io_write(env, extent->device, *device_off, state->write_buffer, coded);
}

int vmdk_coded_write(struct fmt_image *image, struct vmdk_extent *extent, uint64_t offset,
                     const void *buffer, size_t length)
{
    uint64_t in_extent = offset - extent->start_sector * FMT_SECTOR_BYTES, device_off;
    uint64_t grain_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;
    bool is_last = in_extent + length == extent->sectors * FMT_SECTOR_BYTES;
    struct vmdk_cluster cluster;

    if (grain_bytes == 0 || grain_bytes > VMDK_GRAIN_MAX_BYTES || in_extent % grain_bytes != 0 ||
        (length < grain_bytes && !is_last) || !extent->has_markers)
        return -FMT_EINVAL;
    int r = vmdk_cluster_find(image, extent, in_extent, &cluster);
    if (r == 0 && cluster.found == VMDK_ALLOCATED) {
        fmt_message(image->env, FMT_MESSAGE_ERROR, FMT_ERR_VMDK_REWRITE);
        return -FMT_EIO;
    }
    if (r == 0 && cluster.table_off == 0)
        r = -FMT_EINVAL;
    if (r == 0)
        r = vmdk_change_begin(image);
    if (r == 0)
        r = buffer_take(image->env, image->state, (size_t)grain_bytes);
    if (r == 0)
        r = grain_append(image, extent, offset, buffer, length, &device_off);
    return r < 0 ? r
                 : vmdk_entry_write(image, extent, in_extent, &cluster,
                                    (uint32_t)(device_off / FMT_SECTOR_BYTES));
}
