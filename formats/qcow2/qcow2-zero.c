/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: making parts of the disk read as zeroes, where possible by tables alone. */
#include "common/append.h"
#include "qcow2-bitmap.h"
#include "qcow2-write.h"

/* All subclusters read as zeroes. */
#define ALL_ZEROES UINT64_C(0xffffffff00000000)
/* The reference writes zeroes that no table can express in pieces of this size. */
#define WRITE_BYTES_MAX (UINT64_C(16) << 20)

enum { BATCH = 256 };

struct zeroing {
    struct fmt_image *image;
    bool may_unmap;
};

static bool extended(const struct qcow2_state *state)
{
    return state->header.incompatible & QCOW2_EXTENDED_L2;
}

/* Whether the cluster has a place of its own, compressed ones too. */
static bool occupied(const struct qcow2_state *state, const struct qcow2_entry *entry)
{
    return entry->value & (QCOW2_OFFSET_MASK | QCOW2_COMPRESSED) ||
           (state->has_data_file && entry->value & QCOW2_COPIED &&
            (extended(state) || !(entry->value & QCOW2_ZERO)));
}

/* What an entry becomes: of version 2 there are no zero clusters, only none. */
static struct qcow2_entry entry_zeroed(const struct zeroing *z, const struct qcow2_entry *old)
{
    const struct qcow2_state *state = z->image->state;
    bool v2 = state->header.version < 3;
    bool drop = old->value & QCOW2_COMPRESSED || ((z->may_unmap || v2) && occupied(state, old));
    struct qcow2_entry entry = *old;

    if (drop)
        entry.value = 0;
    if (extended(state))
        entry.bitmap = ALL_ZEROES;
    else if (!v2)
        entry.value |= QCOW2_ZERO;
    return entry;
}

/* Whole clusters at @offset, as many of @clusters as are looked at at once: *@done. */
static int slice_zero(const struct zeroing *z, uint64_t offset, uint64_t clusters, uint64_t *done)
{
    struct fmt_image *image = z->image;
    const struct qcow2_state *state = image->state;
    uint64_t index = qcow2_l2_index(state, offset), l2_off, old_values[BATCH];
    const struct qcow2_file file = qcow2_file_of(image);
    unsigned olds = 0;

    *done = qcow2_l2_reach(image, offset, clusters * state->cluster_bytes);
    int r = qcow2_l2_have(image, offset, &l2_off);
    for (uint64_t i = 0; r == 0 && i < *done; i++) {
        struct qcow2_entry old;
        r = qcow2_l2_get(image, l2_off, index + i, &old);
        if (r < 0)
            break;
        struct qcow2_entry entry = entry_zeroed(z, &old);
        if (entry.value == old.value && entry.bitmap == old.bitmap)
            continue;
        bool freed = occupied(state, &old) && !(entry.value & QCOW2_OFFSET_MASK);
        if (freed && olds == BATCH) {
            r = qcow2_entries_free(image, old_values, olds, true);
            olds = 0;
        }
        /* Entries go before counts; where one is set first, the other waits for the next batch. */
        if (r == 0 && freed)
            r = qcow2_order_set(&file, QCOW2_ORDER_COUNTS_LAST);
        if (r == 0)
            r = qcow2_l2_set(image, l2_off, index + i, entry.value, entry.bitmap);
        if (freed)
            old_values[olds++] = old.value;
    }
    return r < 0 ? r : qcow2_entries_free(image, old_values, olds, true);
}

/* Subclusters within one cluster. -FMT_ENOTSUP where the cluster is compressed. */
static int subclusters_zero(const struct zeroing *z, uint64_t offset, uint64_t length)
{
    struct fmt_image *image = z->image;
    const struct qcow2_state *state = image->state;
    uint64_t sub_bytes = qcow2_subcluster_bytes(state), index = qcow2_l2_index(state, offset);
    uint64_t first = offset % state->cluster_bytes / sub_bytes, l2_off;
    uint64_t bits = ((UINT64_C(1) << div_up_u64(length, sub_bytes)) - 1) << first;
    struct qcow2_entry entry;

    int r = qcow2_l2_have(image, offset, &l2_off);
    if (r == 0)
        r = qcow2_l2_get(image, l2_off, index, &entry);
    if (r < 0)
        return r;
    if (entry.value & QCOW2_COMPRESSED)
        return -FMT_ENOTSUP;
    return qcow2_l2_set(image, l2_off, index, entry.value, (entry.bitmap | bits << 32) & ~bits);
}

/* Whole subclusters, up to the disk's end. -FMT_ENOTSUP where data must be written instead; some
 * may be zeroes by then. */
static int tables_zero(const struct zeroing *z, uint64_t offset, uint64_t length)
{
    struct fmt_image *image = z->image;
    const struct qcow2_state *state = image->state;
    uint64_t cluster_bytes = state->cluster_bytes, end = offset + length, done;
    int r = 0;

    if (state->header.autoclear & QCOW2_DATA_FILE_RAW)
        r = io_zero(image->env, state->data_device, offset, length, z->may_unmap);
    if (r == 0 && state->header.version < 3 && image->facts.backing_present)
        r = -FMT_ENOTSUP;
    uint64_t head = min_u64(end, round_up_u64(offset, cluster_bytes)) - offset;
    if (r == 0 && head)
        r = subclusters_zero(z, offset, head);
    offset += head;
    uint64_t tail = end < image->facts.virtual_bytes ? end % cluster_bytes : 0;
    if (head && end - offset == 0)
        tail = 0;
    uint64_t clusters = div_up_u64(end - tail - offset, cluster_bytes);
    for (; r == 0 && clusters > 0; clusters -= done) {
        r = slice_zero(z, offset, clusters, &done);
        offset += done * cluster_bytes;
    }
    return r == 0 && tail ? subclusters_zero(z, offset, tail) : r;
}

/* Zeroes as data. */
static int data_zero(const struct zeroing *z, uint64_t offset, uint64_t length)
{
    int r = 0;

    for (uint64_t n; r == 0 && length > 0; offset += n, length -= n) {
        n = min_u64(length, WRITE_BYTES_MAX);
        r = qcow2_zeroes_place(z->image, offset, n);
    }
    return r;
}

/* A part of a subcluster: by tables if the rest of it reads as zeroes, too. */
static int part_zero(const struct zeroing *z, uint64_t offset, uint64_t length)
{
    struct fmt_image *image = z->image;
    uint64_t sub_bytes = qcow2_subcluster_bytes(image->state), size = image->facts.virtual_bytes;
    uint64_t start = offset - offset % sub_bytes, end = min_u64(start + sub_bytes, size);
    struct qcow2_entry entry;

    int zero = qcow2_chain_zero(image, start, offset - start, true);
    if (zero > 0)
        zero = qcow2_chain_zero(image, offset + length, end - (offset + length), true);
    int r = zero < 0 ? zero : qcow2_entry_find(image, start, &entry);
    if (r < 0)
        return r;
    if (zero && entry.type != QCOW2_TYPE_NORMAL && entry.type != QCOW2_TYPE_COMPRESSED)
        r = tables_zero(z, start, end - start);
    else
        r = -FMT_ENOTSUP;
    return r == -FMT_ENOTSUP ? data_zero(z, offset, length) : r;
}

int qcow2_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length, bool may_unmap)
{
    const struct zeroing z = {image, may_unmap};
    uint64_t sub_bytes = qcow2_subcluster_bytes(image->state);
    int r = qcow2_write_begin(image);

    if (r == 0)
        r = qcow2_freed_flush(image);
    if (r == 0)
        qcow2_bitmaps_dirty(image, offset, length);
    while (r == 0 && length > 0) {
        uint64_t in_sub = offset % sub_bytes, n = length - length % sub_bytes;
        /* The disk's last subcluster may be cut; the reference handles it by itself. */
        if (n == 0 && offset + length == image->facts.virtual_bytes)
            n = length;
        if (in_sub || n == 0) {
            n = min_u64(length, sub_bytes - in_sub);
            r = part_zero(&z, offset, n);
        } else {
            r = tables_zero(&z, offset, n);
            if (r == -FMT_ENOTSUP)
                r = data_zero(&z, offset, n);
        }
        offset += n;
        length -= n;
    }
    return r;
}
