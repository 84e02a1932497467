/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow: new L2 tables and clusters at the file's end, plain or compressed. */
#include "codec/rawdeflate.h"
#include "qcow.h"

static int entry_write(struct qcow_state *state, uint64_t offset, uint64_t value)
{
    uint8_t bytes[8];

    be64_store(bytes, value);
    return fmt_cache_write(&state->tables, offset, bytes, sizeof(bytes));
}

/* A new image has a cluster size that cannot be while it is filled. The header shares its sector
 * with entries of the L1 table. */
static int cluster_bits_write(struct fmt_image *image, uint8_t bits)
{
    struct qcow_state *state = image->state;
    int r = fmt_cache_write(&state->tables, QCOW_CLUSTER_BITS_OFF, &bits, sizeof(bits));

    return r < 0 ? r : fmt_cache_flush(&state->tables);
}

static int change_begin(struct fmt_image *image)
{
    struct qcow_state *state = image->state;

    if (state->append.ready)
        return 0;
    int r = image->flags & FMT_OPEN_NEW ? cluster_bits_write(image, 0) : 0;
    return r < 0 ? r : fmt_append_begin(image->env, image->device, &state->append, UINT64_MAX);
}

/* Where the L2 entry for the disk's @offset lies; makes the table if there is none. */
static int entry_place(struct fmt_image *image, uint64_t offset, uint64_t *entry_off)
{
    struct qcow_state *state = image->state;
    uint64_t cluster = offset >> state->header.cluster_bits, l2_off;
    uint64_t l1_off = state->header.l1_off + (cluster >> state->header.l2_bits) * 8;

    int r = change_begin(image);
    if (r == 0)
        r = fmt_cache_be64(&state->tables, l1_off, &l2_off);
    if (r == 0 && l2_off == 0) {
        r = fmt_append_take(image->env, image->device, &state->append,
                            state->l2_entries * UINT64_C(8), state->cluster_bytes, &l2_off);
        if (r == 0)
            r = entry_write(state, l1_off, l2_off);
    }
    if (r == 0 && !io_range_ok(l2_off, state->l2_entries * UINT64_C(8)))
        r = -FMT_EIO;
    *entry_off = l2_off + cluster % state->l2_entries * 8;
    return r;
}

/* Fill a new cluster with what was there: the compressed bytes, or the backing file's. Of a disk
 * that is encrypted, zeroes are written, too. */
static int cluster_fill(struct fmt_image *image, uint64_t offset, uint64_t cluster_off)
{
    struct qcow_state *state = image->state;
    uint64_t start = offset - offset % state->cluster_bytes, entry;
    struct crypto_run run = {image->device, cluster_off, start};

    int r = qcow_entry(state, offset, &entry);
    if (r < 0 || (entry == 0 && !image->backing && !state->volume))
        return r;
    r = qcow_buffers_make(image);
    if (r < 0)
        return r;
    if (entry) {
        r = qcow_read(image, start, state->cluster, state->cluster_bytes);
    } else {
        state->cluster_entry = 0;
        r = fmt_backing_read(image, start, state->cluster, state->cluster_bytes);
    }
    if (r < 0)
        return r;
    if (state->volume)
        return crypto_disk_write(image->env, state->volume, &run, state->cluster,
                                 state->cluster_bytes);
    return io_write(image->env, image->device, cluster_off, state->cluster, state->cluster_bytes);
}

/* Where the cluster at @offset lies, of which @length bytes will be written; a new one if there is
 * none, or one that is compressed. */
static int cluster_place(struct fmt_image *image, uint64_t offset, uint64_t length,
                         uint64_t *cluster_off)
{
    struct qcow_state *state = image->state;
    uint64_t entry, entry_off;

    int r = qcow_entry(state, offset, &entry);
    if (r < 0)
        return r;
    *cluster_off = entry;
    if (entry && !(entry & QCOW_COMPRESSED))
        return entry % FMT_SECTOR_BYTES ? -FMT_EIO : 0;
    r = entry_place(image, offset, &entry_off);
    if (r == 0)
        r = fmt_append_take(image->env, image->device, &state->append, state->cluster_bytes,
                            state->cluster_bytes, cluster_off);
    if (r == 0 && length < state->cluster_bytes)
        r = cluster_fill(image, offset, *cluster_off);
    if (r == 0)
        r = fmt_allocated_fill(image, image->device, *cluster_off + offset % state->cluster_bytes,
                               length);
    return r == 0 ? entry_write(state, entry_off, *cluster_off) : r;
}

int qcow_allocate(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    struct qcow_state *state = image->state;
    uint64_t in_cluster = offset % state->cluster_bytes, cluster_off;

    if (image->facts.encrypted && !state->volume)
        return -FMT_ENOTSUP;
    length = min_u64(length, state->cluster_bytes - in_cluster);
    int r = cluster_place(image, offset, length, &cluster_off);
    *out = (struct fmt_extent){.kind = state->volume ? FMT_EXTENT_CODED : FMT_EXTENT_DATA,
                               .length = length,
                               .device = image->device,
                               .device_off = cluster_off + in_cluster,
                               .has_offset = true};
    return r;
}

void qcow_encrypt(const struct fmt_image *image, uint64_t offset, uint64_t device_off, void *buffer,
                  size_t length)
{
    const struct qcow_state *state = image->state;

    (void)device_off;
    crypto_volume_encrypt(state->volume, offset / CRYPTO_SECTOR_BYTES, buffer, length);
}

/* Encrypt and write, cluster by cluster; @buffer NULL: zeroes. */
static int encrypted_write(struct fmt_image *image, uint64_t offset, const uint8_t *buffer,
                           uint64_t length)
{
    struct qcow_state *state = image->state;
    uint64_t cluster_off;
    int r = state->volume ? 0 : -FMT_ENOTSUP;

    while (r == 0 && length > 0) {
        uint64_t in_cluster = offset % state->cluster_bytes;
        uint64_t n = min_u64(length, state->cluster_bytes - in_cluster);
        /* A new cluster holds what was there, in case that nothing can be written over it. */
        r = cluster_place(image, offset, 0, &cluster_off);
        if (r < 0)
            break;
        struct crypto_run run = {image->device, cluster_off + in_cluster, offset};
        r = crypto_disk_write(image->env, state->volume, &run, buffer, n);
        buffer = buffer ? buffer + n : NULL;
        offset += n;
        length -= n;
    }
    return r;
}

int qcow_write(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length)
{
    if (image->facts.encrypted)
        return encrypted_write(image, offset, buffer, length);
    return fmt_allocated_write(image, offset, buffer, length);
}

int qcow_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length, bool may_unmap)
{
    int r = 0;

    if (!image->facts.encrypted)
        return fmt_allocated_write_zeroes(image, offset, length, may_unmap);
    while (r == 0 && length > 0) {
        struct fmt_extent extent;
        r = qcow_map(image, offset, length, &extent);
        if (r == 0 && (extent.kind != FMT_EXTENT_UNALLOCATED || image->facts.backing_present))
            r = encrypted_write(image, offset, NULL, extent.length);
        offset += extent.length;
        length -= extent.length;
    }
    return r;
}

/* Store the encoded cluster in state->coded, at the next sector. */
static int coded_store(struct fmt_image *image, uint64_t offset, size_t coded_bytes)
{
    struct qcow_state *state = image->state;
    unsigned shift = 63 - state->header.cluster_bits;
    uint64_t entry_off, coded_off;

    int r = entry_place(image, offset, &entry_off);
    if (r == 0)
        r = fmt_append_take(image->env, image->device, &state->append, coded_bytes,
                            FMT_SECTOR_BYTES, &coded_off);
    if (r == 0)
        r = io_write(image->env, image->device, coded_off, state->coded, coded_bytes);
    if (r < 0)
        return r;
    return entry_write(state, entry_off,
                       QCOW_COMPRESSED | (uint64_t)coded_bytes << shift | coded_off);
}

/* Compressed clusters are not encrypted: so the reference reads and writes them. */
int qcow_write_compressed(struct fmt_image *image, uint64_t offset, const void *buffer,
                          size_t length)
{
    struct qcow_state *state = image->state;
    size_t coded_bytes = state->cluster_bytes;

    if (offset % state->cluster_bytes != 0 || length > state->cluster_bytes ||
        (length < state->cluster_bytes && offset + length != image->facts.virtual_bytes))
        return -FMT_EINVAL;
    int r = qcow_buffers_make(image);
    if (r < 0)
        return r;
    state->cluster_entry = 0;
    memcpy(state->cluster, buffer, length);
    memset(state->cluster + length, 0, state->cluster_bytes - length);
    r = rawdeflate_encode(image->env->arena, QCOW_WINDOW_BITS, 0, state->cluster,
                          state->cluster_bytes, state->coded, &coded_bytes);
    if (r == 0 && coded_bytes < state->cluster_bytes)
        return coded_store(image, offset, coded_bytes);
    return r == -FMT_ENOMEM ? r : qcow_write(image, offset, buffer, length);
}

int qcow_finish(struct fmt_image *image)
{
    struct qcow_state *state = image->state;

    if (!state->append.ready)
        return 0;
    int r = fmt_append_finish(image->env, image->device, &state->append);
    if (r == 0)
        r = fmt_cache_flush(&state->tables);
    return r < 0 || !(image->flags & FMT_OPEN_NEW)
               ? r
               : cluster_bits_write(image, state->header.cluster_bits);
}
