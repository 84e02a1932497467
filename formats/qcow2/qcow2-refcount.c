/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: reference counts; see qcow2-refcount.h. */
#include "qcow2-refcount.h"
#include "qcow2-count.h"

/* Counts are handled in pieces of so many bytes of a block. */
enum { PIECE_BYTES = 512 };

/* Internal status: the free clusters have to be searched anew. */
enum { AGAIN = 11 };

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

static uint64_t block_counts(const struct qcow2_state *state)
{
    return UINT64_C(1) << state->refcounts.block_bits;
}

/* Offset of the block for @cluster; 0: there is none, so that nothing is counted. */
static uint64_t block_find(const struct qcow2_state *state, uint64_t cluster)
{
    const struct qcow2_refcounts *refcounts = &state->refcounts;
    uint64_t index = cluster >> refcounts->block_bits;

    return index < refcounts->table_entries ? refcounts->table[index] & QCOW2_REFTABLE_OFFSET_MASK
                                            : 0;
}

/* How many clusters from @cluster on are free, at most @most. */
static int free_run(const struct qcow2_file *file, uint64_t cluster, uint64_t most, uint64_t *run)
{
    const struct qcow2_state *state = file->state;
    uint64_t counts = block_counts(state), at = cluster, end = cluster + most;
    struct piece piece;

    while (at < end) {
        uint64_t block_off = block_find(state, at), index = at % counts;
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
    return 0;
}

int qcow2_clusters_used(const struct qcow2_file *file, uint64_t clusters, uint64_t most,
                        uint64_t *used)
{
    const struct qcow2_state *state = file->state;
    uint64_t counts = block_counts(state);
    struct piece piece;

    /* Nothing is counted behind the last block, however long the file is. */
    clusters = min_u64(clusters, state->refcounts.table_used << state->refcounts.block_bits);
    *used = 0;
    for (uint64_t at = 0; at < clusters && *used < most;) {
        uint64_t block_off = block_find(state, at), index = at % counts;
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

/* Find @count adjacent free clusters at or behind refcounts.free_cluster, which moves behind
 * them. They are not counted yet. */
static int clusters_find(const struct qcow2_file *file, uint64_t count, uint64_t off_max,
                         uint64_t *offset)
{
    struct qcow2_refcounts *refcounts = &file->state->refcounts;
    unsigned bits = file->state->header.cluster_bits;
    uint64_t run = 0;

    for (;;) {
        int r = free_run(file, refcounts->free_cluster, count, &run);
        if (r < 0)
            return r;
        if (run == count)
            break;
        refcounts->free_cluster += run + 1;
    }
    refcounts->free_cluster += count;
    if (refcounts->free_cluster > 0 && refcounts->free_cluster - 1 > off_max >> bits)
        return -FMT_EFBIG;
    *offset = (refcounts->free_cluster - count) << bits;
    return 0;
}

/* Count [index, index + count) of a block one higher, or lower; all of them or, where a count
 * would leave its range, none. @cluster is that of @index. */
static int counts_change(const struct qcow2_file *file, uint64_t block_off, uint64_t cluster,
                         uint64_t count, bool lower)
{
    struct qcow2_refcounts *refcounts = &file->state->refcounts;
    uint64_t first = cluster % block_counts(file->state);
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
                    refcounts->free_cluster =
                        min_u64(refcounts->free_cluster, cluster + (at - first));
            }
            if (apply)
                r = fmt_cache_write(&file->state->tables, piece.off, piece.bytes,
                                    sizeof(piece.bytes));
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int qcow2_zeroes_write(const struct qcow2_file *file, uint64_t offset, uint64_t bytes)
{
    static const uint8_t zeroes[4096];
    int r = 0;

    for (uint64_t at = 0; r == 0 && at < bytes; at += sizeof(zeroes))
        r = fmt_cache_write(&file->state->tables, offset + at, zeroes,
                            (size_t)min_u64(sizeof(zeroes), bytes - at));
    return r;
}

static int counts_update(const struct qcow2_file *file, uint64_t offset, uint64_t bytes,
                         bool lower);

static void table_enter(struct qcow2_refcounts *refcounts, uint64_t index, uint64_t block_off)
{
    refcounts->table[index] = block_off;
    if (index >= refcounts->table_used)
        refcounts->table_used = index + 1;
}

/* Make the block for @cluster, which has none, and a larger table if this one is too small.
 * Returns -AGAIN when that is done: what was free may now be in use. */
static int block_make(const struct qcow2_file *file, uint64_t cluster)
{
    struct qcow2_state *state = file->state;
    struct qcow2_refcounts *refcounts = &state->refcounts;
    unsigned bits = state->header.cluster_bits;
    uint64_t index = cluster >> refcounts->block_bits, block_off, end_off;

    int r = clusters_find(file, 1, INT64_MAX, &block_off);
    if (r < 0)
        return r;
    if (block_off == 0)
        return -FMT_EIO; /* the header's cluster is not counted: the image is corrupt */
    if (block_off >> bits >> refcounts->block_bits == index) {
        r = qcow2_zeroes_write(file, block_off, state->cluster_bytes);
        if (r == 0)
            r = counts_change(file, block_off, block_off >> bits, 1, false);
    } else {
        r = counts_update(file, block_off, state->cluster_bytes, false);
        if (r == 0)
            r = qcow2_zeroes_write(file, block_off, state->cluster_bytes);
    }
    if (r < 0)
        return r;
    if (index < refcounts->table_entries) {
        table_enter(refcounts, index, block_off);
        return -AGAIN;
    }
    uint64_t last = block_off >> bits > cluster ? block_off >> bits : cluster;
    uint64_t blocks = div_up_u64(last + 1, block_counts(state));
    r = qcow2_refcount_area(file, blocks * block_counts(state) << bits, 0, false, index, block_off,
                            &end_off);
    return r < 0 ? r : -AGAIN;
}

/* Count the clusters that [offset, offset + bytes) touches one higher, or lower. -AGAIN: a block
 * had to be made first, nothing was counted. */
static int counts_update(const struct qcow2_file *file, uint64_t offset, uint64_t bytes, bool lower)
{
    struct qcow2_state *state = file->state;
    struct qcow2_refcounts *refcounts = &state->refcounts;
    unsigned bits = state->header.cluster_bits;
    uint64_t start = offset >> bits, at = start, end = ((offset + bytes - 1) >> bits) + 1;
    int r = 0;

    if (bytes == 0)
        return 0;
    while (at < end) {
        uint64_t count = min_u64(end - at, block_counts(state) - at % block_counts(state));
        uint64_t block_off = block_find(state, at);
        if (block_off == 0)
            r = block_make(file, at);
        else if (block_off % state->cluster_bytes != 0)
            r = -FMT_EIO;
        else
            r = counts_change(file, block_off, at, count, lower);
        if (r < 0)
            break;
        at += count;
    }
    if (r == -AGAIN)
        refcounts->free_cluster = min_u64(refcounts->free_cluster, start);
    if (r < 0 && at > start)
        counts_update(file, start << bits, (at - start) << bits, !lower);
    return r;
}

int qcow2_clusters_take(const struct qcow2_file *file, uint64_t bytes, uint64_t *offset)
{
    uint64_t count = div_up_u64(bytes, file->state->cluster_bytes);
    int r;

    do {
        r = clusters_find(file, count, QCOW2_CLUSTER_OFF_MAX, offset);
        if (r == 0)
            r = counts_update(file, *offset, bytes, false);
    } while (r == -AGAIN);
    return r;
}

int qcow2_clusters_take_at(const struct qcow2_file *file, uint64_t offset, uint64_t count,
                           uint64_t *taken)
{
    unsigned bits = file->state->header.cluster_bits;
    int r;

    *taken = 0;
    if (count == 0)
        return 0;
    do {
        r = free_run(file, offset >> bits, count, taken);
        if (r == 0)
            r = counts_update(file, offset, *taken << bits, false);
    } while (r == -AGAIN);
    return r;
}

int qcow2_clusters_free(const struct qcow2_file *file, uint64_t offset, uint64_t bytes)
{
    return counts_update(file, offset, bytes, true);
}

uint64_t qcow2_refcount_blocks_for(const struct qcow2_state *state, uint64_t clusters, bool exact)
{
    uint64_t per_table_cluster = state->cluster_bytes / QCOW2_ENTRY_BYTES;
    uint64_t table = 0, blocks = 0, last, n = 0;

    do {
        last = n;
        blocks = div_up_u64(clusters + table + blocks, block_counts(state));
        table = div_up_u64(blocks, per_table_cluster);
        n = clusters + blocks + table;
        if (n == last && !exact) {
            clusters += div_up_u64(table, 2);
            exact = true;
            n = 0;
        }
    } while (n != last);
    return blocks;
}

/* The table as it is now, where it lies. */
static int table_write(const struct qcow2_file *file)
{
    const struct qcow2_refcounts *refcounts = &file->state->refcounts;
    uint64_t entries = refcounts->table_zeroed ? refcounts->table_used : refcounts->table_entries;
    uint8_t bytes[PIECE_BYTES];
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < entries;) {
        uint64_t at = refcounts->table_off + i * QCOW2_ENTRY_BYTES;
        for (size_t n = 0; n < sizeof(bytes); n += QCOW2_ENTRY_BYTES, i++)
            be64_store(bytes + n, refcounts->table[i]);
        r = fmt_cache_write(&file->state->tables, at, bytes, sizeof(bytes));
    }
    return r;
}

/* Count the clusters of [start_off, end_off) in the blocks from @first to @end of the table,
 * which are empty there. */
static int area_count(const struct qcow2_file *file, const uint64_t *table, uint64_t first,
                      uint64_t end, uint64_t start_off, uint64_t end_off)
{
    const struct qcow2_state *state = file->state;
    unsigned bits = state->header.cluster_bits;
    uint64_t at = start_off >> bits, behind = end_off >> bits;
    int r = 0;

    for (uint64_t i = first; r == 0 && i < end && at < behind; i++) {
        uint64_t stop = min_u64(behind, (i + 1) << state->refcounts.block_bits);
        r = counts_change(file, table[i], at, stop - at, false);
        at = stop;
    }
    return r;
}

int qcow2_refcount_area(const struct qcow2_file *file, uint64_t start_off, uint64_t more_clusters,
                        bool exact, uint64_t block_index, uint64_t block_off, uint64_t *end_off)
{
    struct qcow2_state *state = file->state;
    struct qcow2_refcounts *refcounts = &state->refcounts;
    uint64_t per_cluster = state->cluster_bytes / QCOW2_ENTRY_BYTES;
    uint64_t start = start_off >> state->header.cluster_bits;
    uint64_t blocks = qcow2_refcount_blocks_for(state, start + more_clusters, exact);
    uint64_t entries = round_up_u64(exact ? blocks : blocks + div_up_u64(blocks, 2), per_cluster);
    uint64_t first = start >> refcounts->block_bits, new_off = start_off;
    int r = 0;

    if (blocks > QCOW2_REFCOUNT_TABLE_BYTES_MAX / QCOW2_ENTRY_BYTES ||
        entries > QCOW2_REFCOUNT_TABLE_BYTES_MAX / QCOW2_ENTRY_BYTES)
        return -FMT_EFBIG;
    uint64_t *table = fmt_alloc(file->env, entries * sizeof(*table));
    if (!table)
        return -FMT_ENOMEM;
    memcpy(table, refcounts->table, min_u64(entries, refcounts->table_used) * sizeof(*table));
    if (block_off)
        table[block_index] = block_off;
    for (uint64_t i = first; r == 0 && i < blocks; i++) {
        if (table[i])
            continue;
        table[i] = new_off;
        r = qcow2_zeroes_write(file, new_off, state->cluster_bytes);
        new_off += state->cluster_bytes;
    }
    *end_off = new_off + entries * QCOW2_ENTRY_BYTES;
    if (r == 0)
        r = area_count(file, table, first, blocks, start_off, *end_off);
    if (r == 0)
        r = table_write(file); /* what the old one held stays in its clusters */
    if (r < 0)
        return r;
    uint64_t old_off = refcounts->table_off, old_bytes = refcounts->table_entries * 8;
    refcounts->table = table;
    refcounts->table_off = new_off;
    refcounts->table_zeroed = false;
    refcounts->table_entries = entries;
    refcounts->table_used = blocks;
    return qcow2_clusters_free(file, old_off, old_bytes);
}

int qcow2_refcounts_flush(const struct qcow2_file *file)
{
    int r = table_write(file);
    return r < 0 ? r : fmt_cache_flush(&file->state->tables);
}
