/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow: reading, also of compressed clusters. */
#include "codec/rawdeflate.h"
#include "common/mapread.h"
#include "qcow.h"

/* The two cluster buffers, made when first needed. */
int qcow_buffers_make(struct fmt_image *image)
{
    struct qcow_state *state = image->state;

    if (state->cluster)
        return 0;
    state->coded = fmt_arena_buffer(image->env->arena, state->cluster_bytes, FMT_SECTOR_BYTES);
    state->cluster = fmt_arena_buffer(image->env->arena, state->cluster_bytes, FMT_SECTOR_BYTES);
    if (!state->coded || !state->cluster) {
        state->cluster = NULL;
        return fmt_fail(image->env, FMT_ENOMEM, FMT_ERR_NOMEM);
    }
    return 0;
}

/* Have the cluster of the compressed L2 entry @entry decoded in state->cluster. */
static int cluster_decode(struct fmt_image *image, uint64_t entry)
{
    struct qcow_state *state = image->state;
    unsigned shift = 63 - state->header.cluster_bits;
    size_t coded_bytes = (size_t)(entry >> shift & (state->cluster_bytes - 1));
    uint64_t coded_off = entry & ((UINT64_C(1) << shift) - 1);

    if (state->cluster_entry == entry)
        return 0;
    int r = qcow_buffers_make(image);
    if (r < 0)
        return r;
    state->cluster_entry = 0;
    if (io_read(image->env, image->device, coded_off, state->coded, coded_bytes) < 0)
        return -FMT_EIO;
    r = rawdeflate_decode(image->env->arena, QCOW_WINDOW_BITS, state->coded, coded_bytes,
                          state->cluster, state->cluster_bytes);
    if (r == 0)
        state->cluster_entry = entry;
    return r;
}

/* Read bytes of one cluster. */
static int cluster_read(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    struct qcow_state *state = image->state;
    uint64_t in_cluster = offset % state->cluster_bytes, entry;

    *length = (size_t)min_u64(*length, state->cluster_bytes - in_cluster);
    int r = qcow_entry(state, offset, &entry);
    if (r < 0)
        return r;
    if (entry == 0) {
        memset(to, 0, *length);
        return 0;
    }
    if (entry & QCOW_COMPRESSED) {
        r = cluster_decode(image, entry);
        if (r == 0)
            memcpy(to, state->cluster + in_cluster, *length);
        return r;
    }
    if (entry % FMT_SECTOR_BYTES != 0)
        return -FMT_EIO;
    if (!image->facts.encrypted)
        return io_read(image->env, image->device, entry + in_cluster, to, *length);
    if (!state->volume)
        return -FMT_ENOTSUP;
    struct crypto_run run = {image->device, entry + in_cluster, offset};
    return crypto_disk_read(image->env, state->volume, &run, to, *length);
}

int qcow_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    return fmt_pieces_read(image, offset, buffer, length, cluster_read);
}
