/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One vCPU's work: chunks claimed, read, compressed, placed and written. */
#include <string.h>

#include "copy-chunk.h"
#include "copy-digest.h"

/* Compress one cluster. The disk's last one is filled up with zeroes. */
static int cluster_compress(struct worker *w, struct chunk *chunk, unsigned i)
{
    const struct copy_how *how = &w->copy->how;
    const struct copy_piece *piece = &chunk->piece[i];
    struct coded *coded = &chunk->coded[i];
    uint8_t *data = chunk->data[i];

    coded->kind = CODED_LATER;
    if (piece->status == COPY_DATA && (how->sparse.least_bytes > 0 || how->detect_zeroes) &&
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
