/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: reading clusters, plain, compressed or encrypted. */
#include "codec/deflate.h"
#include "codec/rawdeflate.h"
#include "codec/zstandard.h"
#include "common/mapread.h"
#include "crypto/disk.h"
#include "qcow2-write.h"

enum { WINDOW_BITS = 12, SECTOR_BYTES = 512 };

/* Buffers of the cluster that was decoded last. */
struct qcow2_decoded {
    uint64_t entry; /* of that cluster; 0: none */
    uint8_t *coded;
    uint8_t *cluster;
};

static int buffers_make(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;

    if (state->decoded)
        return 0;
    struct qcow2_decoded *decoded = fmt_alloc(image->env, sizeof(*decoded));
    if (!decoded)
        return -FMT_ENOMEM;
    decoded->coded = fmt_arena_buffer(image->env->arena, 2 * state->cluster_bytes, SECTOR_BYTES);
    decoded->cluster = fmt_arena_buffer(image->env->arena, state->cluster_bytes, SECTOR_BYTES);
    if (!decoded->coded || !decoded->cluster)
        return fmt_fail(image->env, FMT_ENOMEM, FMT_ERR_NOMEM);
    state->decoded = decoded;
    return 0;
}

void qcow2_coded_place(const struct qcow2_state *state, uint64_t entry, uint64_t *off,
                       size_t *bytes)
{
    unsigned shift = 62 - (state->header.cluster_bits - 8);
    uint64_t sectors = (entry & ~(QCOW2_COPIED | QCOW2_COMPRESSED)) >> shift;

    *off = entry & ((UINT64_C(1) << shift) - 1);
    *bytes = (size_t)((sectors + 1) * SECTOR_BYTES - *off % SECTOR_BYTES);
}

void qcow2_decoded_forget(struct qcow2_state *state)
{
    if (state->decoded)
        state->decoded->entry = 0;
}

/* Have the compressed cluster decoded. */
static int cluster_decode(struct fmt_image *image, uint64_t entry)
{
    struct qcow2_state *state = image->state;
    struct fmt_arena *arena = image->env->arena;
    uint64_t coded_off;
    size_t coded_bytes;

    int r = buffers_make(image);
    if (r < 0 || state->decoded->entry == entry)
        return r;
    struct qcow2_decoded *decoded = state->decoded;
    decoded->entry = 0;
    r = qcow2_pending_flush(image);
    if (r < 0)
        return r;
    qcow2_coded_place(state, entry, &coded_off, &coded_bytes);
    r = io_read(image->env, image->device, coded_off, decoded->coded, coded_bytes);
    if (r < 0)
        return r;
    size_t bytes = (size_t)state->cluster_bytes;
    if (state->header.compression == QCOW2_ZSTD)
        r = zstandard_decode(arena, decoded->coded, coded_bytes, decoded->cluster, bytes);
    else
        r = rawdeflate_decode(arena, WINDOW_BITS, decoded->coded, coded_bytes, decoded->cluster,
                              bytes);
    if (r == 0)
        decoded->entry = entry;
    return r;
}

/* Read bytes of one entry's reach. */
static int entry_read(struct fmt_image *image, const struct qcow2_entry *entry, uint64_t offset,
                      uint8_t *buffer, size_t length)
{
    const struct qcow2_state *state = image->state;
    uint64_t in_cluster = offset % state->cluster_bytes;
    uint64_t host_off = (entry->value & QCOW2_OFFSET_MASK) + in_cluster;
    int r;

    switch (entry->type) {
    case QCOW2_TYPE_COMPRESSED:
        r = cluster_decode(image, entry->value);
        if (r == 0)
            memcpy(buffer, state->decoded->cluster + in_cluster, length);
        return r;
    case QCOW2_TYPE_NORMAL:
        if (!image->facts.encrypted)
            return io_read(image->env, state->data_device, host_off, buffer, length);
        if (!state->volume)
            return -FMT_ENOTSUP;
        const struct crypto_run run = {state->data_device, host_off,
                                       qcow2_crypt_off(state, offset, host_off)};
        return crypto_disk_read(image->env, state->volume, &run, buffer, length);
    default:
        memset(buffer, 0, length);
        return 0;
    }
}

static int piece_read(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    struct qcow2_entry entry;

    int r = qcow2_entry_find(image, offset, &entry);
    if (r < 0)
        return r;
    *length = (size_t)min_u64(*length, entry.length);
    return entry_read(image, &entry, offset, to, *length);
}

int qcow2_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    return fmt_pieces_read(image, offset, buffer, length, piece_read);
}

/* A compressed cluster, all of it: into @out, or by way of the scratch where less is wanted. */
static int compressed_decode(const struct qcow2_state *state, struct fmt_decoder *decoder,
                             uint64_t in_cluster, const struct fmt_extent *extent,
                             const void *coded, void *out)
{
    size_t bytes = (size_t)state->cluster_bytes;
    bool whole = extent->length == state->cluster_bytes;
    int r;

    if (!whole && !decoder->scratch)
        decoder->scratch =
            fmt_arena_buffer(decoder->arena, UINT64_C(1) << QCOW2_CLUSTER_BITS_MAX, SECTOR_BYTES);
    void *to = whole ? out : decoder->scratch;
    if (!to)
        return -FMT_ENOMEM;
    if (state->header.compression == QCOW2_ZSTD)
        r = zstandard_decode_whole(decoder->arena, &decoder->context, coded, extent->coded_bytes,
                                   to, bytes);
    else
        r = deflate_decode(decoder->arena, &decoder->context, DEFLATE_RAW, coded,
                           extent->coded_bytes, to, bytes);
    /* What libdeflate refuses, zlib may be more lenient with. */
    if (r < 0 && state->header.compression != QCOW2_ZSTD)
        r = rawdeflate_decode(decoder->arena, WINDOW_BITS, coded, extent->coded_bytes, to, bytes);
    if (r == 0 && !whole)
        memcpy(out, (uint8_t *)to + in_cluster, (size_t)extent->length);
    return r;
}

int qcow2_decode(const struct fmt_image *image, struct fmt_decoder *decoder, uint64_t offset,
                 const struct fmt_extent *extent, const void *coded, void *out)
{
    const struct qcow2_state *state = image->state;

    if (extent->compressed)
        return compressed_decode(state, decoder, offset % state->cluster_bytes, extent, coded, out);
    if (!state->volume)
        return -FMT_ENOTSUP;
    crypto_volume_decrypt(state->volume,
                          qcow2_crypt_off(state, offset, extent->device_off) / SECTOR_BYTES, out,
                          (size_t)extent->length);
    return 0;
}
