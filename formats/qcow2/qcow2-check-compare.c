/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: the refcounts that the image holds against the references that were counted. */
#include "qcow2-check.h"
#include "qcow2-count.h"

#define TABLE_RESERVED UINT64_C(0x1ff)

static void block_wrong(struct qcow2_checker *c, enum fmt_error_code code, uint64_t index)
{
    qcow2_finding(c, code, FMT_NUM(index));
    c->result->corruptions++;
}

/* Make the file so long that the block lies in it. */
static int block_include(struct qcow2_checker *c, uint64_t offset)
{
    uint64_t end = offset + c->state->cluster_bytes;

    int r = -FMT_EINVAL;
    if (offset <= INT64_MAX - c->state->cluster_bytes) {
        r = end >> c->state->header.cluster_bits > QCOW2_CHECK_CLUSTERS_MAX
                ? -FMT_EFBIG
                : io_truncate(c->image->env, c->image->device, end, FMT_PREALLOC_OFF);
        if (r < 0)
            qcow2_finding(c, FMT_ERR_QCOW2_CHECK_RESIZE_FILE, FMT_NUM(-r));
    }
    if (r < 0) {
        c->rebuild = true;
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_RESIZE, FMT_NUM(-r));
        return 0;
    }
    c->file_bytes = end;
    r = qcow2_counts_grow(c, end >> c->state->header.cluster_bits);
    if (r < 0) {
        c->result->check_errors++;
        return r;
    }
    c->result->corruptions--;
    c->result->corruptions_fixed++;
    return qcow2_range_count(c, offset, c->state->cluster_bytes);
}

static int block_check(struct qcow2_checker *c, uint64_t index, uint64_t entry)
{
    uint64_t offset = entry & QCOW2_REFTABLE_OFFSET_MASK;
    uint64_t cluster = offset >> c->state->header.cluster_bits;

    if (entry & TABLE_RESERVED || offset % c->state->cluster_bytes != 0) {
        block_wrong(c,
                    entry & TABLE_RESERVED ? FMT_ERR_QCOW2_CHECK_TABLE_RESERVED
                                           : FMT_ERR_QCOW2_CHECK_BLOCK_UNALIGNED,
                    index);
        c->rebuild = true;
        return 0;
    }
    if (cluster >= c->clusters) {
        c->result->corruptions++;
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_BLOCK_OUTSIDE, FMT_TXT(qcow2_verb(c, FMT_FIX_ERRORS)),
                      FMT_NUM(index));
        return c->fix & FMT_FIX_ERRORS ? block_include(c, offset) : 0;
    }
    int r = qcow2_range_count(c, offset, c->state->cluster_bytes);
    if (r == 0 && qcow2_references(c, cluster) != 1) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_BLOCK_COUNT, FMT_NUM(index),
                      FMT_NUM(qcow2_references(c, cluster)));
        c->result->corruptions++;
        c->rebuild = true;
    }
    return r;
}

int qcow2_blocks_check(struct qcow2_checker *c)
{
    const struct qcow2_refcounts *refcounts = &c->state->refcounts;
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < refcounts->table_entries; i++) {
        if (refcounts->table[i])
            r = block_check(c, i, refcounts->table[i]);
    }
    return r;
}

void qcow2_block_unaligned(struct qcow2_checker *c, uint64_t index, uint64_t offset)
{
    if (c->fix) {
        qcow2_corruption_mark(c, FMT_ERR_QCOW2_CHECK_BAD_BLOCK_FATAL,
                              FMT_ARGS(FMT_NUM(offset), FMT_NUM(index)));
        return;
    }
    if (!c->state->corruption_told)
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_BAD_BLOCK, FMT_NUM(offset), FMT_NUM(index));
    c->state->corruption_told = true;
}

/* Give the space of freed clusters back to the file system; a hint. */
static void freed_discard(struct qcow2_checker *c)
{
    struct fmt_env *env = c->image->env;

    if (c->freed_bytes)
        env->io->discard(env->io_ctx, c->image->device, c->freed_off, c->freed_bytes);
    c->freed_bytes = 0;
}

static void freed_add(struct qcow2_checker *c, uint64_t cluster)
{
    uint64_t offset = cluster << c->state->header.cluster_bits;

    if (c->freed_off + c->freed_bytes != offset) {
        freed_discard(c);
        c->freed_off = offset;
    }
    c->freed_bytes += c->state->cluster_bytes;
}

static void mismatch(struct qcow2_checker *c, uint64_t cluster, uint64_t count, uint64_t references)
{
    bool leak = count > references;
    bool mend = count != 0 && c->fixing & (leak ? FMT_FIX_LEAKS : FMT_FIX_ERRORS);
    const char *verb = leak ? "Leaked" : "ERROR";

    c->rebuild |= count == 0;
    qcow2_finding(c, FMT_ERR_QCOW2_CHECK_COUNT, FMT_TXT(mend ? "Repairing" : verb),
                  FMT_NUM(cluster), FMT_NUM(count), FMT_NUM(references));
    if (mend && qcow2_refcount_set(c, cluster, references) == 0) {
        if (references == 0)
            freed_add(c, cluster);
        *(leak ? &c->result->leaks_fixed : &c->result->corruptions_fixed) += 1;
        return;
    }
    *(leak ? &c->result->leaks : &c->result->corruptions) += 1;
}

/* Whether an active entry's COPIED flag says something else than the count. */
static inline bool copied_wrong(uint64_t count, unsigned flags)
{
    return flags & (count == 1 ? QCOW2_COUNT_NOT_COPIED : QCOW2_COUNT_COPIED);
}

/* A cluster's count against its references, with their flags. */
static inline void cluster_compare(struct qcow2_checker *c, uint64_t cluster, uint64_t count,
                                   uint64_t references, unsigned flags)
{
    if (count | references)
        c->highest = cluster;
    if (count != references)
        mismatch(c, cluster, count, references);
    c->copied_doubtful |= copied_wrong(count, flags);
}

/* Counts of 16 bits, by far the most usual. */
static void narrow_compare(struct qcow2_checker *c, uint64_t first, uint64_t clusters,
                           const uint8_t *counts, const uint16_t *page)
{
    uint64_t last = UINT64_MAX;
    bool doubtful = false;

    for (uint64_t i = 0; i < clusters; i++) {
        unsigned count = be16_load(counts + i * 2), references = page[i] & QCOW2_COUNT_MASK;
        if (count | references)
            last = i;
        if (count != references)
            mismatch(c, first + i, count, references);
        doubtful |= copied_wrong(count, page[i]);
    }
    if (last != UINT64_MAX)
        c->highest = first + last;
    c->copied_doubtful |= doubtful;
}

static bool all_zero(const uint8_t *bytes, uint64_t length)
{
    for (; length >= 8; bytes += 8, length -= 8) {
        if (be64_load(bytes))
            return false;
    }
    for (; length > 0; bytes++, length--) {
        if (*bytes)
            return false;
    }
    return true;
}

/* Clusters [first, end) of one block and one page. @block: its bytes, NULL: all counts are 0. */
static void range_compare(struct qcow2_checker *c, uint64_t first, uint64_t end,
                          const uint8_t *block, uint64_t index)
{
    unsigned order = c->state->refcounts.order;
    uint64_t number = first >> QCOW2_COUNT_PAGE_BITS, at = first % QCOW2_COUNT_PAGE;
    const uint16_t *page = c->counts.page[number];
    const uint64_t *wide = c->counts.wide[number];
    uint64_t n = end - first, bit = index << order;

    if (!page && !wide && (!block || all_zero(block + bit / 8, ((n << order) + 7) / 8)))
        return;
    if (page && block && order == QCOW2_REFCOUNT_ORDER_DEFAULT) {
        narrow_compare(c, first, n, block + bit / 8, page + at);
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t count = block ? count_get(block, order, index + i) : 0;
        uint64_t references = qcow2_references(c, first + i);
        unsigned flags = 0;
        if (page)
            flags = page[at + i] & ~QCOW2_COUNT_MASK;
        else if (wide)
            flags = (unsigned)(wide[at + i] >> QCOW2_WIDE_SHIFT) & ~QCOW2_COUNT_MASK;
        cluster_compare(c, first + i, count, references, flags);
    }
}

static void block_compare(struct qcow2_checker *c, uint64_t index, const struct qcow2_table *block)
{
    unsigned bits = c->state->refcounts.block_bits;
    uint64_t start = index << bits, end = min_u64(c->clusters, (index + 1) << bits), stop;

    if (block->status < 0) {
        if (block->offset % c->state->cluster_bytes != 0)
            qcow2_block_unaligned(c, index, block->offset);
        for (uint64_t cluster = start; cluster < end; cluster++) {
            qcow2_finding(c, FMT_ERR_QCOW2_CHECK_NO_COUNT, FMT_NUM(cluster),
                          FMT_NUM(-block->status));
            c->result->check_errors++;
        }
        c->copied_doubtful = true;
        return;
    }
    for (uint64_t at = start; at < end; at = stop) {
        stop = min_u64(end, (at / QCOW2_COUNT_PAGE + 1) * QCOW2_COUNT_PAGE);
        range_compare(c, at, stop, block->bytes, at - start);
    }
}

void qcow2_counts_compare(struct qcow2_checker *c, unsigned fix)
{
    const struct qcow2_refcounts *refcounts = &c->state->refcounts;
    uint64_t blocks = div_up_u64(c->clusters, UINT64_C(1) << refcounts->block_bits);
    struct qcow2_table block[QCOW2_CHECK_READS];
    unsigned max = qcow2_tables_max(c);

    c->fixing = fix;
    c->highest = 0;
    for (uint64_t first = 0; first < blocks; first += max) {
        unsigned count = (unsigned)min_u64(max, blocks - first);
        for (unsigned i = 0; i < count; i++) {
            uint64_t offset = first + i < refcounts->table_entries
                                  ? refcounts->table[first + i] & QCOW2_REFTABLE_OFFSET_MASK
                                  : 0;
            bool aligned = offset % c->state->cluster_bytes == 0;
            block[i] = (struct qcow2_table){.offset = offset, .none = offset == 0 || !aligned};
        }
        qcow2_tables_read(c, block, count);
        for (unsigned i = 0; i < count; i++) {
            if (block[i].offset % c->state->cluster_bytes != 0)
                block[i].status = -FMT_EIO;
            block_compare(c, first + i, &block[i]);
        }
    }
    freed_discard(c);
}
