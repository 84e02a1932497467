/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: L2 tables of images that are only read, those that will be needed next read with them. */
#include "qcow2-map.h"

enum {
    AHEAD_BYTES = 512 << 10,
    AHEAD_ENTRIES = 1024, /* of the L1 table, at most */
    AHEAD_TABLES = 128,   /* at most */
};

struct qcow2_ahead {
    uint8_t *bytes;
    uint64_t l1_off; /* of the table that is known */
    uint64_t first;  /* L1 entries [first, end) are known */
    uint64_t end;
    uint8_t table[AHEAD_ENTRIES]; /* number of the entry's table, behind one another; 0: none */
    struct fmt_read read[AHEAD_TABLES];
};

/* Memory that there is no need for: without it, tables are read through the cache. */
static struct qcow2_ahead *ahead_make(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct fmt_arena *arena = image->env->arena;

    if (state->ahead_tried || state->cluster_bytes > AHEAD_BYTES ||
        fmt_arena_room(arena) < arena->size_bytes / 2)
        return state->ahead;
    state->ahead_tried = true;
    struct qcow2_ahead *ahead = fmt_arena_alloc(arena, sizeof(*ahead));
    uint8_t *bytes = ahead ? fmt_arena_buffer(arena, AHEAD_BYTES, 4096) : NULL;
    if (!bytes)
        return NULL;
    ahead->bytes = bytes;
    state->ahead = ahead;
    return ahead;
}

/* Read the tables of the L1 entries from @l1_index on, at most @most of them. What cannot be read
 * is left to the cache. */
static void ahead_fill(struct fmt_image *image, struct qcow2_ahead *ahead, uint64_t l1_index,
                       unsigned most)
{
    struct qcow2_state *state = image->state;
    uint64_t l1_end = min_u64(state->header.l1_entries, l1_index + AHEAD_ENTRIES), entry;
    size_t bytes = (size_t)state->cluster_bytes;
    unsigned count = 0;

    ahead->l1_off = state->header.l1_off; /* another one for a snapshot */
    ahead->first = l1_index;
    for (ahead->end = l1_index; ahead->end < l1_end && count < most; ahead->end++) {
        uint64_t at = state->header.l1_off + ahead->end * QCOW2_ENTRY_BYTES;
        if (fmt_cache_be64(&state->tables, at, &entry) < 0)
            entry = 0;
        entry &= QCOW2_OFFSET_MASK;
        ahead->table[ahead->end - l1_index] = 0;
        if (entry == 0 || entry % bytes != 0)
            continue;
        ahead->read[count] = (struct fmt_read){
            .offset = entry, .buffer = ahead->bytes + count * bytes, .length = bytes};
        ahead->table[ahead->end - l1_index] = (uint8_t)++count;
    }
    io_read_many(image->env, image->device, ahead->read, count);
}

const uint8_t *qcow2_ahead_table(struct fmt_image *image, uint64_t l1_index)
{
    const struct qcow2_state *state = image->state;

    if (image->flags & FMT_OPEN_WRITABLE || state->l1 || l1_index >= state->header.l1_entries)
        return NULL;
    struct qcow2_ahead *ahead = ahead_make(image);
    if (!ahead)
        return NULL;
    if (l1_index < ahead->first || l1_index >= ahead->end ||
        ahead->l1_off != state->header.l1_off) {
        /* Who went on from one table to the next will do so again. */
        bool goes_on = ahead->end > 0 && l1_index == ahead->end;
        unsigned most = (unsigned)min_u64(AHEAD_TABLES - 1, AHEAD_BYTES / state->cluster_bytes);
        ahead_fill(image, ahead, l1_index, goes_on ? most : 1);
    }
    unsigned number = ahead->table[l1_index - ahead->first];
    if (number == 0 || ahead->read[number - 1].status < 0)
        return NULL;
    return ahead->bytes + (number - 1) * (size_t)state->cluster_bytes;
}
