/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: persistent bitmaps of an image that is changed. From the first change on they say that
 * they are in use; in the end those that are enabled have a bit set for all that was written.
 */
#include "qcow2-bitmap.h"
#include "qcow2-write.h"

enum { FLAGS_OFF = 12, DIRTY_BITS_MAX = 1 << 27, UNIT_BITS_MIN = 9 };

/* The flags of one directory entry. */
static int flags_write(struct fmt_image *image, const struct qcow2_bitmap *bitmap, uint32_t flags)
{
    uint8_t bytes[4];

    be32_store(bytes, flags);
    return io_write(image->env, image->device, bitmap->entry_off + FLAGS_OFF, bytes, sizeof(bytes));
}

static bool recording(const struct qcow2_bitmap *bitmap)
{
    return bitmap->flags & QCOW2_BITMAP_AUTO && !(bitmap->flags & QCOW2_BITMAP_IN_USE);
}

int qcow2_bitmaps_begin(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct qcow2_writer *writer = state->writer;
    unsigned unit_bits = 64;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < state->bitmap_count; i++) {
        const struct qcow2_bitmap *bitmap = &state->bitmap[i];
        if (recording(bitmap) && bitmap->granularity_bits < unit_bits)
            unit_bits = bitmap->granularity_bits;
        if (!(bitmap->flags & QCOW2_BITMAP_IN_USE))
            r = flags_write(image, bitmap, bitmap->flags | QCOW2_BITMAP_IN_USE);
    }
    if (r < 0 || unit_bits == 64)
        return r;
    /* Coarser than asked for where memory ends: a bit too many does no harm. */
    while (image->facts.virtual_bytes >> unit_bits >= DIRTY_BITS_MAX)
        unit_bits++;
    writer->dirty_units = (image->facts.virtual_bytes >> unit_bits) + 1;
    writer->dirty_unit_bits = unit_bits;
    writer->dirty = fmt_alloc(image->env, writer->dirty_units / 8 + 1);
    return writer->dirty ? 0 : -FMT_ENOMEM;
}

void qcow2_bitmaps_dirty(struct fmt_image *image, uint64_t offset, uint64_t length)
{
    struct qcow2_writer *writer = ((struct qcow2_state *)image->state)->writer;

    if (!writer->dirty || length == 0)
        return;
    for (uint64_t at = offset >> writer->dirty_unit_bits;
         at <= (offset + length - 1) >> writer->dirty_unit_bits && at < writer->dirty_units; at++)
        writer->dirty[at / 8] |= (uint8_t)(1u << at % 8);
}

/* Where the bits from number @bit on lie: their cluster, made if there is none; 0: they are set. */
static int cluster_have(struct fmt_image *image, const struct qcow2_bitmap *bitmap, uint64_t bit,
                        uint64_t *cluster_off)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_file file = qcow2_file_of(image);
    uint64_t entry_off = bitmap->table_off + bit / 8 / state->cluster_bytes * QCOW2_ENTRY_BYTES;
    uint8_t bytes[QCOW2_ENTRY_BYTES];
    uint64_t entry;

    int r = fmt_cache_be64(&state->tables, entry_off, &entry);
    *cluster_off = entry & QCOW2_BITMAP_OFFSET_MASK;
    if (r < 0 || *cluster_off || entry & QCOW2_BITMAP_ALL_ONES)
        return r;
    r = qcow2_order_set(&file, QCOW2_ORDER_COUNTS_FIRST);
    if (r == 0)
        r = qcow2_clusters_take(&file, state->cluster_bytes, cluster_off);
    if (r == 0)
        r = qcow2_zeroes_write(&file, *cluster_off, state->cluster_bytes);
    be64_store(bytes, *cluster_off);
    return r < 0 ? r : fmt_cache_write_late(&state->tables, entry_off, bytes, sizeof(bytes));
}

/* Set the bits [from, to). */
static int bits_set(struct fmt_image *image, const struct qcow2_bitmap *bitmap, uint64_t from,
                    uint64_t to)
{
    struct qcow2_state *state = image->state;
    uint64_t cluster_bits = state->cluster_bytes * 8;

    while (from < to) {
        uint64_t end = min_u64(to, (from / cluster_bits + 1) * cluster_bits), off;
        int r = cluster_have(image, bitmap, from, &off);
        for (; r == 0 && off && from < end; from++) {
            uint64_t at = off + from % cluster_bits / 8;
            uint8_t byte;
            r = fmt_cache_read(&state->tables, at, &byte, 1);
            byte |= (uint8_t)(1u << from % 8);
            if (r == 0)
                r = fmt_cache_write(&state->tables, at, &byte, 1);
        }
        if (r < 0)
            return r;
        from = end;
    }
    return 0;
}

/* All that was written, in one bitmap. */
static int bitmap_update(struct fmt_image *image, const struct qcow2_bitmap *bitmap)
{
    const struct qcow2_writer *writer = ((struct qcow2_state *)image->state)->writer;
    unsigned unit_bits = writer->dirty_unit_bits, granularity = bitmap->granularity_bits;
    uint64_t size = image->facts.virtual_bytes;
    int r = 0;

    for (uint64_t at = 0; r == 0 && at < writer->dirty_units; at++) {
        uint64_t from = at << unit_bits;
        if (!(writer->dirty[at / 8] >> at % 8 & 1) || from >= size)
            continue;
        uint64_t to = min_u64(from + (UINT64_C(1) << unit_bits), size);
        r = bits_set(image, bitmap, from >> granularity, ((to - 1) >> granularity) + 1);
    }
    return r;
}

int qcow2_bitmaps_update(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    int r = 0;

    for (uint32_t i = 0; r == 0 && state->writer->dirty && i < state->bitmap_count; i++) {
        /* Those that have come since are of the image as it is now. */
        if (recording(&state->bitmap[i]) && state->bitmap[i].entry_off)
            r = bitmap_update(image, &state->bitmap[i]);
    }
    return r;
}

/* A directory that the header does not name any more. */
static int directory_free(struct fmt_image *image)
{
    struct qcow2_writer *writer = ((struct qcow2_state *)image->state)->writer;
    const struct qcow2_file file = qcow2_file_of(image);

    if (writer->directory_old_off == 0)
        return 0;
    int r = qcow2_clusters_free(&file, writer->directory_old_off, writer->directory_old_bytes);
    writer->directory_old_off = 0;
    return r < 0 ? r : qcow2_refcounts_flush(&file);
}

int qcow2_bitmaps_end(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < state->bitmap_count; i++) {
        const struct qcow2_bitmap *bitmap = &state->bitmap[i];
        if (!(bitmap->flags & QCOW2_BITMAP_IN_USE) && bitmap->entry_off)
            r = flags_write(image, bitmap, bitmap->flags);
    }
    return r < 0 ? r : directory_free(image);
}
