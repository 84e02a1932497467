/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claiming the next pieces of the disk, and reading them. */
#include <string.h>

#include "copy-chunk.h"
#include "team.h"

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

void chunk_read_finish(struct worker *w, struct chunk *chunk)
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

bool chunk_claim(struct worker *w, struct chunk *chunk)
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
        piece_offload(w, &piece);
        bool is_data = piece.status == COPY_DATA || piece.status == COPY_OFFLOAD;
        if (is_data && piece_room(copy, &piece) > COPY_BUFFER_BYTES - chunk->used)
            break;
        chunk->piece[chunk->pieces] = piece;
        chunk->data[chunk->pieces] = chunk->buffer + chunk->used;
        if (is_data) {
            r = piece.status == COPY_OFFLOAD && !copy->how.data_first
                    ? 0
                    : piece_read(w, chunk, &piece);
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
