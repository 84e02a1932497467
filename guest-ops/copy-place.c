/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving pieces their places in the target. */
#include "copy-chunk.h"
#include "team.h"

/* The chunk has more stretches than fit: let those that are known go before its turn is over. */
static void writes_make_room(struct worker *w, const struct chunk *chunk)
{
    if (chunk->writes == COPY_WRITES_MAX)
        writes_flush(w);
}

/* Find places for data, where the target gives any. */
static int data_place(struct worker *w, struct chunk *chunk, const struct copy_piece *piece,
                      uint64_t offset, uint8_t *data, uint64_t bytes)
{
    struct fmt_image *target = w->copy->how.target;
    uint64_t end = w->copy->how.data_end;

    bytes = offset < end ? min_u64(bytes, end - offset) : 0;
    if (!target->driver->allocate || w->copy->how.data_first)
        return fmt_image_write(target, offset, data, bytes);
    for (uint64_t n; bytes > 0; offset += n, data += n, bytes -= n) {
        struct fmt_extent extent;
        int r = fmt_image_allocate(target, offset, bytes, &extent);
        if (r < 0)
            return r;
        n = extent.length;
        writes_make_room(w, chunk);
        chunk->write[chunk->writes++] =
            (struct write){.image = extent.kind == FMT_EXTENT_CODED ? target : NULL,
                           .piece_off = piece->offset,
                           .offset = offset,
                           .device = extent.device,
                           .device_off = extent.device_off,
                           .bytes = (uint32_t)n,
                           .data = data,
                           .offload = piece->status == COPY_OFFLOAD,
                           .from_device = piece->device,
                           .from_off = piece->device_off + (offset - piece->offset)};
    }
    return 0;
}

/* A cluster to be stored compressed, which it may be already. */
static int cluster_place(struct worker *w, struct chunk *chunk, const struct copy_piece *piece,
                         uint8_t *data)
{
    const struct copy_how *how = &w->copy->how;
    const struct coded *coded = &chunk->coded[piece - chunk->piece];

    switch (coded->kind) {
    case CODED_ZERO:
        if (how->sparse.least_bytes == 0) /* it is to be written, and only the way is another */
            return fmt_image_write_zeroes(how->target, piece->offset, piece->bytes,
                                          how->detect_unmap);
        return how->zero_init
                   ? 0
                   : fmt_image_write_zeroes(how->target, piece->offset, piece->bytes, true);
    case CODED_SMALLER:
        return fmt_image_write_coded(how->target, piece->offset, coded->data, coded->bytes);
    case CODED_NOT:
        if (how->target->facts.compressed) /* it can be stored no other way */
            break;
        return data_place(w, chunk, piece, piece->offset, data, piece->bytes);
    case CODED_LATER:
        break;
    }
    return fmt_image_write_compressed(how->target, piece->offset, data, piece->bytes);
}

static int piece_place(struct worker *w, struct chunk *chunk, const struct copy_piece *piece,
                       uint8_t *data)
{
    const struct copy_how *how = &w->copy->how;
    uint64_t done = 0, n;
    int r = 0;

    if (piece->status == COPY_BACKING)
        return 0;
    for (; r == 0 && done < piece->bytes; done += n) {
        bool is_data = false;
        n = piece->bytes;
        if (piece->status == COPY_DATA && how->compressed) {
            w->paced_bytes += n;
            return cluster_place(w, chunk, piece, data);
        }
        if (piece->status == COPY_OFFLOAD || (piece->status == COPY_DATA && how->zeroes_are_data))
            is_data = true;
        else if (piece->status == COPY_DATA)
            is_data = sparse_data_find(&how->sparse, data + done, piece->bytes - done,
                                       piece->offset + done, &n);
        w->paced_bytes += is_data || !how->zero_init ? n : 0;
        if (is_data && how->detect_zeroes && piece->status == COPY_DATA &&
            sparse_is_zero(data + done, n))
            r = fmt_image_write_zeroes(how->target, piece->offset + done, n, how->detect_unmap);
        else if (is_data)
            r = data_place(w, chunk, piece, piece->offset + done, data + done, n);
        else if (!how->zero_init)
            r = fmt_image_write_zeroes(how->target, piece->offset + done, n, true);
    }
    return r;
}

/* Have the target to oneself, in turn if that matters. False: something has failed meanwhile. */
static bool target_take(struct worker *w, const struct chunk *chunk)
{
    struct copy *copy = w->copy;
    unsigned waits = 0;

    while (copy->how.in_order &&
           __atomic_load_n(&copy->turn, __ATOMIC_ACQUIRE) != chunk->sequence) {
        if (__atomic_load_n(&copy->failed, __ATOMIC_ACQUIRE))
            return false;
        team_wait(w->g, &waits);
    }
    copy_target_lock(w->g, copy);
    return true;
}

/* Give all pieces their places. Returns how many have one; *status tells why no more. */
static unsigned pieces_place(struct worker *w, struct chunk *chunk, int *status)
{
    unsigned i = 0;

    *status = 0;
    for (; i < chunk->pieces && !w->copy->failed; i++) {
        *status = piece_place(w, chunk, &chunk->piece[i], chunk->data[i]);
        if (*status < 0)
            break;
    }
    return i;
}

/* Wait until what was placed may be written, if that is limited. */
static void pace(struct worker *w)
{
    const struct abi_request request = {.kind = ABI_REQ_PACE, .length = w->paced_bytes};

    if (w->copy->how.paced && w->paced_bytes > 0)
        ring_call(w->g, &request, NULL);
    w->paced_bytes = 0;
}

void chunk_place(struct worker *w, struct chunk *chunk)
{
    struct copy *copy = w->copy;
    int status;

    if (!target_take(w, chunk))
        return;
    unsigned placed = pieces_place(w, chunk, &status);
    copy_target_unlock(copy);
    if (status == 0)
        __atomic_store_n(&copy->turn, chunk->sequence + 1, __ATOMIC_RELEASE);
    pace(w);
    if (status == 0 && chunk->read_status == 0)
        return;
    /* What comes before the failure is written, and may fail first. */
    writes_flush(w);
    if (status < 0)
        copy_fail(copy, COPY_STAGE_WRITE, chunk->piece[placed].offset, status);
    else
        copy_fail(copy, COPY_STAGE_READ, chunk->read_off, chunk->read_status);
}
