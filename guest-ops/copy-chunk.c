/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One vCPU's work: chunks claimed, read, placed and written. */
#include <string.h>

#include "copy-digest.h"
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
    bool posted;
    int status;
};

/* What has become of a cluster that is to be stored compressed. */
struct coded {
    enum { CODED_LATER, CODED_ZERO, CODED_SMALLER, CODED_NOT } kind; /* LATER: by the driver */
    uint8_t *data;
    size_t bytes;
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
    uint8_t *coded_buffer; /* of compressed clusters, as large */
    struct coded coded[COPY_PIECES_MAX];
    struct reads reads;
    struct write write[COPY_WRITES_MAX];
};

struct worker {
    struct guest *g;
    struct copy *copy;
    struct chunk *chunk[2]; /* one is written while the other is read */
    struct fmt_compressor compressor;
    struct fmt_decoder decoder;
    uint64_t paced_bytes; /* placed since the host was asked last */
};

/* Make the bytes what they will be in the file. */
static void write_encrypt(struct write *write)
{
    if (write->image)
        write->image->driver->encrypt(write->image, write->offset, write->device_off, write->data,
                                      write->bytes);
    write->image = NULL;
}

/* Send what is to be written, with the next doorbell. Not before: calls of drivers meanwhile would
 * wait for it, too. Nothing leaves that has not been encrypted if it is to be. */
static void writes_post(struct worker *w)
{
    for (unsigned i = 0; i < 2; i++) {
        struct chunk *chunk = w->chunk[i];
        for (unsigned n = 0; n < chunk->writes; n++) {
            struct write *write = &chunk->write[n];
            const struct abi_request request = {.kind = ABI_REQ_WRITE,
                                                .device = write->device,
                                                .offset = write->device_off,
                                                .length = write->bytes,
                                                .addr = (uint64_t)(uintptr_t)write->data};
            if (write->posted)
                continue;
            write_encrypt(write);
            ring_post(w->g, &request, &write->status);
            write->posted = true;
        }
    }
}

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

static void writes_flush(struct worker *w)
{
    writes_post(w);
    ring_flush(w->g);
    writes_check(w);
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
        const struct copy_piece lost = {.offset = chunk->piece[piece].offset + inside,
                                        .bytes = read->bytes};
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

    writes_post(w);
    int r = reads_wait(&chunk->reads);
    writes_check(w);
    if (r == 0)
        return;
    team_lock(w->g, &copy->source_lock);
    copy->source_env->io_ctx = w->g;
    if (reads_retry(&chunk->reads) < 0)
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
        reads_wait(&chunk->reads); /* what is begun would come later */
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
    if (copy->data_done - copy->data_shown > copy->data_bytes / copy->how.progress_steps ||
        copy->data_done >= copy->data_bytes)
        copy_progress_send(w->g, copy);
}

/* A cluster to be compressed is filled up with zeroes where it is the disk's last one. */
static uint64_t piece_room(const struct copy *copy, const struct copy_piece *piece)
{
    return copy->how.compressed ? copy->how.cluster_bytes : piece->bytes;
}

/* A stream that has ended makes the piece shorter, and the disk. */
static void stream_end_see(struct copy *copy, struct copy_piece *piece)
{
    struct copy_source *source = copy->how.source;

    if (!source->ended)
        return;
    source->bytes = copy->how.total_bytes = round_up_u64(source->data_bytes, FMT_SECTOR_BYTES);
    copy->how.data_end = min_u64(copy->how.data_end, source->data_bytes);
    piece->bytes = min_u64(piece->bytes, source->bytes - piece->offset);
}

/* Take the next pieces, as many as fit, and begin to read them. False: there are none. */
static bool chunk_claim(struct worker *w, struct chunk *chunk)
{
    struct copy *copy = w->copy;
    struct copy_piece piece;

    chunk->pieces = chunk->reads.count = 0;
    chunk->used = 0;
    chunk->read_status = 0;
    team_lock(w->g, &copy->source_lock);
    copy->source_env->io_ctx = w->g;
    while (!copy->failed && copy->at < copy->how.total_bytes && chunk->pieces < COPY_PIECES_MAX) {
        int r = copy_piece_find(copy, &piece);
        if (r < 0) {
            copy_fail(copy, COPY_STAGE_STATUS, copy->at, r);
            break;
        }
        if (piece.status == COPY_DATA && piece_room(copy, &piece) > COPY_BUFFER_BYTES - chunk->used)
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
            stream_end_see(copy, &piece);
            if (piece.bytes == 0)
                break;
            chunk->piece[chunk->pieces] = piece;
            chunk->used += piece_room(copy, &piece);
            if (piece.counts)
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
                           .data = data};
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
        if (piece->status == COPY_DATA && how->zeroes_are_data)
            is_data = true;
        else if (piece->status == COPY_DATA)
            is_data = sparse_data_find(&how->sparse, data + done, piece->bytes - done,
                                       piece->offset + done, &n);
        w->paced_bytes += is_data || !how->zero_init ? n : 0;
        if (is_data)
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

/* Compress one cluster. The disk's last one is filled up with zeroes. */
static int cluster_compress(struct worker *w, struct chunk *chunk, unsigned i)
{
    const struct copy_how *how = &w->copy->how;
    const struct copy_piece *piece = &chunk->piece[i];
    struct coded *coded = &chunk->coded[i];
    uint8_t *data = chunk->data[i];

    coded->kind = CODED_LATER;
    if (piece->status == COPY_DATA && how->sparse.least_bytes > 0 &&
        sparse_is_zero(data, piece->bytes))
        coded->kind = CODED_ZERO;
    if (piece->status != COPY_DATA || coded->kind == CODED_ZERO || !how->target->driver->compress)
        return 0;
    memset(data + piece->bytes, 0, how->cluster_bytes - piece->bytes);
    coded->data = chunk->coded_buffer + (data - chunk->buffer);
    int r = how->target->driver->compress(how->target, &w->compressor, data, coded->data,
                                          &coded->bytes);
    coded->kind = coded->bytes > 0 ? CODED_SMALLER : CODED_NOT;
    return r;
}

/* Before the chunk's turn comes: what any vCPU may do. */
static void chunk_compress(struct worker *w, struct chunk *chunk)
{
    for (unsigned i = 0; w->copy->how.compressed && i < chunk->pieces; i++) {
        int r = cluster_compress(w, chunk, i);
        if (r < 0)
            copy_fail(w->copy, COPY_STAGE_WRITE, chunk->piece[i].offset, r);
    }
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

static void chunk_place(struct worker *w, struct chunk *chunk)
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

/* A worker's two chunks, with their buffers. */
static int chunks_make(struct worker *w)
{
    struct fmt_arena *arena = &w->g->arena;

    w->compressor.arena = arena;
    w->compressor.level = w->copy->how.level;
    w->decoder.arena = arena;
    for (unsigned i = 0; i < 2; i++) {
        struct chunk *chunk = fmt_arena_alloc(arena, sizeof(*chunk));
        if (!chunk)
            return -FMT_ENOMEM;
        w->chunk[i] = chunk;
        chunk->buffer = fmt_arena_buffer(arena, COPY_BUFFER_BYTES, ABI_PAGE_BYTES);
        chunk->reads.g = w->g;
        chunk->coded_buffer = chunk->buffer;
        if (w->copy->how.compressed)
            chunk->coded_buffer = fmt_arena_buffer(arena, COPY_BUFFER_BYTES, ABI_PAGE_BYTES);
        if (!chunk->buffer || !chunk->coded_buffer ||
            reads_decode_with(&chunk->reads, &w->decoder) < 0)
            return -FMT_ENOMEM;
    }
    return 0;
}

void copy_work(struct guest *g, struct copy *copy)
{
    struct worker w = {.g = g, .copy = copy};

    if (chunks_make(&w) < 0) {
        copy_fail(copy, COPY_STAGE_READ, 0, -FMT_ENOMEM);
        return;
    }
    for (unsigned i = 0; chunk_claim(&w, w.chunk[i]); i ^= 1) {
        chunk_read_finish(&w, w.chunk[i]);
        if (copy->failed)
            break;
        copy_digest_chunk(g, copy, w.chunk[i]->sequence, w.chunk[i]->piece, w.chunk[i]->data,
                          w.chunk[i]->pieces);
        chunk_compress(&w, w.chunk[i]);
        chunk_place(&w, w.chunk[i]);
    }
    writes_flush(&w);
}
