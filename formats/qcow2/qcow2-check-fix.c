/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: the single changes that repairs are made of. All go through the cache of tables. */
#include "qcow2-check.h"
#include "qcow2-count.h"

void qcow2_corruption_mark(struct qcow2_checker *c, enum fmt_error_code code,
                           const struct fmt_error_arg *args, unsigned count)
{
    struct qcow2_state *state = c->state;

    if (state->corruption_told && state->header.incompatible & QCOW2_CORRUPT)
        return;
    c->result->finding(c->result->finding_ctx, code, args, count);
    state->corruption_told = true;
    state->unusable = true;
    state->header.incompatible |= QCOW2_CORRUPT;
    if (state->header.version >= 3)
        qcow2_entry_set(c, QCOW2_INCOMPATIBLE_OFF, state->header.incompatible);
}

int qcow2_refcount_set(struct qcow2_checker *c, uint64_t cluster, uint64_t count)
{
    const struct qcow2_refcounts *refcounts = &c->state->refcounts;
    uint64_t block_off =
        refcounts->table[cluster >> refcounts->block_bits] & QCOW2_REFTABLE_OFFSET_MASK;
    uint64_t at = cluster & ((UINT64_C(1) << refcounts->block_bits) - 1);
    unsigned bits = 1u << refcounts->order;
    size_t length = bits < 8 ? 1 : bits / 8;
    uint64_t offset = block_off + at * bits / 8;
    uint8_t bytes[8];

    int r = qcow2_write_check(c, block_off, c->state->cluster_bytes, QCOW2_IGNORE_BLOCKS);
    if (r == 0)
        r = fmt_cache_read(&c->state->tables, offset, bytes, length);
    if (r < 0)
        return r;
    count_set(bytes, refcounts->order, bits < 8 ? at % (8 / bits) : 0, count);
    return fmt_cache_write(&c->state->tables, offset, bytes, length);
}

int qcow2_entry_set(struct qcow2_checker *c, uint64_t entry_off, uint64_t entry)
{
    uint8_t bytes[QCOW2_ENTRY_BYTES];

    be64_store(bytes, entry);
    return fmt_cache_write(&c->state->tables, entry_off, bytes, sizeof(bytes));
}

int qcow2_marks_clear(struct qcow2_checker *c)
{
    struct qcow2_header *h = &c->state->header;
    uint64_t marks = h->incompatible & (QCOW2_DIRTY | QCOW2_CORRUPT);
    struct fmt_env *env = c->image->env;

    /* What is mended must be there before the marks are gone. */
    int r = fmt_cache_flush(&c->state->tables);
    if (r == 0)
        r = io_flush(env, c->image->device);
    if (r < 0 || marks == 0)
        return r;
    r = qcow2_entry_set(c, QCOW2_INCOMPATIBLE_OFF, h->incompatible & ~marks);
    if (r == 0)
        r = fmt_cache_flush(&c->state->tables);
    if (r == 0)
        r = io_flush(env, c->image->device);
    if (r == 0)
        h->incompatible &= ~marks;
    return r;
}
