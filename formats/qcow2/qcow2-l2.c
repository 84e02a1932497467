/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: L2 tables that are changed; see qcow2-write.h. */
#include "qcow2-counts.h"
#include "qcow2-write.h"

/* The reference's cache of L2 tables: disks that it covers are handled table by table, larger ones
 * in slices of tables. */
#define L2_CACHE_BYTES_MAX (UINT64_C(32) << 20)
#define REQUEST_BYTES_MAX UINT64_C(0x7ffffe00)

enum { SLICE_BYTES = 4096, PIECE_BYTES = 4096 };

/* Number of entries that the reference keeps together. */
static uint64_t slice_entries(const struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    uint64_t clusters = div_up_u64(image->facts.virtual_bytes, state->cluster_bytes);
    uint64_t bytes = round_up_u64(clusters * state->l2_entry_bytes, state->cluster_bytes);

    if (bytes <= L2_CACHE_BYTES_MAX)
        return UINT64_C(1) << state->l2_bits;
    return min_u64(state->cluster_bytes, SLICE_BYTES) / state->l2_entry_bytes;
}

uint64_t qcow2_l2_reach(const struct fmt_image *image, uint64_t offset, uint64_t bytes)
{
    const struct qcow2_state *state = image->state;
    uint64_t slice = state->writer->slice ? state->writer->slice : slice_entries(image);
    uint64_t index = qcow2_l2_index(state, offset) % slice;
    uint64_t clusters = div_up_u64(offset % state->cluster_bytes + bytes, state->cluster_bytes);

    state->writer->slice = slice;
    clusters = min_u64(clusters, slice - index);
    return min_u64(clusters, REQUEST_BYTES_MAX >> state->header.cluster_bits);
}

static int table_copy(const struct qcow2_file *file, uint64_t from, uint64_t to)
{
    struct fmt_cache *cache = &file->state->tables;
    uint64_t bytes = file->state->cluster_bytes;
    uint8_t piece[PIECE_BYTES];
    int r = 0;

    for (uint64_t at = 0; r == 0 && at < bytes; at += sizeof(piece)) {
        size_t n = (size_t)min_u64(sizeof(piece), bytes - at);
        r = fmt_cache_read(cache, from + at, piece, n);
        if (r == 0)
            r = fmt_cache_write(cache, to + at, piece, n);
    }
    return r;
}

/* Enter a table in the L1 table; of an image that somebody sees at once, behind all else. */
static int l1_set(struct fmt_image *image, uint64_t index, uint64_t value)
{
    struct qcow2_state *state = image->state;
    struct qcow2_writer *writer = state->writer;
    uint8_t entry[QCOW2_ENTRY_BYTES];
    int r = 0;

    be64_store(entry, value);
    if (!writer->unseen) {
        r = fmt_cache_flush(&state->tables);
        if (r == 0)
            r = io_write(image->env, image->device,
                         state->header.l1_off + index * QCOW2_ENTRY_BYTES, entry, sizeof(entry));
    } else if (writer->l1_changed_from == writer->l1_changed_to) {
        writer->l1_changed_from = (uint32_t)index;
        writer->l1_changed_to = (uint32_t)index + 1;
    } else {
        writer->l1_changed_from = (uint32_t)min_u64(writer->l1_changed_from, index);
        if (writer->l1_changed_to <= index)
            writer->l1_changed_to = (uint32_t)index + 1;
    }
    if (r == 0)
        state->l1[index] = value;
    return r;
}

int qcow2_l2_have(struct fmt_image *image, uint64_t offset, uint64_t *l2_off)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_file file = qcow2_file_of(image);
    uint64_t index = offset >> (state->header.cluster_bits + state->l2_bits);
    uint64_t old_off = state->l1[index] & QCOW2_OFFSET_MASK;

    *l2_off = old_off;
    if (old_off % state->cluster_bytes != 0)
        return -FMT_EIO;
    if (state->l1[index] & QCOW2_COPIED)
        return old_off ? 0 : -FMT_EIO;
    int r = qcow2_order_set(&file, QCOW2_ORDER_COUNTS_FIRST);
    if (r == 0)
        r = qcow2_clusters_take(&file, state->cluster_bytes, l2_off);
    if (r == 0 && *l2_off == 0)
        r = -FMT_EIO; /* the header's cluster is not counted: the image is corrupt */
    if (r == 0)
        r = old_off ? table_copy(&file, old_off, *l2_off)
                    : qcow2_zeroes_write(&file, *l2_off, state->cluster_bytes);
    if (r == 0)
        r = l1_set(image, index, *l2_off | QCOW2_COPIED);
    if (r == 0 && old_off)
        r = qcow2_order_set(&file, QCOW2_ORDER_COUNTS_LAST);
    return r < 0 || !old_off ? r : qcow2_clusters_free(&file, old_off, state->cluster_bytes);
}

int qcow2_l2_get(struct fmt_image *image, uint64_t l2_off, uint64_t index,
                 struct qcow2_entry *entry)
{
    struct qcow2_state *state = image->state;
    uint64_t at = l2_off + index * state->l2_entry_bytes;

    entry->bitmap = 0;
    int r = fmt_cache_be64(&state->tables, at, &entry->value);
    if (r == 0 && state->header.incompatible & QCOW2_EXTENDED_L2)
        r = fmt_cache_be64(&state->tables, at + 8, &entry->bitmap);
    return r;
}

int qcow2_l2_set(struct fmt_image *image, uint64_t l2_off, uint64_t index, uint64_t value,
                 uint64_t bitmap)
{
    struct qcow2_state *state = image->state;
    uint64_t at = l2_off + index * state->l2_entry_bytes;
    uint8_t bytes[16];

    be64_store(bytes, value);
    be64_store(bytes + 8, bitmap);
    if (state->order == QCOW2_ORDER_COUNTS_FIRST)
        return fmt_cache_write_late(&state->tables, at, bytes, state->l2_entry_bytes);
    return fmt_cache_write(&state->tables, at, bytes, state->l2_entry_bytes);
}

/* Tell the host of the clusters [from, end) that nobody uses any more: a hint, which may fail. */
static int unused_discard(struct fmt_image *image, uint64_t from, uint64_t end)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_file file = qcow2_file_of(image);
    unsigned bits = state->header.cluster_bits;

    while (from < end) {
        uint64_t count = 0, at = from;
        int r = 0;
        for (; r == 0 && at < end; at++) {
            r = qcow2_count_get(&file, at, &count);
            if (count)
                break;
        }
        if (r < 0)
            return r;
        if (at > from)
            io_discard(image->env, image->device, from << bits, (at - from) << bits);
        from = at + 1;
    }
    return 0;
}

/* Free clusters that [offset, offset + bytes) touches. */
static int run_free(struct fmt_image *image, uint64_t offset, uint64_t bytes, bool discard)
{
    const struct qcow2_state *state = image->state;
    const struct qcow2_file file = qcow2_file_of(image);
    unsigned bits = state->header.cluster_bits;

    if (bytes == 0)
        return 0;
    int r = qcow2_clusters_free(&file, offset, bytes);
    if (r == -FMT_EINVAL)
        return 0; /* wrong counts are for check to find */
    if (r < 0 || !discard)
        return r;
    return unused_discard(image, offset >> bits, ((offset + bytes - 1) >> bits) + 1);
}

/* What clusters in a data file give up: only the space. */
static int data_file_free(struct fmt_image *image, uint64_t value)
{
    const struct qcow2_state *state = image->state;

    if (!(value & QCOW2_OFFSET_MASK) && (value & QCOW2_ZERO || !(value & QCOW2_COPIED)))
        return 0;
    return io_discard(image->env, state->data_device, value & QCOW2_OFFSET_MASK,
                      state->cluster_bytes);
}

/* What was discarded does not read as zeroes where it is decrypted or decompressed: before that,
 * the entries in the file must not lead to it any more. */
static int entries_gone(struct fmt_image *image, const uint64_t *values, unsigned count)
{
    struct qcow2_state *state = image->state;
    bool matters = state->header.crypt_method;

    for (unsigned i = 0; i < count && !matters; i++)
        matters = values[i] & QCOW2_COMPRESSED;
    return matters && count ? fmt_cache_flush(&state->tables) : 0;
}

int qcow2_entries_free(struct fmt_image *image, const uint64_t *values, unsigned count,
                       bool discard)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_file file = qcow2_file_of(image);
    uint64_t run_off = 0, run_bytes = 0, coded_off;
    size_t coded_bytes;

    int r = count && !state->has_data_file ? qcow2_order_set(&file, QCOW2_ORDER_COUNTS_LAST) : 0;
    if (r == 0 && discard)
        r = entries_gone(image, values, count);
    for (unsigned i = 0; r == 0 && i < count; i++) {
        uint64_t off = values[i] & QCOW2_OFFSET_MASK;
        if (state->has_data_file) {
            r = discard ? data_file_free(image, values[i]) : 0;
            continue;
        }
        if (values[i] & QCOW2_COMPRESSED) {
            qcow2_coded_place(state, values[i], &coded_off, &coded_bytes);
            r = qcow2_pending_flush(image); /* not when the space is another's */
            if (r == 0)
                r = run_free(image, coded_off, coded_bytes, discard);
            continue;
        }
        if (off == 0 || off % state->cluster_bytes != 0)
            continue;
        if (run_bytes && off == run_off + run_bytes) {
            run_bytes += state->cluster_bytes;
            continue;
        }
        r = run_free(image, run_off, run_bytes, discard);
        run_off = off;
        run_bytes = state->cluster_bytes;
    }
    return r < 0 ? r : run_free(image, run_off, run_bytes, discard);
}

int qcow2_freed_add(struct fmt_image *image, uint64_t value)
{
    struct qcow2_writer *writer = ((struct qcow2_state *)image->state)->writer;
    int r = writer->freed_count == QCOW2_FREED_MAX ? qcow2_freed_flush(image) : 0;

    writer->freed[writer->freed_count++] = value;
    return r;
}

int qcow2_freed_flush(struct fmt_image *image)
{
    struct qcow2_writer *writer = ((struct qcow2_state *)image->state)->writer;
    unsigned count = writer->freed_count;

    writer->freed_count = 0;
    return count ? qcow2_entries_free(image, writer->freed, count, false) : 0;
}
