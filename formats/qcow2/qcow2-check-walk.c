/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: reading tables of whole clusters, many at once, for check. */
#include "qcow2-check.h"

/* Entries of an L1 table that are read at once. */
enum { L1_PIECE_ENTRIES = 4096 };

unsigned qcow2_tables_max(const struct qcow2_checker *c)
{
    return (unsigned)min_u64(QCOW2_CHECK_READS, QCOW2_CHECK_BUFFER_BYTES / c->state->cluster_bytes);
}

/* Whether the table's bytes have to be read; if not, they are known. */
static bool table_wanted(const struct qcow2_checker *c, struct qcow2_table *table)
{
    table->bytes = NULL;
    table->status = 0;
    if (table->none)
        return false;
    if (!io_range_ok(table->offset, c->state->cluster_bytes))
        table->status = -FMT_EIO;
    return table->status == 0 && table->offset < c->file_bytes;
}

void qcow2_tables_read(struct qcow2_checker *c, struct qcow2_table *tables, unsigned count)
{
    size_t bytes = (size_t)c->state->cluster_bytes, used = 0;
    uint8_t read_of[QCOW2_CHECK_READS];
    unsigned reads = 0;
    int r = c->fix ? fmt_cache_flush(&c->state->tables) : 0; /* what was mended is read, too */

    for (unsigned i = 0; i < count; i++) {
        struct fmt_read *last = reads ? &c->read[reads - 1] : NULL;
        if (!table_wanted(c, &tables[i]))
            continue;
        tables[i].bytes = c->buffer + used;
        if (last && last->offset + last->length == tables[i].offset)
            last->length += bytes;
        else
            c->read[reads++] = (struct fmt_read){
                .offset = tables[i].offset, .buffer = c->buffer + used, .length = bytes};
        read_of[i] = (uint8_t)(reads - 1);
        used += bytes;
    }
    io_read_many(c->image->env, c->image->device, c->read, reads);
    for (unsigned i = 0; i < count; i++) {
        if (tables[i].bytes)
            tables[i].status = r < 0 ? r : c->read[read_of[i]].status;
    }
}

/* A piece of an L1 table. */
struct piece {
    uint32_t first; /* number of its first entry */
    uint32_t entries;
    uint8_t bytes[L1_PIECE_ENTRIES * QCOW2_ENTRY_BYTES];
};

static int piece_read(struct qcow2_checker *c, uint64_t l1_off, uint32_t entries,
                      struct piece *piece)
{
    piece->entries = (uint32_t)min_u64(L1_PIECE_ENTRIES, entries - piece->first);
    int r = io_range_ok(l1_off, (uint64_t)entries * QCOW2_ENTRY_BYTES) ? 0 : -FMT_EIO;
    if (r == 0)
        r = io_read(c->image->env, c->image->device,
                    l1_off + (uint64_t)piece->first * QCOW2_ENTRY_BYTES, piece->bytes,
                    piece->entries * (size_t)QCOW2_ENTRY_BYTES);
    if (r < 0) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_READ_L1);
        c->result->check_errors++;
    }
    return r;
}

static uint64_t piece_entry(const struct piece *piece, uint32_t index)
{
    return be64_load(piece->bytes + index * (size_t)QCOW2_ENTRY_BYTES);
}

/* Read the tables of the piece's next entries, from *@index on, which moves behind them, and visit
 * them. */
static int tables_visit(struct qcow2_checker *c, const struct piece *piece, uint32_t *index,
                        qcow2_l1_visit *visit)
{
    struct qcow2_table table[QCOW2_CHECK_READS];
    uint32_t entry_of[QCOW2_CHECK_READS];
    unsigned max = qcow2_tables_max(c), count = 0;
    int r = 0;

    for (; *index < piece->entries && count < max; ++*index) {
        uint64_t entry = piece_entry(piece, *index);
        if (entry == 0)
            continue;
        table[count] = (struct qcow2_table){.offset = entry & QCOW2_OFFSET_MASK};
        entry_of[count++] = *index;
    }
    qcow2_tables_read(c, table, count);
    for (unsigned i = 0; r == 0 && i < count; i++)
        r = visit(c, piece->first + entry_of[i], piece_entry(piece, entry_of[i]), &table[i]);
    return r;
}

int qcow2_l1_walk(struct qcow2_checker *c, uint64_t l1_off, uint32_t entries, qcow2_l1_visit *visit)
{
    struct piece piece = {.first = 0};
    int r = 0;

    while (r == 0 && piece.first < entries) {
        r = piece_read(c, l1_off, entries, &piece);
        for (uint32_t i = 0; r == 0 && i < piece.entries;)
            r = tables_visit(c, &piece, &i, visit);
        piece.first += piece.entries;
    }
    return r;
}
