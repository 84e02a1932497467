/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One vCPU's work: chunks claimed, read, placed and written. */
#include <string.h>

#include "copy.h"
#include "team.h"

/* A stretch of a piece that is being written. */
struct write {
    struct fmt_image *image; /* CODED: whose code it is */
    uint64_t piece_off;      /* where its piece begins, for messages */
    uint64_t offset;         /* in the image */
    uint64_t device_off;
    uint32_t device;
    uint32_t bytes;
    uint8_t *data;
    int status;
};

struct chunk {
    uint64_t sequence;
    unsigned pieces, writes;
    struct copy_piece piece[COPY_PIECES_MAX];
    uint8_t *data[COPY_PIECES_MAX]; /* in the buffer */
    uint64_t used;                  /* of the buffer */
    int read_status;                /* a negative errno: behind the pieces, reading fails */
    uint64_t read_off;              /* there */
    uint8_t *buffer;
    struct reads reads;
    struct write write[COPY_WRITES_MAX];
};

struct worker {
    struct guest *g;
    struct copy *copy;
    struct chunk *chunk[2]; /* one is written while the other is read */
    struct fmt_compressor compressor;
};

/* What was being written, and is not any more: tell what has failed, the first of the disk's. */
static void writes_check(struct worker *w)
{
    const struct write *first = NULL;

    for (unsigned i = 0; i < 2; i++) {
        struct chunk *chunk = w->chunk[i];
        for (unsigned n = 0; n < chunk->writes; n++) {
            const struct write *write = &chunk->write[n];
            if (write->status < 0 && (!first || write->piece_off < first->piece_off))
                first = write;
        }
        chunk->writes = 0;
    }
    if (first)
        copy_fail(w->copy, COPY_STAGE_WRITE, first->piece_off, first->status);
}

/* ---- reading ---- */

/* Read what is salvageable, sector by sector. */
static void piece_salvage(struct worker *w, const struct copy_piece *piece, uint8_t *data)
{
    struct copy *copy = w->copy;

    for (uint64_t n = 0; n < piece->bytes; n += FMT_SECTOR_BYTES) {
        uint64_t offset = piece->offset + n;
        struct copy_source *source = copy_source_at(copy, &offset);
        int r = chain_read(&source->chain, offset, data + n, FMT_SECTOR_BYTES);
        if (r == 0)
            continue;
        fmt_error_clear(copy->source_env->error);
        if (!copy->how.quiet)
            fmt_message(copy->source_env, FMT_MESSAGE_WARNING, FMT_ERR_CONVERT_SALVAGE,
                        FMT_NUM(offset), FMT_NUM(-r));
        memset(data + n, 0, FMT_SECTOR_BYTES);
    }
}

/* What was read before this piece is still to be written. */
static void read_fail(struct chunk *chunk, unsigned piece, uint64_t offset, int status)
{
    chunk->pieces = piece;
    chunk->read_off = offset;
    chunk->read_status = status;
}

/* What could not be read. With the sources' lock held. */
static void reads_judge(struct worker *w, struct chunk *chunk)
{
    struct copy *copy = w->copy;

    for (unsigned i = 0; i < chunk->reads.count; i++) {
        const struct read *read = &chunk->reads.read[i];
        unsigned piece = (unsigned)read->tag;
        uint64_t inside = (uint64_t)(read->to - chunk->data[piece]);
        const struct copy_piece lost = {chunk->piece[piece].offset + inside, read->bytes,
                                        COPY_DATA};
        if (copy->how.salvage)
            piece_salvage(w, &lost, read->to);
        else if (piece < chunk->pieces)
            read_fail(chunk, piece, chunk->piece[piece].offset, read->status);
    }
}

/* Wait for what is being read; the last chunk is written then, too. */
static void chunk_read_finish(struct worker *w, struct chunk *chunk)
{
    struct copy *copy = w->copy;
    int r = reads_wait(&chunk->reads);

    writes_check(w);
    if (r == 0)
        return;
    team_lock(&copy->source_lock);
    copy->source_env->io_ctx = w->g;
    reads_judge(w, chunk);
    team_unlock(&copy->source_lock);
}

static int piece_read(struct worker *w, struct chunk *chunk, const struct copy_piece *piece)
{
    struct copy *copy = w->copy;
    uint8_t *data = chunk->data[chunk->pieces];

    for (uint64_t n, done = 0; done < piece->bytes; done += n) {
        uint64_t offset = piece->offset + done;
        struct copy_source *source = copy_source_at(copy, &offset);
        n = min_u64(piece->bytes - done, source->bytes - offset);
        int r = copy_source_read(&chunk->reads, source, offset, data + done, n, chunk->pieces);
        if (r == 0)
            continue;
        fmt_error_clear(copy->source_env->error);
        if (!copy->how.salvage)
            return r;
        ring_flush(w->g); /* what is under way would come later */
        piece_salvage(w, piece, data);
        break;
    }
    return 0;
}

/* Tell how far it is, as often as that may be shown. */
static void progress_tell(struct worker *w, uint64_t bytes)
{
    struct copy *copy = w->copy;

    copy->data_done += bytes;
    if (100 * (copy->data_done - copy->data_shown) <= copy->data_bytes &&
        copy->data_done < copy->data_bytes)
        return;
    copy->data_shown = copy->data_done;
    const struct abi_request request = {
        .kind = ABI_REQ_PROGRESS, .offset = copy->data_done, .length = copy->data_bytes};
    if (copy->how.progress)
        ring_call(w->g, &request, NULL); /* nothing may overtake it */
    else
        ring_post(w->g, &request, NULL);
}

/* Take the next pieces, as many as fit, and begin to read them. False: there are none. */
static bool chunk_claim(struct worker *w, struct chunk *chunk)
{
    struct copy *copy = w->copy;
    struct copy_piece piece;

    chunk->pieces = chunk->reads.count = 0;
    chunk->used = 0;
    chunk->read_status = 0;
    team_lock(&copy->source_lock);
    copy->source_env->io_ctx = w->g;
    while (!copy->failed && copy->at < copy->how.total_bytes && chunk->pieces < COPY_PIECES_MAX) {
        int r = copy_piece_find(copy, &piece);
        if (r < 0) {
            copy_fail(copy, COPY_STAGE_STATUS, copy->at, r);
            break;
        }
        if (piece.status == COPY_DATA && piece.bytes > COPY_BUFFER_BYTES - chunk->used)
            break;
        chunk->piece[chunk->pieces] = piece;
        chunk->data[chunk->pieces] = chunk->buffer + chunk->used;
        if (piece.status == COPY_DATA) {
            r = piece_read(w, chunk, &piece);
            if (r < 0) {
                read_fail(chunk, chunk->pieces, piece.offset, r);
                copy->at = copy->how.total_bytes;
                break;
            }
            chunk->used += piece.bytes;
            progress_tell(w, piece.bytes);
        }
        chunk->pieces++;
        copy->at += piece.bytes;
    }
    chunk->sequence = copy->sequence;
    bool any = chunk->pieces > 0 || chunk->read_status < 0;
    copy->sequence += any;
    team_unlock(&copy->source_lock);
    return any;
}

/* ---- writing ---- */

/* Let the bytes go. */
static void write_begin(struct worker *w, struct write *write)
{
    if (write->image)
        write->image->driver->encrypt(write->image, write->offset, write->device_off, write->data,
                                      write->bytes);
    const struct abi_request request = {.kind = ABI_REQ_WRITE,
                                        .device = write->device,
                                        .offset = write->device_off,
                                        .length = write->bytes,
                                        .addr = (uint64_t)(uintptr_t)write->data};
    ring_post(w->g, &request, &write->status);
}

/* The chunk has more stretches than fit: let those that are known go before its turn is over. */
static void writes_make_room(struct worker *w, struct chunk *chunk)
{
    if (chunk->writes < COPY_WRITES_MAX)
        return;
    for (unsigned i = 0; i < chunk->writes; i++)
        write_begin(w, &chunk->write[i]);
    ring_flush(w->g);
    writes_check(w);
}

/* Find places for data, where the target gives any. */
static int data_place(struct worker *w, struct chunk *chunk, const struct copy_piece *piece,
                      uint64_t offset, uint8_t *data, uint64_t bytes)
{
    struct fmt_image *target = w->copy->how.target;

    if (!target->driver->allocate)
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
                           .data = data};
    }
    return 0;
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
        if (piece->status == COPY_DATA && how->compressed)
            is_data = how->sparse.least_bytes == 0 || !sparse_is_zero(data, n);
        else if (piece->status == COPY_DATA)
            is_data = sparse_data_find(&how->sparse, data + done, piece->bytes - done,
                                       piece->offset + done, &n);
        if (is_data && how->compressed)
            r = fmt_image_write_compressed(how->target, piece->offset, data, n);
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

    while (copy->how.in_order &&
           __atomic_load_n(&copy->turn, __ATOMIC_ACQUIRE) != chunk->sequence) {
        if (__atomic_load_n(&copy->failed, __ATOMIC_ACQUIRE))
            return false;
        __builtin_ia32_pause();
    }
    team_lock(&copy->target_lock);
    copy->target_env->io_ctx = w->g;
    if (copy->holder && copy->holder != w->g)
        guest_devices_forget(w->g); /* sizes have changed behind this vCPU's back */
    copy->holder = w->g;
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

static void chunk_place(struct worker *w, struct chunk *chunk)
{
    struct copy *copy = w->copy;
    int status;

    if (!target_take(w, chunk))
        return;
    unsigned placed = pieces_place(w, chunk, &status);
    team_unlock(&copy->target_lock);
    if (status == 0)
        __atomic_store_n(&copy->turn, chunk->sequence + 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < chunk->writes && !copy->failed; i++)
        write_begin(w, &chunk->write[i]);
    if (status == 0 && chunk->read_status == 0)
        return;
    /* What comes before the failure is written, and may fail first. */
    ring_flush(w->g);
    writes_check(w);
    if (status < 0)
        copy_fail(copy, COPY_STAGE_WRITE, chunk->piece[placed].offset, status);
    else
        copy_fail(copy, COPY_STAGE_READ, chunk->read_off, chunk->read_status);
}

void copy_work(struct guest *g, struct copy *copy)
{
    struct worker w = {.g = g, .copy = copy};

    for (unsigned i = 0; i < 2; i++) {
        struct chunk *chunk = fmt_arena_alloc(&g->arena, sizeof(*chunk));
        w.chunk[i] = chunk;
        if (chunk)
            chunk->reads.g = g;
        if (chunk)
            chunk->buffer = fmt_arena_buffer(&g->arena, COPY_BUFFER_BYTES, ABI_PAGE_BYTES);
        if (!chunk || !chunk->buffer) {
            copy_fail(copy, COPY_STAGE_READ, 0, -FMT_ENOMEM);
            return;
        }
    }
    for (unsigned i = 0; chunk_claim(&w, w.chunk[i]); i ^= 1) {
        chunk_read_finish(&w, w.chunk[i]);
        if (copy->failed)
            break;
        chunk_place(&w, w.chunk[i]);
    }
    ring_flush(g);
    writes_check(&w);
}
