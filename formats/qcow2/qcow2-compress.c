/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: compressed clusters that are written. */
#include "codec/deflate.h"
#include "codec/zstandard.h"
#include "qcow2-bitmap.h"
#include "qcow2-write.h"

enum { BUFFER_ALIGN_BYTES = 64 };

int qcow2_compress(const struct fmt_image *image, struct fmt_compressor *compressor, const void *in,
                   void *out, size_t *out_bytes)
{
    const struct qcow2_state *state = image->state;
    size_t bytes = (size_t)state->cluster_bytes;
    int max = state->header.compression == QCOW2_ZSTD ? QCOW2_ZSTD_LEVEL_MAX : QCOW2_ZLIB_LEVEL_MAX;
    int level = compressor->level < max ? compressor->level : max, r;

    *out_bytes = bytes - 1; /* as long as the cluster itself is no gain */
    if (state->header.compression == QCOW2_ZSTD)
        r = zstandard_encode(compressor->arena, &compressor->context, level, in, bytes, out,
                             out_bytes);
    else
        r = deflate_encode(compressor->arena, &compressor->context, level, DEFLATE_RAW, in, bytes,
                           out, out_bytes);
    if (r == -FMT_ENOSPC)
        *out_bytes = 0;
    return r == -FMT_ENOSPC ? 0 : r;
}

int qcow2_pending_flush(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct qcow2_writer *writer = state->writer;

    if (!writer || writer->pending_bytes == 0)
        return 0;
    int r = io_write(image->env, image->device, writer->pending_off, writer->pending,
                     writer->pending_bytes);
    if (r == 0)
        writer->pending_bytes = 0;
    return r;
}

/* Keep the bytes until there are many, or others that do not follow them. */
static int pending_add(struct fmt_image *image, uint64_t off, const void *bytes, size_t length)
{
    struct qcow2_state *state = image->state;
    struct qcow2_writer *writer = state->writer;
    int r = 0;

    if (!writer->pending)
        writer->pending = fmt_alloc(image->env, QCOW2_PENDING_BYTES + 2 * state->cluster_bytes);
    if (!writer->pending)
        return -FMT_ENOMEM;
    if (writer->pending_bytes >= QCOW2_PENDING_BYTES ||
        writer->pending_off + writer->pending_bytes != off)
        r = qcow2_pending_flush(image);
    if (r < 0)
        return r;
    if (writer->pending_bytes == 0)
        writer->pending_off = off;
    memcpy(writer->pending + writer->pending_bytes, bytes, length);
    writer->pending_bytes += length;
    return 0;
}

int qcow2_write_coded(struct fmt_image *image, uint64_t offset, const void *coded, size_t bytes)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_file file = qcow2_file_of(image);
    unsigned shift = 62 - (state->header.cluster_bits - 8);
    uint64_t index = qcow2_l2_index(state, offset), l2_off, coded_off;
    struct qcow2_entry entry;
    int r = 0;

    if (state->has_data_file)
        return -FMT_ENOTSUP;
    if (offset % state->cluster_bytes != 0 || bytes == 0 || bytes >= state->cluster_bytes)
        return -FMT_EINVAL;
    r = qcow2_write_begin(image);
    if (r == 0)
        r = qcow2_freed_flush(image);
    if (r == 0)
        r = qcow2_l2_have(image, offset, &l2_off);
    if (r == 0)
        r = qcow2_l2_get(image, l2_off, index, &entry);
    if (r == 0 && entry.value & QCOW2_OFFSET_MASK)
        r = -FMT_EIO; /* the reference's answer: what is there is not overwritten */
    if (r == 0)
        r = qcow2_order_set(&file, QCOW2_ORDER_COUNTS_FIRST);
    if (r == 0)
        r = qcow2_bytes_take(&file, bytes, &coded_off);
    if (r < 0)
        return r;
    uint64_t sectors = (coded_off + bytes - 1) / FMT_SECTOR_BYTES - coded_off / FMT_SECTOR_BYTES;
    state->writer->coded = true;
    qcow2_bitmaps_dirty(image, offset, state->cluster_bytes);
    qcow2_decoded_forget(state);
    r = pending_add(image, coded_off, coded, bytes);
    /* In an image that is in use, no entry may lead to bytes that are not there yet. */
    if (r == 0 && !(image->flags & FMT_OPEN_NEW))
        r = qcow2_pending_flush(image);
    if (r == 0)
        r = qcow2_l2_set(image, l2_off, index, QCOW2_COMPRESSED | sectors << shift | coded_off, 0);
    return r;
}

int qcow2_write_compressed(struct fmt_image *image, uint64_t offset, const void *buffer,
                           size_t length)
{
    struct qcow2_state *state = image->state;
    size_t bytes = (size_t)state->cluster_bytes, coded_bytes;

    if (state->has_data_file)
        return -FMT_ENOTSUP;
    if (offset % bytes != 0 || length > bytes ||
        (length < bytes && offset + length != image->facts.virtual_bytes))
        return -FMT_EINVAL;
    int r = qcow2_write_begin(image);
    if (r < 0)
        return r;
    struct qcow2_writer *writer = state->writer;
    if (!writer->plain) {
        writer->compressor.arena = image->env->arena;
        writer->encoded = fmt_arena_buffer(image->env->arena, bytes, BUFFER_ALIGN_BYTES);
        writer->plain = fmt_arena_buffer(image->env->arena, bytes, BUFFER_ALIGN_BYTES);
    }
    if (!writer->plain || !writer->encoded)
        return -FMT_ENOMEM;
    memcpy(writer->plain, buffer, length);
    memset(writer->plain + length, 0, bytes - length);
    r = qcow2_compress(image, &writer->compressor, writer->plain, writer->encoded, &coded_bytes);
    if (r < 0)
        return r;
    return coded_bytes ? qcow2_write_coded(image, offset, writer->encoded, coded_bytes)
                       : qcow2_write(image, offset, buffer, length);
}
