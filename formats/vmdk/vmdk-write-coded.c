/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: writing grains of stream optimized extents, each once. */
#include "codec/deflate.h"
#include "codec/rawdeflate.h"
#include "vmdk.h"

/* Grains follow one another in the file: many are written at once. */
enum { PENDING_BYTES = 1 << 20, BUFFER_ALIGN_BYTES = 64 };

/* A coded grain may be longer than the grain, but not by much: stored blocks. */
static size_t coded_bytes_max(uint64_t grain_bytes)
{
    return (size_t)(2 * grain_bytes);
}

int vmdk_pending_flush(struct fmt_image *image)
{
    struct vmdk_state *state = image->state;

    if (state->pending_bytes == 0)
        return 0;
    int r = io_write(image->env, state->pending_device, state->pending_off, state->pending,
                     state->pending_bytes);
    if (r == 0)
        state->pending_bytes = 0;
    return r;
}

static int buffers_take(struct fmt_image *image, uint64_t grain_bytes)
{
    struct vmdk_state *state = image->state;
    struct fmt_arena *arena = image->env->arena;
    uint64_t record = VMDK_MARKER_BYTES + coded_bytes_max(grain_bytes) + FMT_SECTOR_BYTES;

    if (state->pending_grain_bytes >= grain_bytes)
        return 0;
    /* Extents may have grains of different sizes. */
    int r = vmdk_pending_flush(image);
    if (r < 0)
        return r;
    state->pending_grain_bytes = 0;
    state->pending = fmt_arena_buffer(arena, PENDING_BYTES + record, BUFFER_ALIGN_BYTES);
    state->coded = fmt_arena_buffer(arena, coded_bytes_max(grain_bytes), BUFFER_ALIGN_BYTES);
    if (!state->pending || !state->coded)
        return -FMT_ENOMEM;
    state->pending_grain_bytes = grain_bytes;
    return 0;
}

/* Keep a marker and its grain, up to the next sector, until there are many. */
static int record_keep(struct fmt_image *image, const struct vmdk_extent *extent, uint64_t offset,
                       const void *coded, size_t bytes, uint64_t device_off)
{
    struct vmdk_state *state = image->state;
    bool follows = state->pending_device == extent->device &&
                   state->pending_off + state->pending_bytes == device_off;
    int r = 0;

    if (!follows || state->pending_bytes >= PENDING_BYTES)
        r = vmdk_pending_flush(image);
    if (r < 0)
        return r;
    if (state->pending_bytes == 0) {
        state->pending_device = extent->device;
        state->pending_off = device_off;
    }
    uint8_t *to = state->pending + state->pending_bytes;
    size_t length = VMDK_MARKER_BYTES + bytes;
    size_t whole = (size_t)round_up_u64(length, FMT_SECTOR_BYTES);
    le64_store(to, offset / FMT_SECTOR_BYTES);
    le32_store(to + 8, (uint32_t)bytes);
    memcpy(to + VMDK_MARKER_BYTES, coded, bytes);
    memset(to + length, 0, whole - length);
    state->pending_bytes += whole;
    return 0;
}

static int grain_append(struct fmt_image *image, struct vmdk_extent *extent, uint64_t offset,
                        const void *coded, size_t bytes, uint64_t *device_off)
{
    uint64_t grain_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;
    struct fmt_env *env = image->env;
    int r = vmdk_append_begin(image, extent);

    if (r == 0)
        r = fmt_append_take(env, extent->device, &extent->append, VMDK_MARKER_BYTES + bytes,
                            FMT_SECTOR_BYTES, device_off);
    /* The reference first fills a whole grain with zeroes; of the last one some are left. A sector
     * of zeroes is the stream's end marker, without which VMware's own products refuse it. */
    uint64_t whole = round_up_u64(VMDK_MARKER_BYTES + bytes, FMT_SECTOR_BYTES) + FMT_SECTOR_BYTES;
    if (r == 0)
        extent->coded_end_off = *device_off + (whole > grain_bytes ? whole : grain_bytes);
    if (r == 0 && extent->append.end_off > (UINT64_C(1) << 32) * FMT_SECTOR_BYTES)
        r = -FMT_EINVAL;
    return r < 0 ? r : record_keep(image, extent, offset, coded, bytes, *device_off);
}

/* Where the grain's entry is; it must have none yet. */
static int grain_place(struct fmt_image *image, const struct vmdk_extent *extent,
                       uint64_t in_extent, struct vmdk_cluster *cluster)
{
    uint64_t grain_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;

    if (grain_bytes == 0 || grain_bytes > VMDK_GRAIN_MAX_BYTES || in_extent % grain_bytes != 0 ||
        !extent->has_markers)
        return -FMT_EINVAL;
    if (extent->has_footer) /* which would not be found any more */
        return -FMT_ENOTSUP;
    int r = vmdk_cluster_find(image, extent, in_extent, cluster);
    if (r == 0 && cluster->found == VMDK_ALLOCATED) {
        fmt_message(image->env, FMT_MESSAGE_ERROR, FMT_ERR_VMDK_REWRITE);
        return -FMT_EIO;
    }
    if (r == 0 && cluster->table_off == 0)
        r = -FMT_EINVAL;
    if (r == 0)
        r = vmdk_change_begin(image);
    return r < 0 ? r : buffers_take(image, grain_bytes);
}

static int coded_store(struct fmt_image *image, struct vmdk_extent *extent, uint64_t offset,
                       const void *coded, size_t bytes)
{
    uint64_t in_extent = offset - extent->start_sector * FMT_SECTOR_BYTES, device_off;
    struct vmdk_cluster cluster;
    int r = grain_place(image, extent, in_extent, &cluster);

    if (r == 0)
        r = grain_append(image, extent, offset, coded, bytes, &device_off);
    return r < 0 ? r
                 : vmdk_entry_write(image, extent, in_extent, &cluster,
                                    (uint32_t)(device_off / FMT_SECTOR_BYTES));
}

int vmdk_coded_write(struct fmt_image *image, struct vmdk_extent *extent, uint64_t offset,
                     const void *buffer, size_t length)
{
    struct vmdk_state *state = image->state;
    uint64_t in_extent = offset - extent->start_sector * FMT_SECTOR_BYTES;
    uint64_t grain_bytes = extent->cluster_sectors * FMT_SECTOR_BYTES;
    bool is_last = in_extent + length == extent->sectors * FMT_SECTOR_BYTES;
    size_t bytes = coded_bytes_max(grain_bytes);
    struct vmdk_cluster cluster;

    if (length < grain_bytes && !is_last)
        return -FMT_EINVAL;
    int r = grain_place(image, extent, in_extent, &cluster);
    if (r == 0)
        r = zlib_encode(image->env->arena, buffer, length, state->coded, &bytes);
    if (r < 0)
        return r == -FMT_ENOSPC ? -FMT_EINVAL : r;
    return coded_store(image, extent, offset, state->coded, bytes);
}

int vmdk_compress(const struct fmt_image *image, struct fmt_compressor *compressor, const void *in,
                  void *out, size_t *out_bytes)
{
    size_t bytes = (size_t)image->facts.cluster_bytes;
    int r;

    *out_bytes = image->facts.compressed ? bytes : 0;
    if (!image->facts.compressed)
        return 0;
    r = deflate_encode(compressor->arena, &compressor->context, compressor->level, DEFLATE_ZLIB, in,
                       bytes, out, out_bytes);
    if (r == -FMT_ENOSPC)
        *out_bytes = 0;
    return r == -FMT_ENOSPC ? 0 : r;
}

int vmdk_write_coded(struct fmt_image *image, uint64_t offset, const void *coded, size_t bytes)
{
    struct vmdk_extent *extent = vmdk_extent_find(image->state, offset);

    if (!extent || !extent->compressed ||
        extent->cluster_sectors * FMT_SECTOR_BYTES != image->facts.cluster_bytes)
        return -FMT_EINVAL;
    return coded_store(image, extent, offset, coded, bytes);
}
