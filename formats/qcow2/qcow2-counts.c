/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: reference counts in their blocks; see qcow2-counts.h. */
#include "qcow2-counts.h"

#include "qcow2-count.h"

/* Counts are handled in pieces of so many bytes of a block. */
enum { PIECE_BYTES = 512 };

/* A piece of a block: counts [first, first + counts) of it. */
struct piece {
    uint64_t off; /* in the file */
    uint64_t first;
    uint64_t counts;
    uint8_t bytes[PIECE_BYTES];
};

static int piece_read(const struct qcow2_file *file, uint64_t block_off, uint64_t index,
                      struct piece *piece)
{
    const struct qcow2_refcounts *refcounts = &file->state->refcounts;

    piece->counts = (uint64_t)PIECE_BYTES * 8 >> refcounts->order;
    piece->first = index - index % piece->counts;
    piece->off = block_off + (piece->first << refcounts->order) / 8;
    return fmt_cache_read(&file->state->tables, piece->off, piece->bytes, sizeof(piece->bytes));
}

uint64_t qcow2_block_counts(const struct qcow2_state *state)
{
    return UINT64_C(1) << state->refcounts.block_bits;
}

/* Offset of the block for @cluster; 0: there is none, so that nothing is counted. */
uint64_t qcow2_block_find(const struct qcow2_state *state, uint64_t cluster)
{
    const struct qcow2_refcounts *refcounts = &state->refcounts;
    uint64_t index = cluster >> refcounts->block_bits;

    return index < refcounts->table_entries ? refcounts->table[index] & QCOW2_REFTABLE_OFFSET_MASK
                                            : 0;
}

int qcow2_count_get(const struct qcow2_file *file, uint64_t cluster, uint64_t *count)
{
    const struct qcow2_state *state = file->state;
    uint64_t block_off = qcow2_block_find(state, cluster),
             index = cluster % qcow2_block_counts(state);
    struct piece piece;
    int r = 0;

    *count = 0;
    if (block_off)
        r = piece_read(file, block_off, index, &piece);
    if (r == 0 && block_off)
        *count = count_get(piece.bytes, state->refcounts.order, index - piece.first);
    return r;
}

/* How many clusters from @cluster on are free, at most @most. */
int qcow2_free_run(const struct qcow2_file *file, uint64_t cluster, uint64_t most, uint64_t *run)
{
    const struct qcow2_state *state = file->state;
    uint64_t counts = qcow2_block_counts(state), at = cluster, end = cluster + most;
    struct piece piece;

    while (at < end) {
        uint64_t block_off = qcow2_block_find(state, at), index = at % counts;
        if (block_off == 0) {
            at += counts - index;
            continue;
        }
        int r = piece_read(file, block_off, index, &piece);
        if (r < 0)
            return r;
        for (uint64_t i = index - piece.first; i < piece.counts && at < end; i++, at++) {
            if (count_get(piece.bytes, state->refcounts.order, i) != 0)
                end = at;
        }
    }
    *run = min_u64(at, end) - cluster;
    return 0;
}

int qcow2_refcounts_load(const struct qcow2_file *file)
{
    struct qcow2_refcounts *refcounts = &file->state->refcounts;
    uint64_t bytes = refcounts->table_entries * QCOW2_ENTRY_BYTES;

    if (refcounts->table)
        return 0;
    uint64_t *table = fmt_alloc(file->env, bytes);
    if (!table)
        return -FMT_ENOMEM;
    int r = io_read(file->env, file->device, refcounts->table_off, table, (size_t)bytes);
    if (r < 0)
        return r;
    for (uint64_t i = 0; i < refcounts->table_entries; i++) {
        table[i] = be64_load(&table[i]);
        if (table[i])
            refcounts->table_used = i + 1;
    }
    refcounts->table = table;
    refcounts->live = true;
    return 0;
}

int qcow2_clusters_used(const struct qcow2_file *file, uint64_t clusters, uint64_t most,
                        uint64_t *used)
{
    const struct qcow2_state *state = file->state;
    uint64_t counts = qcow2_block_counts(state);
    struct piece piece;

    /* Nothing is counted behind the last block, however long the file is. */
    clusters = min_u64(clusters, state->refcounts.table_used << state->refcounts.block_bits);
    *used = 0;
    for (uint64_t at = 0; at < clusters && *used < most;) {
        uint64_t block_off = qcow2_block_find(state, at), index = at % counts;
        if (block_off == 0) {
            at += counts - index;
            continue;
        }
        int r = piece_read(file, block_off, index, &piece);
        if (r < 0)
            return r;
        for (uint64_t i = index - piece.first; i < piece.counts && at < clusters; i++, at++)
            *used += count_get(piece.bytes, state->refcounts.order, i) != 0;
    }
    return 0;
}

static int piece_write(const struct qcow2_file *file, const struct piece *piece)
{
    struct fmt_cache *cache = &file->state->tables;

    if (file->state->order == QCOW2_ORDER_COUNTS_LAST)
        return fmt_cache_write_late(cache, piece->off, piece->bytes, sizeof(piece->bytes));
    return fmt_cache_write(cache, piece->off, piece->bytes, sizeof(piece->bytes));
}

static void cluster_freed(const struct qcow2_file *file, uint64_t cluster)
{
    struct qcow2_state *state = file->state;

    state->refcounts.free_cluster = min_u64(state->refcounts.free_cluster, cluster);
    /* Its next owner may write past the cache. */
    if (state->refcounts.live)
        fmt_cache_forget(&state->tables, cluster << state->header.cluster_bits,
                         state->cluster_bytes);
}

/* Count [index, index + count) of a block one higher, or lower; all of them or, where a count
 * would leave its range, none. @cluster is that of @index. */
int qcow2_counts_change(const struct qcow2_file *file, uint64_t block_off, uint64_t cluster,
                        uint64_t count, bool lower)
{
    struct qcow2_refcounts *refcounts = &file->state->refcounts;
    uint64_t first = cluster % qcow2_block_counts(file->state);
    struct piece piece;

    for (int apply = 0; apply <= 1; apply++) {
        for (uint64_t at = first; at < first + count;) {
            int r = piece_read(file, block_off, at, &piece);
            if (r < 0)
                return r;
            uint64_t end = min_u64(first + count, piece.first + piece.counts);
            for (; at < end; at++) {
                uint64_t n = count_get(piece.bytes, refcounts->order, at - piece.first);
                if (n == (lower ? 0 : refcounts->count_max))
                    return -FMT_EINVAL;
                n = lower ? n - 1 : n + 1;
                count_set(piece.bytes, refcounts->order, at - piece.first, n);
                if (apply && n == 0)
                    cluster_freed(file, cluster + (at - first));
            }
            if (apply)
                r = piece_write(file, &piece);
            if (r < 0)
                return r;
        }
    }
    return 0;
}
