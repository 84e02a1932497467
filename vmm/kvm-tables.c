/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Four-level page tables for the layout's sections; see kvm-tables.h. */
#include "kvm-tables.h"

#include <errno.h>

enum { LEVELS = 4, INDEX_BITS = 9, PAGE_BITS = 12, ENTRIES = 1 << INDEX_BITS };
enum { LEVEL_PAGE = 1, LEVEL_HUGE = 2 }; /* levels count from the pages up */

/* What is not a table of the lowest level: the root, the task page, the next level, and two below
 * it for 1 GiB that does not start at a multiple of 1 GiB. */
enum { UPPER_TABLES = 5, TABLES_FIXED = 2 };

struct builder {
    uint64_t *tables;
    uint64_t physical; /* of the first table */
    uint64_t room;     /* in tables */
    uint64_t used;
};

uint64_t kvm_tables_room(uint64_t memory_bytes)
{
    return (UPPER_TABLES + memory_bytes / ABI_HUGE_PAGE_BYTES) * ABI_PAGE_BYTES;
}

static uint64_t *table_at(const struct builder *b, uint64_t number)
{
    return b->tables + number * ENTRIES;
}

static uint64_t *entry_of(uint64_t *table, uint64_t virtual, int level)
{
    return &table[virtual >> (PAGE_BITS + (level - 1) * INDEX_BITS) & (ENTRIES - 1)];
}

/* The table that @entry points to; a new one if it points to none. NULL: no room. */
static uint64_t *table_below(struct builder *b, uint64_t *entry)
{
    if (*entry == 0) {
        if (b->used == b->room)
            return NULL;
        *entry = (b->physical + b->used * ABI_PAGE_BYTES) | KVM_TABLES_PRESENT | KVM_TABLES_WRITE |
                 KVM_TABLES_USER | KVM_TABLES_ACCESSED;
        b->used++;
    }
    return table_at(b, ((*entry & KVM_TABLES_ADDRESS) - b->physical) / ABI_PAGE_BYTES);
}

/* Bits of a page that may be used so. Accessed and dirty are set already: it saves the processor
 * from writing to the tables. */
static uint64_t leaf_bits(unsigned access)
{
    return KVM_TABLES_PRESENT | KVM_TABLES_USER | KVM_TABLES_ACCESSED |
           (access & LAYOUT_WRITE ? KVM_TABLES_WRITE | KVM_TABLES_DIRTY : 0) |
           (access & LAYOUT_EXEC ? 0 : KVM_TABLES_NO_EXECUTE);
}

/* Not for the user: ring 3 cannot touch it. */
static const uint64_t task_bits = KVM_TABLES_PRESENT | KVM_TABLES_ACCESSED | KVM_TABLES_NO_EXECUTE;

/* Map one page whose entry is of the given level. */
static int page_map(struct builder *b, uint64_t offset, int level, uint64_t bits)
{
    uint64_t virtual = ABI_GUEST_BASE + offset;
    uint64_t *table = table_at(b, 0);

    for (int at = LEVELS; at > level; at--) {
        table = table_below(b, entry_of(table, virtual, at));
        if (!table)
            return -ENOSPC;
    }
    *entry_of(table, virtual, level) = offset | bits;
    return 0;
}

static int section_map(struct builder *b, const struct layout_section *s)
{
    uint64_t bits = leaf_bits(s->access);
    uint64_t end = s->offset + s->bytes;

    for (uint64_t at = s->offset; at < end;) {
        bool huge = at % ABI_HUGE_PAGE_BYTES == 0 && end - at >= ABI_HUGE_PAGE_BYTES;
        int r = huge ? page_map(b, at, LEVEL_HUGE, bits | KVM_TABLES_HUGE)
                     : page_map(b, at, LEVEL_PAGE, bits);
        if (r < 0)
            return r;
        at += huge ? ABI_HUGE_PAGE_BYTES : ABI_PAGE_BYTES;
    }
    return 0;
}

int kvm_tables_build(const struct layout *layout, uint64_t *tables)
{
    struct builder b = {.tables = tables,
                        .physical = layout->tables_offset,
                        .room = layout->tables_bytes / ABI_PAGE_BYTES,
                        .used = TABLES_FIXED};

    if (b.room < b.used)
        return -ENOSPC;
    int r = page_map(&b, layout->tables_offset + KVM_TABLES_TASK_OFFSET, LEVEL_PAGE, task_bits);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < layout->sections; i++) {
        r = section_map(&b, &layout->section[i]);
        if (r < 0)
            return r;
    }
    return 0;
}
