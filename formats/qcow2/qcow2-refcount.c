/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: taking and freeing clusters; see qcow2-refcount.h. */
#include "qcow2-counts.h"

/* The table is written in pieces of so many bytes. */
enum { PIECE_BYTES = 512 };

/* Internal status: the free clusters have to be searched anew. */
enum { AGAIN = 11 };

/* The clusters [cluster, cluster + count) are taken whole: no compressed data can follow in them,
 * even if the last one was there and was freed since. */
static void free_byte_check(const struct qcow2_file *file, uint64_t cluster, uint64_t count)
{
    struct qcow2_refcounts *refcounts = &file->state->refcounts;
    uint64_t at = refcounts->free_byte >> file->state->header.cluster_bits;

    if (at >= cluster && at - cluster < count)
        refcounts->free_byte = 0;
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
        int r = qcow2_free_run(file, refcounts->free_cluster, count, &run);
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
    free_byte_check(file, refcounts->free_cluster - count, count);
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

/* Enter a new block; the file has it, before its table names it. */
static int table_enter(const struct qcow2_file *file, uint64_t index, uint64_t block_off)
{
    struct qcow2_refcounts *refcounts = &file->state->refcounts;
    struct fmt_cache *cache = &file->state->tables;
    uint64_t entry_off = refcounts->table_off + index * QCOW2_ENTRY_BYTES;
    uint8_t entry[QCOW2_ENTRY_BYTES];
    int r = 0;

    be64_store(entry, block_off);
    if (refcounts->live && file->state->order == QCOW2_ORDER_NONE) {
        r = fmt_cache_write_late(cache, entry_off, entry, sizeof(entry));
    } else if (refcounts->live) {
        r = fmt_cache_flush(cache);
        if (r == 0)
            r = fmt_cache_write(cache, entry_off, entry, sizeof(entry));
    }
    if (r < 0)
        return r;
    refcounts->table[index] = block_off;
    if (index >= refcounts->table_used)
        refcounts->table_used = index + 1;
    return 0;
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
            r = qcow2_counts_change(file, block_off, block_off >> bits, 1, false);
    } else {
        r = counts_update(file, block_off, state->cluster_bytes, false);
        if (r == 0)
            r = qcow2_zeroes_write(file, block_off, state->cluster_bytes);
    }
    if (r < 0)
        return r;
    if (index < refcounts->table_entries) {
        r = table_enter(file, index, block_off);
        return r < 0 ? r : -AGAIN;
    }
    uint64_t last = block_off >> bits > cluster ? block_off >> bits : cluster;
    uint64_t blocks = div_up_u64(last + 1, qcow2_block_counts(state));
    r = qcow2_refcount_area(file, blocks * qcow2_block_counts(state) << bits, 0, false, index,
                            block_off, &end_off);
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
        uint64_t count =
            min_u64(end - at, qcow2_block_counts(state) - at % qcow2_block_counts(state));
        uint64_t block_off = qcow2_block_find(state, at);
        if (block_off == 0)
            r = block_make(file, at);
        else if (block_off % state->cluster_bytes != 0)
            r = -FMT_EIO;
        else
            r = qcow2_counts_change(file, block_off, at, count, lower);
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
        r = qcow2_free_run(file, offset >> bits, count, taken);
        if (r == 0)
            r = counts_update(file, offset, *taken << bits, false);
    } while (r == -AGAIN);
    free_byte_check(file, offset >> bits, *taken);
    return r;
}

/* A new cluster for compressed data: behind what there is of the last one, if it is adjacent. */
static int bytes_cluster_find(const struct qcow2_file *file, uint64_t *offset, uint64_t *room)
{
    const struct qcow2_state *state = file->state;
    uint64_t off_max = (UINT64_C(1) << (62 - (state->header.cluster_bits - 8))) - 1, cluster_off;

    int r = clusters_find(file, 1, min_u64(off_max, QCOW2_CLUSTER_OFF_MAX), &cluster_off);
    if (r == 0 && cluster_off == 0)
        r = -FMT_EIO;
    if (*offset && round_up_u64(*offset, state->cluster_bytes) == cluster_off) {
        *room += state->cluster_bytes;
    } else {
        *offset = cluster_off;
        *room = state->cluster_bytes;
    }
    return r;
}

int qcow2_bytes_take(const struct qcow2_file *file, uint64_t bytes, uint64_t *offset)
{
    struct qcow2_state *state = file->state;
    struct qcow2_refcounts *refcounts = &state->refcounts;
    uint64_t room, count = 0;
    int r = 0;

    *offset = refcounts->free_byte;
    if (*offset)
        r = qcow2_count_get(file, *offset >> state->header.cluster_bits, &count);
    if (count == refcounts->count_max)
        *offset = 0;
    room = state->cluster_bytes - *offset % state->cluster_bytes;
    if (r == 0)
        r = -AGAIN;
    while (r == -AGAIN) {
        r = *offset == 0 || room < bytes ? bytes_cluster_find(file, offset, &room) : 0;
        if (r < 0)
            break;
        r = counts_update(file, *offset, bytes, false);
        if (r < 0)
            *offset = 0;
    }
    if (r < 0)
        return r;
    refcounts->free_byte = *offset + bytes;
    if (refcounts->free_byte % state->cluster_bytes == 0)
        refcounts->free_byte = 0;
    return 0;
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
        blocks = div_up_u64(clusters + table + blocks, qcow2_block_counts(state));
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
        r = qcow2_counts_change(file, table[i], at, stop - at, false);
        at = stop;
    }
    return r;
}

/* Have the header name the new table, which the file has by now. */
static int table_publish(const struct qcow2_file *file)
{
    struct qcow2_state *state = file->state;
    const struct qcow2_refcounts *refcounts = &state->refcounts;
    uint64_t clusters = refcounts->table_entries * QCOW2_ENTRY_BYTES / state->cluster_bytes;
    uint8_t fields[12];

    be64_store(fields, refcounts->table_off);
    be32_store(fields + 8, (uint32_t)clusters);
    int r = table_write(file);
    if (r == 0)
        r = fmt_cache_flush(&state->tables);
    if (r == 0)
        r = io_write(file->env, file->device, QCOW2_REFCOUNT_TABLE_OFF, fields, sizeof(fields));
    state->header.refcount_table_off = refcounts->table_off;
    state->header.refcount_table_clusters = (uint32_t)clusters;
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
    if (r == 0 && !refcounts->live)
        r = table_write(file); /* what the old one held stays in its clusters */
    if (r < 0)
        return r;
    uint64_t old_off = refcounts->table_off, old_bytes = refcounts->table_entries * 8;
    refcounts->table = table;
    refcounts->table_off = new_off;
    refcounts->table_zeroed = false;
    refcounts->table_entries = entries;
    refcounts->table_used = blocks;
    r = refcounts->live ? table_publish(file) : 0;
    return r < 0 ? r : qcow2_clusters_free(file, old_off, old_bytes);
}

int qcow2_order_set(const struct qcow2_file *file, enum qcow2_order order)
{
    struct qcow2_state *state = file->state;

    if (state->order == QCOW2_ORDER_NONE || state->order == order)
        return 0;
    int r = fmt_cache_flush(&state->tables);
    if (r == 0)
        state->order = order;
    return r;
}

int qcow2_refcounts_flush(const struct qcow2_file *file)
{
    int r = file->state->refcounts.live ? 0 : table_write(file);
    return r < 0 ? r : fmt_cache_flush(&file->state->tables);
}
