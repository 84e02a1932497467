/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: counting what L1 and L2 tables refer to, and what is wrong with their entries. */
#include "qcow2-check.h"

#define L1_RESERVED UINT64_C(0x7f000000000001ff)
#define L2_RESERVED UINT64_C(0x3f000000000001fe)
#define BITMAP_ALLOCATED UINT64_C(0xffffffff)

enum { CODED_SECTOR_BYTES = 512 };

/* An entry of an L2 table. */
struct entry {
    unsigned index;
    uint64_t off; /* of the entry, in the file */
    uint64_t value;
    uint64_t bitmap; /* of subclusters; 0 without */
};

/* What an L2 table adds to the statistics. */
struct placement {
    uint64_t allocated, fragmented, compressed;
    uint64_t next_off; /* behind the last data cluster; 0: none yet */
};

static void wrong(struct qcow2_checker *c, enum fmt_error_code code, uint64_t number)
{
    qcow2_finding(c, code, FMT_NUM(number));
    c->result->corruptions++;
}

static void coded_wrong(struct qcow2_checker *c, enum fmt_error_code code,
                        const struct entry *entry, uint64_t value)
{
    qcow2_finding(c, code, FMT_NUM(entry->index), FMT_NUM(value));
    c->result->corruptions++;
}

static int coded_check(struct qcow2_checker *c, const struct entry *entry,
                       struct placement *placement)
{
    unsigned bits = c->state->header.cluster_bits, shift = 62 - (bits - 8);
    uint64_t offset = entry->value & ((UINT64_C(1) << shift) - 1), value = entry->value;
    uint64_t sectors = (value >> shift & ((UINT64_C(1) << (bits - 8)) - 1)) + 1;

    if (value & QCOW2_COPIED) {
        wrong(c, FMT_ERR_QCOW2_CHECK_CODED_COPIED, offset);
        value &= ~QCOW2_COPIED;
    }
    if (c->state->has_data_file) {
        coded_wrong(c, FMT_ERR_QCOW2_CHECK_CODED_DATA_FILE, entry, value);
        return 0;
    }
    if (entry->bitmap) {
        coded_wrong(c, FMT_ERR_QCOW2_CHECK_CODED_BITMAP, entry, value);
        return 0;
    }
    placement->allocated++;
    placement->compressed++;
    placement->fragmented++; /* by nature: neighbours share sectors */
    return qcow2_range_count(c, offset, sectors * CODED_SECTOR_BYTES - offset % CODED_SECTOR_BYTES);
}

/* Let the cluster read as zeroes, without a place. Returns 1, or 0 where that cannot be written, or
 * a negative errno where it must not be. */
static int entry_zero(struct qcow2_checker *c, const struct entry *entry)
{
    bool extended = c->state->header.incompatible & QCOW2_EXTENDED_L2;
    uint64_t bitmap = (entry->bitmap | entry->bitmap << 32) & ~BITMAP_ALLOCATED;

    int r =
        qcow2_write_check(c, entry->off, c->state->l2_entry_bytes, c->active ? QCOW2_IGNORE_L2 : 0);
    if (r < 0) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_OVERLAP_ENTRY);
        c->result->check_errors++;
        return r;
    }
    r = qcow2_entry_set(c, entry->off, extended ? 0 : QCOW2_ZERO);
    if (r == 0 && extended)
        r = qcow2_entry_set(c, entry->off + QCOW2_ENTRY_BYTES, bitmap);
    if (r < 0) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_WRITE_ENTRY, FMT_NUM(-r));
        c->result->check_errors++;
        return 0;
    }
    c->result->corruptions--;
    c->result->corruptions_fixed++;
    return 1;
}

/* A place between clusters. Returns 1 where that is mended, and the cluster has none any more, 0,
 * or a negative errno. */
static int placed_wrong(struct qcow2_checker *c, const struct entry *entry, uint64_t offset)
{
    bool extended = c->state->header.incompatible & QCOW2_EXTENDED_L2;
    bool data = extended ? entry->bitmap & BITMAP_ALLOCATED : !(entry->value & QCOW2_ZERO);

    c->result->corruptions++;
    if (data) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_DATA_UNALIGNED, FMT_NUM(offset));
        return 0;
    }
    qcow2_finding(c, FMT_ERR_QCOW2_CHECK_ZERO_UNALIGNED, FMT_TXT(qcow2_verb(c, FMT_FIX_ERRORS)),
                  FMT_NUM(offset));
    return c->fix & FMT_FIX_ERRORS ? entry_zero(c, entry) : 0;
}

/* A cluster that has its place in the file. */
static int placed_check(struct qcow2_checker *c, const struct entry *entry,
                        struct placement *placement)
{
    uint64_t offset = entry->value & QCOW2_OFFSET_MASK, bytes = c->state->cluster_bytes;
    bool copied = entry->value & QCOW2_COPIED;

    if (entry->bitmap >> 32 & entry->bitmap)
        wrong(c, FMT_ERR_QCOW2_CHECK_BITMAP, offset);
    int r = offset % bytes != 0 ? placed_wrong(c, entry, offset) : 0;
    if (r != 0)
        return r < 0 ? r : 0;
    placement->allocated++;
    if (placement->next_off && placement->next_off != offset)
        placement->fragmented++;
    placement->next_off = offset + bytes;
    if (c->state->has_data_file) {
        c->copied_doubtful |= !copied;
        return 0;
    }
    r = qcow2_range_count(c, offset, bytes);
    if (r == 0 && c->active)
        qcow2_copied_note(c, offset, copied);
    return r;
}

/* Any entry but those that say nothing. */
static int entry_check(struct qcow2_checker *c, const struct entry *entry,
                       struct placement *placement)
{
    bool extended = c->state->header.incompatible & QCOW2_EXTENDED_L2;
    bool placed = entry->value & QCOW2_OFFSET_MASK;

    if (entry->value & QCOW2_COMPRESSED)
        return coded_check(c, entry, placement);
    if (entry->value & L2_RESERVED)
        wrong(c, FMT_ERR_QCOW2_CHECK_L2_RESERVED, entry->value);
    if (!extended && entry->value & QCOW2_ZERO)
        return placed ? placed_check(c, entry, placement) : 0;
    if (placed || (c->state->has_data_file && entry->value & QCOW2_COPIED))
        return placed_check(c, entry, placement);
    if (entry->bitmap & BITMAP_ALLOCATED) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_UNALLOCATED_BITMAP);
        c->result->corruptions++;
    }
    return 0;
}

/* A data cluster with nothing odd about it, by far the most: counted here. */
static inline bool plain_count(struct qcow2_checker *c, const struct entry *entry,
                               struct placement *placement)
{
    uint64_t offset = entry->value & QCOW2_OFFSET_MASK;
    unsigned flag = entry->value & QCOW2_COPIED ? QCOW2_COUNT_COPIED : QCOW2_COUNT_NOT_COPIED;

    if (entry->value & ~c->plain_mask || offset == 0 || offset >= c->file_bytes ||
        entry->bitmap >> 32 & entry->bitmap)
        return false;
    if (!qcow2_cluster_count(c, offset >> c->state->header.cluster_bits, c->active ? flag : 0))
        return false;
    placement->allocated++;
    placement->fragmented += placement->next_off && placement->next_off != offset;
    placement->next_off = offset + c->state->cluster_bytes;
    return true;
}

static int l2_check(struct qcow2_checker *c, uint64_t l2_off, const uint8_t *table)
{
    unsigned entries = 1u << c->state->l2_bits, step = c->state->l2_entry_bytes;
    struct placement placement = {0};
    int r = 0;

    if (c->entries_left < entries)
        return -FMT_EFBIG;
    c->entries_left -= entries;
    for (unsigned i = 0; r == 0 && i < entries; i++, table += step) {
        struct entry entry = {i, l2_off + (uint64_t)i * step, be64_load(table), 0};
        if (step > QCOW2_ENTRY_BYTES)
            entry.bitmap = be64_load(table + QCOW2_ENTRY_BYTES);
        if ((entry.value | entry.bitmap) != 0 && !plain_count(c, &entry, &placement))
            r = entry_check(c, &entry, &placement);
    }
    if (c->active) {
        c->result->allocated_clusters += placement.allocated;
        c->result->fragmented_clusters += placement.fragmented;
        c->result->compressed_clusters += placement.compressed;
    }
    return r;
}

static int l1_entry_check(struct qcow2_checker *c, uint32_t index, uint64_t l1_entry,
                          const struct qcow2_table *table)
{
    uint64_t l2_off = table->offset;

    (void)index;
    if (l1_entry & L1_RESERVED)
        wrong(c, FMT_ERR_QCOW2_CHECK_L1_RESERVED, l1_entry);
    int r = qcow2_range_count(c, l2_off, c->state->cluster_bytes);
    if (r < 0)
        return r;
    if (c->active && l2_off)
        qcow2_copied_note(c, l2_off, l1_entry & QCOW2_COPIED);
    if (l2_off % c->state->cluster_bytes != 0)
        wrong(c, FMT_ERR_QCOW2_CHECK_L2_UNALIGNED, l2_off);
    if (table->status < 0) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_READ_L2);
        c->result->check_errors++;
        return table->status;
    }
    return table->bytes ? l2_check(c, l2_off, table->bytes) : 0;
}

int qcow2_l1_check(struct qcow2_checker *c, uint64_t l1_off, uint32_t entries, bool active)
{
    int r = qcow2_range_count(c, l1_off, (uint64_t)entries * QCOW2_ENTRY_BYTES);

    c->active = active;
    return r < 0 ? r : qcow2_l1_walk(c, l1_off, entries, l1_entry_check);
}
