/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: reading, compressed grains (RFC 1950) included. */
#include "codec/deflate.h"
#include "codec/rawdeflate.h"
#include "vmdk.h"

/* Buffers for a grain of the extent: the coded one may be longer than the grain. */
static int buffers_take(struct fmt_env *env, struct vmdk_grain *grain, size_t grain_bytes)
{
    if (grain->room_bytes >= grain_bytes)
        return 0;
    *grain = (struct vmdk_grain){0};
    grain->data = fmt_arena_buffer(env->arena, grain_bytes, 64);
    grain->coded = fmt_arena_buffer(env->arena, 2 * (uint64_t)grain_bytes, 64);
    if (!grain->data || !grain->coded)
        return fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    grain->room_bytes = grain_bytes;
    return 0;
}

/* The coded bytes of the grain at @offset, its marker read and gone. */
static int coded_read(struct fmt_env *env, const struct vmdk_extent *extent, uint64_t offset,
                      struct vmdk_grain *grain, struct fmt_bytes *coded)
{
    size_t grain_bytes = (size_t)(extent->cluster_sectors * FMT_SECTOR_BYTES), first = grain_bytes;
    size_t head = extent->has_markers ? VMDK_MARKER_BYTES : 0;
    uint64_t length = grain_bytes;

    int r = io_read(env, extent->device, offset, grain->coded, first);
    if (r < 0)
        return r;
    if (extent->has_markers)
        length = le32_load(grain->coded + 8);
    if (length == 0 || head + length > 2 * (uint64_t)grain_bytes)
        return -FMT_EINVAL;
    if (head + length > first)
        r = io_read(env, extent->device, offset + first, grain->coded + first,
                    head + (size_t)length - first);
    *coded = (struct fmt_bytes){(const char *)grain->coded + head, (size_t)length};
    return r;
}

static int grain_load(struct fmt_env *env, const struct vmdk_extent *extent, uint64_t offset,
                      struct vmdk_grain *grain)
{
    uint64_t grain_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;
    struct fmt_bytes coded;

    if (grain->extent == extent && grain->offset == offset)
        return 0;
    if (grain_bytes > VMDK_GRAIN_MAX_BYTES)
        return -FMT_EINVAL;
    int r = buffers_take(env, grain, (size_t)grain_bytes);
    if (r < 0)
        return r;
    grain->extent = NULL;
    r = coded_read(env, extent, offset, grain, &coded);
    if (r < 0)
        return r;
    grain->bytes = (size_t)grain_bytes;
    r = zlib_decode(env->arena, coded.data, coded.length, grain->data, &grain->bytes);
    if (r < 0)
        return r == -FMT_EIO ? -FMT_EINVAL : r;
    grain->extent = extent;
    grain->offset = offset;
    return 0;
}

/* Bytes of one compressed grain. The disk's last grain may be short. */
static int coded_bytes_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    struct vmdk_state *state = image->state;
    const struct vmdk_extent *extent = vmdk_extent_find(state, offset);
    struct vmdk_cluster cluster;

    int r = vmdk_cluster_find(image, extent, offset - extent->start_sector * FMT_SECTOR_BYTES,
                              &cluster);
    if (r == 0)
        r = grain_load(image->env, extent, cluster.offset, &state->grain);
    if (r < 0)
        return r;
    if (cluster.in_cluster > state->grain.bytes || length > state->grain.bytes - cluster.in_cluster)
        return -FMT_EINVAL;
    memcpy(buffer, state->grain.data + cluster.in_cluster, length);
    return 0;
}

int vmdk_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    uint8_t *to = buffer;

    while (length > 0) {
        struct fmt_extent extent = {0};
        int r = vmdk_map(image, offset, length, &extent);
        if (r < 0)
            return r;
        size_t n = (size_t)extent.length;
        if (extent.kind == FMT_EXTENT_DATA)
            r = io_read(image->env, extent.device, extent.device_off, to, n);
        else if (extent.kind == FMT_EXTENT_CODED)
            r = coded_bytes_read(image, offset, to, n);
        else if (extent.kind == FMT_EXTENT_ZERO || (r = vmdk_backing_check(image)) == 0)
            memset(to, 0, n);
        if (r < 0)
            return r;
        to += n;
        offset += n;
        length -= n;
    }
    return 0;
}

int vmdk_decode(const struct fmt_image *image, struct fmt_decoder *decoder, uint64_t offset,
                const struct fmt_extent *extent, const void *coded, void *out)
{
    uint64_t bytes = le32_load((const uint8_t *)coded + 8);

    (void)image;
    (void)offset;
    /* Whatever is unusual is for vmdk_read(). */
    if (bytes == 0 || bytes > extent->coded_bytes - VMDK_MARKER_BYTES)
        return -FMT_ENOTSUP;
    int r = deflate_decode(decoder->arena, &decoder->context, DEFLATE_ZLIB,
                           (const uint8_t *)coded + VMDK_MARKER_BYTES, (size_t)bytes, out,
                           (size_t)extent->length);
    return r == -FMT_EIO ? -FMT_ENOTSUP : r;
}
