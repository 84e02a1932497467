/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: refcounts made anew from the references that were counted. What is placed where follows
 * the reference: blocks in the first free cluster that they count themselves, or behind it.
 */
#include "qcow2-check.h"
#include "qcow2-count.h"

enum { TABLE_OFF = 48, TABLE_CLUSTERS_OFF = 56, TABLE_SPARE_ENTRIES = 1024 };

/* The new table in the making. */
struct rebuild {
    struct qcow2_checker *c;
    uint64_t *table;
    uint64_t room;    /* entries that fit */
    uint64_t entries; /* whole clusters of them */
};

/* Take @count adjacent clusters without references. *@first: where to look from; moves to the first
 * cluster that is free. */
static int clusters_take(struct qcow2_checker *c, uint64_t count, uint64_t *first,
                         uint64_t *cluster)
{
    uint64_t at = *first, run = 0;
    bool gap = false;
    int r = 0;

    for (; at < c->clusters && run < count; at++) {
        if (qcow2_references(c, at)) {
            run = 0;
            continue;
        }
        run++;
        if (!gap)
            *first = at;
        gap = true;
    }
    *cluster = at - run;
    if (run < count)
        r = qcow2_counts_grow(c, *cluster + count);
    for (uint64_t i = 0; r == 0 && i < count; i++)
        r = qcow2_reference_add(c, *cluster + i);
    return r;
}

static int block_write(struct qcow2_checker *c, uint64_t index, uint64_t block_off)
{
    const struct qcow2_refcounts *refcounts = &c->state->refcounts;
    uint64_t counts = UINT64_C(1) << refcounts->block_bits, start = index * counts;

    memset(c->buffer, 0, (size_t)c->state->cluster_bytes);
    for (uint64_t i = 0; i < counts && start + i < c->clusters; i++)
        count_set(c->buffer, refcounts->order, i, qcow2_references(c, start + i));
    int r = qcow2_write_check(c, block_off, c->state->cluster_bytes, 0);
    return r < 0 ? r
                 : io_write(c->image->env, c->image->device, block_off, c->buffer,
                            (size_t)c->state->cluster_bytes);
}

/* Give the block at @index a cluster. *@end moves behind it: it has to be counted, too. */
static int block_place(struct rebuild *b, uint64_t index, uint64_t *first, uint64_t *end)
{
    struct qcow2_checker *c = b->c;
    uint64_t per_cluster = c->state->cluster_bytes / QCOW2_ENTRY_BYTES, cluster;

    if (index >= b->room)
        return -FMT_EFBIG;
    if (*first < index << c->state->refcounts.block_bits)
        *first = index << c->state->refcounts.block_bits;
    int r = clusters_take(c, 1, first, &cluster);
    if (r < 0)
        return r;
    if (cluster >= *end)
        *end = cluster + 1;
    if (index >= b->entries)
        b->entries = round_up_u64(index + 1, per_cluster);
    b->table[index] = cluster << c->state->header.cluster_bits;
    return 0;
}

/* Write the blocks for all clusters of [first, end) that are referred to. */
static int blocks_write(struct rebuild *b, uint64_t from, uint64_t end)
{
    struct qcow2_checker *c = b->c;
    unsigned bits = c->state->refcounts.block_bits;
    uint64_t first = 0;
    int r = 0;

    for (uint64_t cluster = from; r == 0 && cluster < end; cluster++) {
        uint64_t index = cluster >> bits;
        if (qcow2_references(c, cluster) == 0)
            continue;
        if (index >= b->room || b->table[index] == 0)
            r = block_place(b, index, &first, &end);
        if (r == 0)
            r = block_write(c, index, b->table[index]);
        cluster = ((index + 1) << bits) - 1;
    }
    return r;
}

/* Write the table and let the header point to it. */
static int table_write(struct rebuild *b, uint64_t table_off)
{
    struct qcow2_checker *c = b->c;
    struct qcow2_refcounts *refcounts = &c->state->refcounts;
    uint64_t bytes = b->entries * QCOW2_ENTRY_BYTES;
    uint8_t pointer[TABLE_CLUSTERS_OFF + 4 - TABLE_OFF];

    int r = qcow2_write_check(c, table_off, bytes, 0);
    if (r < 0)
        return r;
    for (uint64_t i = 0; i < b->entries; i++)
        be64_store(&b->table[i], b->table[i]);
    r = io_write(c->image->env, c->image->device, table_off, b->table, (size_t)bytes);
    for (uint64_t i = 0; i < b->entries; i++)
        b->table[i] = be64_load(&b->table[i]);
    be64_store(pointer, table_off);
    be32_store(pointer + 8, (uint32_t)div_up_u64(bytes, c->state->cluster_bytes));
    if (r == 0)
        r = io_flush(c->image->env, c->image->device);
    if (r == 0)
        r = io_write(c->image->env, c->image->device, TABLE_OFF, pointer, sizeof(pointer));
    if (r == 0)
        r = io_flush(c->image->env, c->image->device);
    if (r < 0)
        return r;
    refcounts->table = b->table;
    refcounts->table_off = table_off;
    refcounts->table_entries = b->entries;
    refcounts->table_used = b->entries;
    refcounts->free_cluster = 0;
    return 0;
}

static int rebuild_run(struct rebuild *b)
{
    struct qcow2_checker *c = b->c;
    uint64_t entries, clusters, first, cluster = 0;

    int r = blocks_write(b, 0, c->clusters);
    do {
        first = 0;
        entries = b->entries;
        clusters = div_up_u64(entries * QCOW2_ENTRY_BYTES, c->state->cluster_bytes);
        if (r == 0)
            r = clusters_take(c, clusters, &first, &cluster);
        if (r == 0)
            r = blocks_write(b, cluster, cluster + clusters);
    } while (r == 0 && b->entries > entries);
    if (r < 0) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_REBUILD_BLOCK, FMT_NUM(-r));
        c->result->check_errors++;
        return r;
    }
    r = table_write(b, cluster << c->state->header.cluster_bits);
    if (r < 0)
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_REBUILD_TABLE, FMT_NUM(-r));
    return r;
}

int qcow2_refcounts_rebuild(struct qcow2_checker *c)
{
    uint64_t blocks = c->clusters >> c->state->refcounts.block_bits;
    struct rebuild b = {
        .c = c,
        .room = min_u64(QCOW2_REFCOUNT_TABLE_BYTES_MAX / QCOW2_ENTRY_BYTES,
                        round_up_u64(blocks * 2 + TABLE_SPARE_ENTRIES,
                                     c->state->cluster_bytes / QCOW2_ENTRY_BYTES)),
    };

    b.table = fmt_alloc(c->image->env, b.room * sizeof(*b.table));
    if (!b.table)
        return -FMT_ENOMEM;
    /* The new structures are written past the cache. */
    int r = fmt_cache_flush(&c->state->tables);
    if (r == 0)
        r = rebuild_run(&b);
    int flushed = fmt_cache_flush(&c->state->tables);
    fmt_cache_drop(&c->state->tables);
    return r < 0 ? r : flushed;
}
