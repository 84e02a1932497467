/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: what is mended must not be written over other metadata. */
#include "qcow2-check.h"

struct range {
    uint64_t off, bytes;
};

static bool touches(const struct range *range, uint64_t off, uint64_t bytes)
{
    return range->off <= off ? off - range->off < range->bytes && bytes
                             : range->off - off < bytes && range->bytes;
}

/* Whether an L2 table of the disk lies there. */
static bool l2_touches(struct qcow2_checker *c, const struct range *range)
{
    const struct qcow2_header *h = &c->state->header;
    uint64_t entry;

    for (uint32_t i = 0; i < h->l1_entries; i++) {
        if (fmt_cache_be64(&c->state->tables, h->l1_off + (uint64_t)i * QCOW2_ENTRY_BYTES, &entry) <
            0)
            return true; /* nobody can tell */
        entry &= QCOW2_OFFSET_MASK;
        if (entry && touches(range, entry, c->state->cluster_bytes))
            return true;
    }
    return false;
}

static bool block_touches(const struct qcow2_checker *c, const struct range *range)
{
    const struct qcow2_refcounts *refcounts = &c->state->refcounts;

    for (uint64_t i = 0; i < refcounts->table_used; i++) {
        uint64_t off = refcounts->table[i] & QCOW2_REFTABLE_OFFSET_MASK;
        if (off && touches(range, off, c->state->cluster_bytes))
            return true;
    }
    return false;
}

static bool snapshot_touches(const struct qcow2_checker *c, const struct range *range)
{
    const struct qcow2_state *state = c->state;

    for (uint32_t i = 0; i < state->header.snapshot_count; i++) {
        if (touches(range, state->snapshot[i].l1_off,
                    (uint64_t)state->snapshot[i].l1_entries * QCOW2_ENTRY_BYTES))
            return true;
    }
    return false;
}

/* What the range overlaps with, as the reference calls it; NULL: nothing. */
static const char *overlap_find(struct qcow2_checker *c, const struct range *range, unsigned ignore)
{
    const struct qcow2_state *state = c->state;
    const struct qcow2_header *h = &state->header;

    if (range->off < state->cluster_bytes)
        return "qcow2_header";
    if (!(ignore & QCOW2_IGNORE_L1) &&
        touches(range, h->l1_off, (uint64_t)h->l1_entries * QCOW2_ENTRY_BYTES))
        return "active L1 table";
    if (touches(range, state->refcounts.table_off,
                state->refcounts.table_entries * QCOW2_ENTRY_BYTES))
        return "refcount table";
    if (touches(range, h->snapshots_off, state->snapshots_bytes))
        return "snapshot table";
    if (snapshot_touches(c, range))
        return "inactive L1 table";
    if (!(ignore & QCOW2_IGNORE_L2) && l2_touches(c, range))
        return "active L2 table";
    if (!(ignore & QCOW2_IGNORE_BLOCKS) && block_touches(c, range))
        return "refcount block";
    if (h->autoclear & QCOW2_BITMAPS_VALID &&
        touches(range, state->bitmap_directory_off, state->bitmap_directory_bytes))
        return "bitmap directory";
    return NULL;
}

int qcow2_write_check(struct qcow2_checker *c, uint64_t off, uint64_t bytes, unsigned ignore)
{
    uint64_t start = off - off % c->state->cluster_bytes;
    const struct range range = {start, round_up_u64(off - start + bytes, c->state->cluster_bytes)};

    if (c->writable_off == start && range.bytes == c->state->cluster_bytes &&
        c->writable_ignore == ignore)
        return 0; /* asked for again */
    const char *name = overlap_find(c, &range, ignore);
    if (name) {
        qcow2_corruption_mark(c, FMT_ERR_QCOW2_CHECK_OVERLAP, FMT_ARGS(FMT_TXT(name)));
        return -FMT_EIO;
    }
    c->writable_off = start;
    c->writable_ignore = ignore;
    return 0;
}
