/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: what surrounds a write within its clusters; see qcow2-write.h. */
#include "common/append.h"
#include "common/mapread.h"
#include "qcow2-write.h"

static int chain_piece(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    struct fmt_extent extent = {0};

    int r = qcow2_map(image, offset, *length, &extent);
    if (r < 0)
        return r;
    *length = (size_t)extent.length;
    if (extent.kind == FMT_EXTENT_UNALLOCATED)
        return fmt_backing_read(image, offset, to, *length);
    return qcow2_read(image, offset, to, *length);
}

int qcow2_chain_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    return fmt_pieces_read(image, offset, buffer, length, chain_piece);
}

/* Whether the device has a hole at @offset; sets *length to how many bytes that holds for. */
static bool hole(struct fmt_image *image, const struct fmt_extent *extent, uint64_t *length)
{
    struct fmt_env *env = image->env;
    struct fmt_run run = {0};
    size_t count = 1;

    if (env->io->extents(env->io_ctx, extent->device, extent->device_off, *length, &run, &count) <
            0 ||
        count == 0 || !run.zero)
        return false;
    *length = min_u64(*length, run.length);
    return true;
}

/* Whether @offset reads as zeroes, and for how many of *length bytes. */
static int zero_at(struct fmt_image *image, uint64_t offset, bool thorough, uint64_t *length)
{
    struct fmt_extent extent = {.kind = FMT_EXTENT_UNALLOCATED};

    while (image && offset < image->facts.virtual_bytes) {
        *length = min_u64(*length, image->facts.virtual_bytes - offset);
        if (!image->driver->map)
            return 0;
        int r = image->driver->map(image, offset, *length, &extent);
        if (r < 0)
            return r;
        *length = min_u64(*length, extent.length);
        if (extent.kind != FMT_EXTENT_UNALLOCATED)
            break;
        image = image->backing;
    }
    if (extent.kind == FMT_EXTENT_DATA && thorough)
        return hole(image, &extent, length);
    return extent.kind == FMT_EXTENT_ZERO || extent.kind == FMT_EXTENT_UNALLOCATED;
}

int qcow2_chain_zero(struct fmt_image *image, uint64_t offset, uint64_t length, bool thorough)
{
    while (length > 0) {
        uint64_t n = length;
        if (offset >= image->facts.virtual_bytes)
            return 0;
        int r = zero_at(image, offset, thorough, &n);
        if (r <= 0)
            return r;
        offset += n;
        length -= n;
    }
    return 1;
}

int qcow2_range_copy(struct fmt_image *image, uint64_t offset, uint64_t length, uint64_t host_off)
{
    const struct qcow2_state *state = image->state;
    uint8_t *buffer = length ? qcow2_copy_buffer(image) : NULL;
    int r = length && !buffer ? -FMT_ENOMEM : 0;

    for (uint64_t at = 0, n; r == 0 && at < length; at += n) {
        n = min_u64(length - at, QCOW2_COPY_BYTES);
        r = qcow2_chain_read(image, offset + at, buffer, (size_t)n);
        if (r < 0)
            break;
        if (state->volume)
            qcow2_encrypt(image, offset + at, host_off + at, buffer, (size_t)n);
        r = io_write(image->env, state->data_device, host_off + at, buffer, (size_t)n);
    }
    return r;
}
