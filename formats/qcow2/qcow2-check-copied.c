/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: COPIED says that a cluster's refcount is 1; which flags say something else? */
#include "qcow2-check.h"
#include "qcow2-count.h"

/* The refcount of the cluster at @offset, as the image has it. */
static int refcount_get(struct qcow2_checker *c, uint64_t offset, uint64_t *count)
{
    const struct qcow2_refcounts *refcounts = &c->state->refcounts;
    uint64_t cluster = offset >> c->state->header.cluster_bits;
    uint64_t index = cluster >> refcounts->block_bits;
    uint64_t at = cluster & ((UINT64_C(1) << refcounts->block_bits) - 1);
    uint64_t block_off =
        index < refcounts->table_entries ? refcounts->table[index] & QCOW2_REFTABLE_OFFSET_MASK : 0;
    unsigned bits = 1u << refcounts->order;
    uint8_t bytes[8];

    *count = 0;
    if (block_off == 0)
        return 0;
    if (block_off % c->state->cluster_bytes != 0) {
        qcow2_block_unaligned(c, index, block_off);
        return -FMT_EIO;
    }
    if (!io_range_ok(block_off, c->state->cluster_bytes))
        return -FMT_EIO;
    int r = fmt_cache_read(&c->state->tables, block_off + at * bits / 8, bytes,
                           bits < 8 ? 1 : bits / 8);
    if (r == 0)
        *count = count_get(bytes, refcounts->order, bits < 8 ? at % (8 / bits) : 0);
    return r;
}

/* Whether the entry stands for a cluster that has its place in a file. */
static bool is_placed(const struct qcow2_state *state, uint64_t entry)
{
    bool extended = state->header.incompatible & QCOW2_EXTENDED_L2;

    if (entry & QCOW2_COMPRESSED)
        return false;
    if (entry & QCOW2_OFFSET_MASK)
        return true;
    return !(!extended && entry & QCOW2_ZERO) && state->has_data_file && entry & QCOW2_COPIED;
}

/* An entry, and what is written with it: its L2 table as a whole, or the entry alone. */
struct place {
    uint64_t entry_off;
    uint64_t off, bytes;
    unsigned ignore;
};

/* Make the flag of the entry what the count says. */
static int copied_set(struct qcow2_checker *c, const struct place *place, uint64_t entry,
                      uint64_t count)
{
    int r = qcow2_write_check(c, place->off, place->bytes, place->ignore);
    if (r < 0 && place->ignore & QCOW2_IGNORE_L2)
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_OVERLAP_L2, FMT_NUM(-r));
    if (r == 0) {
        r = qcow2_entry_set(c, place->entry_off,
                            count == 1 ? entry | QCOW2_COPIED : entry & ~QCOW2_COPIED);
        if (r < 0)
            qcow2_finding(c, FMT_ERR_QCOW2_CHECK_WRITE_L2, FMT_NUM(-r));
    }
    if (r < 0) {
        c->result->check_errors++;
        return r;
    }
    c->result->corruptions--;
    c->result->corruptions_fixed++;
    return 0;
}

static int l2_check(struct qcow2_checker *c, uint64_t l2_off, const uint8_t *table)
{
    unsigned entries = 1u << c->state->l2_bits, step = c->state->l2_entry_bytes;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < entries; i++) {
        uint64_t at = (uint64_t)i * step, entry = be64_load(table + at), count = 1;
        if (!is_placed(c->state, entry))
            continue;
        if (!c->state->has_data_file && refcount_get(c, entry & QCOW2_OFFSET_MASK, &count) < 0)
            continue; /* told already, when the refcounts were compared */
        if ((count == 1) == ((entry & QCOW2_COPIED) != 0))
            continue;
        c->result->corruptions++;
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_L2_COPIED, FMT_TXT(c->fixing ? "Repairing" : "ERROR"),
                      FMT_NUM(entry), FMT_NUM(count));
        const struct place place = {l2_off + at, l2_off, c->state->cluster_bytes, QCOW2_IGNORE_L2};
        if (c->fixing)
            r = copied_set(c, &place, entry, count);
    }
    return r;
}

static int l1_entry_check(struct qcow2_checker *c, uint32_t index, uint64_t l1_entry,
                          const struct qcow2_table *table)
{
    uint64_t count;
    int r = 0;

    if (table->offset == 0 || refcount_get(c, table->offset, &count) < 0)
        return 0;
    if ((count == 1) != ((l1_entry & QCOW2_COPIED) != 0)) {
        c->result->corruptions++;
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_L1_COPIED, FMT_TXT(c->fixing ? "Repairing" : "ERROR"),
                      FMT_NUM(index), FMT_NUM(l1_entry), FMT_NUM(count));
        uint64_t off = c->state->header.l1_off + (uint64_t)index * QCOW2_ENTRY_BYTES;
        const struct place place = {off, off, QCOW2_ENTRY_BYTES, QCOW2_IGNORE_L1};
        if (c->fixing)
            r = copied_set(c, &place, l1_entry, count);
    }
    if (r == 0 && table->status < 0) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_READ_L2_AGAIN, FMT_NUM(-table->status));
        c->result->check_errors++;
        r = table->status;
    }
    return r == 0 && table->bytes ? l2_check(c, table->offset, table->bytes) : r;
}

int qcow2_copied_check(struct qcow2_checker *c)
{
    const struct qcow2_header *h = &c->state->header;
    const struct fmt_check *result = c->result;
    /* After leaks, flags are mended only where all refcounts are right. */
    bool whole = !result->check_errors && !result->corruptions && !result->leaks;

    c->fixing = c->fix & FMT_FIX_ERRORS || whole ? c->fix : 0;
    return qcow2_l1_walk(c, h->l1_off, h->l1_entries, l1_entry_check);
}
