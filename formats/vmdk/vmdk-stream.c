/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: the end of a new stream. "Virtual Disk Format 5.0", section "Stream-Optimized Compressed
 * Sparse Extents".
 *
 * Behind the grains come the grain tables and the directory, each behind a marker, the footer and
 * the end's marker; the header says that the directory is to be looked for there. What create()
 * made before the grains is not looked at any more.
 */
#include "vmdk.h"

enum {
    TABLE_BYTES = VMDK_L2_ENTRIES_MAX * 4,
    PIECE_BYTES = 64 << 10,
    MARKER_OFF_SIZE = 8,
    MARKER_OFF_TYPE = 12,
    CHANGED_OFF = VMDK_OFF_FLAGS, /* of the header, up to the end of the directory's place */
    CHANGED_BYTES = VMDK_OFF_GRAINS - VMDK_OFF_FLAGS,
};

enum marker { END_OF_STREAM, GRAIN_TABLE, GRAIN_DIRECTORY, FOOTER };

struct stream {
    struct fmt_image *image;
    const struct vmdk_extent *extent;
    uint64_t at; /* in the file: behind what is in the piece */
    uint8_t *piece;
    size_t used;
};

static int stream_flush(struct stream *s)
{
    size_t used = s->used;

    s->used = 0;
    return used == 0 ? 0 : io_write(s->image->env, s->extent->device, s->at - used, s->piece, used);
}

/* Room for some sectors of zeroes, at most a piece; NULL: writing failed. */
static uint8_t *stream_room(struct stream *s, size_t bytes, int *status)
{
    *status = PIECE_BYTES - s->used < bytes ? stream_flush(s) : 0;
    if (*status < 0)
        return NULL;
    uint8_t *room = s->piece + s->used;
    memset(room, 0, bytes);
    s->used += bytes;
    s->at += bytes;
    return room;
}

static int marker_put(struct stream *s, enum marker type, uint64_t bytes)
{
    int r;
    uint8_t *to = stream_room(s, FMT_SECTOR_BYTES, &r);

    if (!to)
        return r;
    le64_store(to, div_up_u64(bytes, FMT_SECTOR_BYTES));
    le32_store(to + MARKER_OFF_SIZE, 0);
    le32_store(to + MARKER_OFF_TYPE, type);
    return 0;
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

/* One table, with its marker, if it has any entries; its sector, or 0. */
static int table_put(struct stream *s, uint32_t index, uint32_t *sector)
{
    struct vmdk_state *state = s->image->state;
    uint8_t table[TABLE_BYTES];
    uint32_t from;
    int r = fmt_cache_le32(&state->cache, s->extent->l1_off + index * UINT64_C(4), &from);

    *sector = 0;
    if (r == 0 && from)
        r = fmt_cache_read(&state->cache, from * UINT64_C(512), table, sizeof(table));
    if (r < 0 || !from || is_zero(table, sizeof(table)))
        return r;
    r = marker_put(s, GRAIN_TABLE, sizeof(table));
    if (r == 0 && s->at / FMT_SECTOR_BYTES > UINT32_MAX) /* the directory cannot name it */
        r = -FMT_EINVAL;
    if (r < 0)
        return r;
    *sector = (uint32_t)(s->at / FMT_SECTOR_BYTES);
    uint8_t *to = stream_room(s, sizeof(table), &r);
    if (to)
        memcpy(to, table, sizeof(table));
    return r;
}

/* All tables, and the directory behind them, whose sector is @sector. */
static int directory_put(struct stream *s, uint64_t *sector)
{
    uint32_t entries = s->extent->l1_entries, table;
    uint64_t bytes = round_up_u64(entries * UINT64_C(4), FMT_SECTOR_BYTES);
    uint8_t *directory = fmt_alloc(s->image->env, bytes), *to;
    int r = directory ? 0 : -FMT_ENOMEM;

    for (uint32_t i = 0; r == 0 && i < entries; i++) {
        r = table_put(s, i, &table);
        if (r == 0)
            le32_store(directory + i * sizeof(table), table);
    }
    if (r == 0)
        r = marker_put(s, GRAIN_DIRECTORY, bytes);
    *sector = s->at / FMT_SECTOR_BYTES;
    for (uint64_t at = 0; r == 0 && at < bytes; at += FMT_SECTOR_BYTES) {
        to = stream_room(s, FMT_SECTOR_BYTES, &r);
        if (to)
            memcpy(to, directory + at, FMT_SECTOR_BYTES);
    }
    return r;
}

/* The header as it is to be, for a directory at @sector. */
static void header_change(uint8_t *header, uint64_t sector)
{
    uint32_t flags = le32_load(header + VMDK_OFF_FLAGS);

    le32_store(header + VMDK_OFF_FLAGS, flags & ~VMDK_FLAG_BACKUP_DIRECTORY);
    le64_store(header + VMDK_OFF_BACKUP_DIRECTORY, 0);
    le64_store(header + VMDK_OFF_DIRECTORY, sector);
}

static int footer_put(struct stream *s, const struct fmt_veil *veil, uint8_t *header,
                      uint64_t sector)
{
    int r = marker_put(s, FOOTER, FMT_SECTOR_BYTES);
    uint8_t *to = r < 0 ? NULL : stream_room(s, FMT_SECTOR_BYTES, &r);

    if (!to)
        return r;
    memcpy(to, header, FMT_SECTOR_BYTES);
    memcpy(to + veil->offset, veil->kept, veil->bytes);
    header_change(to, sector);
    return marker_put(s, END_OF_STREAM, 0);
}

int vmdk_stream_end(struct fmt_image *image, struct vmdk_extent *extent)
{
    struct vmdk_state *state = image->state;
    const struct fmt_veil *veil = &state->veil;
    uint8_t header[FMT_SECTOR_BYTES];
    struct fmt_device facts;
    uint64_t sector;

    /* Only where the header is not seen yet, and the end of the file is the end of the stream. */
    if (!state->embedded || !extent->has_markers || extent->coded_end_off == 0 ||
        veil->bytes == 0 || extent->l2_entries != VMDK_L2_ENTRIES_MAX)
        return 0;
    int r = io_facts(image->env, extent->device, &facts);
    if (r < 0 || facts.block_device)
        return r;
    struct stream s = {.image = image,
                       .extent = extent,
                       .at = round_up_u64(extent->append.end_off, FMT_SECTOR_BYTES),
                       .piece = fmt_alloc(image->env, PIECE_BYTES)};
    if (!s.piece)
        return -FMT_ENOMEM;
    r = vmdk_cache_select(state, extent->device);
    if (r == 0)
        r = directory_put(&s, &sector);
    if (r == 0)
        r = io_read(image->env, extent->device, 0, header, sizeof(header));
    if (r == 0)
        r = footer_put(&s, veil, header, sector);
    if (r == 0)
        r = stream_flush(&s);
    if (r < 0)
        return r;
    extent->append.end_off = s.at;
    extent->coded_end_off = 0;
    header_change(header, UINT64_MAX);
    return io_write(image->env, extent->device, CHANGED_OFF, header + CHANGED_OFF, CHANGED_BYTES);
}
