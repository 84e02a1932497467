/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: the bitmaps of one image, stored in another, beside those that it has. */
#include "qcow2-bitmap.h"
#include "qcow2-write.h"

enum {
    ENTRY_BYTES = 24,
    ENTRY_ALIGN_BYTES = 8,
    TYPE_DIRTY_TRACKING = 1,
    WORD_BITS = 64,
    PHYSICAL_BYTES_MAX = 0x20000000,
};

/* What is being copied. */
struct copying {
    struct fmt_image *target, *source;
    uint8_t *cluster; /* bits for a cluster of the target */
};

int qcow2_bitmaps_check(struct fmt_image *image, bool skip_broken)
{
    const struct qcow2_state *state = image->state;

    /* The last one is the first that the reference looks at. */
    for (uint32_t i = state->bitmap_count; i > 0; i--) {
        const struct qcow2_bitmap *bitmap = &state->bitmap[i - 1];
        if (!(bitmap->flags & QCOW2_BITMAP_IN_USE) || skip_broken)
            continue;
        fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAP_INCONSISTENT, FMT_STR(bitmap->name));
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAP_INCONSISTENT_HINT);
    }
    return 0;
}

/* Bytes [at, at + length) of the source's bits. */
static int bits_read(const struct copying *c, const struct qcow2_bitmap *bitmap, uint64_t at,
                     uint8_t *to, size_t length)
{
    struct qcow2_state *state = c->source->state;

    while (length > 0) {
        uint64_t index = at / state->cluster_bytes, in_cluster = at % state->cluster_bytes, entry;
        size_t n = (size_t)min_u64(length, state->cluster_bytes - in_cluster);
        int r = 0;
        memset(to, 0, n);
        if (index < bitmap->table_entries) {
            r = fmt_cache_be64(&state->tables, bitmap->table_off + index * QCOW2_ENTRY_BYTES,
                               &entry);
            uint64_t off = entry & QCOW2_BITMAP_OFFSET_MASK;
            if (r == 0 && off)
                r = io_read(c->source->env, c->source->device, off + in_cluster, to, n);
            else if (r == 0 && entry & QCOW2_BITMAP_ALL_ONES)
                memset(to, 0xff, n);
        }
        if (r < 0)
            return r;
        at += n;
        to += n;
        length -= n;
    }
    return 0;
}

/* Bits behind the disk's end do not count. Returns whether any is left in the cluster. */
static bool bits_trim(uint8_t *bytes, size_t length, uint64_t first, uint64_t count)
{
    bool any = false;

    for (size_t i = 0; i < length; i++) {
        uint64_t bit = first + i * 8;
        if (bit >= count)
            bytes[i] = 0;
        else if (count - bit < 8)
            bytes[i] &= (uint8_t)((1u << (count - bit)) - 1);
        any = any || bytes[i];
    }
    return any;
}

/* Store one bitmap: clusters with bits that are set, then their table. */
static int bitmap_store(const struct copying *c, const struct qcow2_bitmap *from,
                        struct qcow2_bitmap *to)
{
    struct qcow2_state *state = c->target->state;
    const struct qcow2_file file = qcow2_file_of(c->target);
    uint64_t bits =
        div_up_u64(c->target->facts.virtual_bytes, UINT64_C(1) << from->granularity_bits);
    uint64_t bytes = div_up_u64(bits, WORD_BITS) * (WORD_BITS / 8);
    uint64_t entries = div_up_u64(bytes, state->cluster_bytes), off;

    if (entries * state->cluster_bytes > PHYSICAL_BYTES_MAX)
        return -FMT_EFBIG;
    uint8_t *table = fmt_alloc(c->target->env, entries * QCOW2_ENTRY_BYTES + 1);
    int r = table ? 0 : -FMT_ENOMEM;
    for (uint64_t i = 0; r == 0 && i < entries; i++) {
        r = bits_read(c, from, i * state->cluster_bytes, c->cluster, state->cluster_bytes);
        if (r < 0 ||
            !bits_trim(c->cluster, state->cluster_bytes, i * state->cluster_bytes * 8, bits))
            continue;
        r = qcow2_clusters_take(&file, state->cluster_bytes, &off);
        if (r == 0)
            r = io_write(c->target->env, c->target->device, off, c->cluster,
                         (size_t)state->cluster_bytes);
        be64_store(table + i * QCOW2_ENTRY_BYTES, off);
    }
    *to = *from;
    to->entry_off = 0;
    to->table_entries = (uint32_t)entries;
    to->flags = from->flags & QCOW2_BITMAP_AUTO;
    if (r == 0)
        r = qcow2_clusters_take(&file, entries * QCOW2_ENTRY_BYTES, &to->table_off);
    return r < 0 ? r
                 : io_write(c->target->env, c->target->device, to->table_off, table,
                            (size_t)(entries * QCOW2_ENTRY_BYTES));
}

static uint64_t entry_bytes(const struct qcow2_bitmap *bitmap)
{
    return round_up_u64(ENTRY_BYTES + bitmap->name.length, ENTRY_ALIGN_BYTES);
}

/* One entry of the directory. Bitmaps that were there before are in use until all is written. */
static void entry_store(uint8_t *to, const struct qcow2_bitmap *bitmap)
{
    be64_store(to, bitmap->table_off);
    be32_store(to + 8, bitmap->table_entries);
    be32_store(to + 12, bitmap->flags | (bitmap->entry_off ? QCOW2_BITMAP_IN_USE : 0));
    to[16] = TYPE_DIRTY_TRACKING;
    to[17] = bitmap->granularity_bits;
    be16_store(to + 18, (uint16_t)bitmap->name.length);
    memcpy(to + ENTRY_BYTES, bitmap->name.data, bitmap->name.length);
}

/* The directory, in the place of the one that is there, if any; finish() writes the header that
 * names it. */
static int directory_store(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_file file = qcow2_file_of(image);
    uint64_t bytes = 0, off, at = 0;

    for (uint32_t i = 0; i < state->bitmap_count; i++)
        bytes += entry_bytes(&state->bitmap[i]);
    if (bytes > QCOW2_BITMAP_DIRECTORY_BYTES_MAX)
        return -FMT_EFBIG;
    uint8_t *directory = fmt_alloc(image->env, bytes);
    if (!directory)
        return -FMT_ENOMEM;
    int r = qcow2_clusters_take(&file, bytes, &off);
    for (uint32_t i = 0; r == 0 && i < state->bitmap_count; i++) {
        struct qcow2_bitmap *bitmap = &state->bitmap[i];
        entry_store(directory + at, bitmap);
        if (bitmap->entry_off)
            bitmap->entry_off = off + at;
        at += entry_bytes(bitmap);
    }
    if (r == 0)
        r = io_write(image->env, image->device, off, directory, (size_t)bytes);
    if (r < 0)
        return r;
    state->writer->directory_old_off = state->bitmap_directory_off;
    state->writer->directory_old_bytes = state->bitmap_directory_bytes;
    state->bitmap_directory_off = off;
    state->bitmap_directory_bytes = bytes;
    state->header.autoclear |= QCOW2_BITMAPS_VALID;
    state->writer->header_changed = true;
    return 0;
}

static bool name_is_taken(const struct qcow2_state *state, struct fmt_bytes name)
{
    for (uint32_t i = 0; i < state->bitmap_count; i++) {
        struct fmt_bytes other = state->bitmap[i].name;
        if (other.length == name.length && memcmp(other.data, name.data, name.length) == 0)
            return true;
    }
    return false;
}

/* Why the bitmap cannot be had: 0, or a negative errno, recorded. */
static int bitmap_check(const struct copying *c, const struct qcow2_bitmap *bitmap)
{
    struct fmt_env *env = c->target->env;
    uint64_t bytes = c->target->facts.virtual_bytes, source_bytes = c->source->facts.virtual_bytes;

    if (name_is_taken(c->target->state, bitmap->name)) {
        fmt_fail(env, FMT_EINVAL, FMT_ERR_BITMAP_EXISTS, FMT_STR(bitmap->name));
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAP_FAILED, FMT_TXT("create"),
                        FMT_STR(bitmap->name));
    }
    if (bytes == source_bytes)
        return 0;
    fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAP_SIZES, FMT_NUM(bytes), FMT_NUM(source_bytes));
    return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAP_FAILED, FMT_TXT("populate"),
                    FMT_STR(bitmap->name));
}

/*
 * Which bitmaps can be had: those from *first on. The reference takes the last one first, and keeps
 * what it has when it meets one that cannot be. Returns 0, or a negative errno, recorded.
 */
static int bitmaps_choose(const struct copying *c, bool skip_broken, uint32_t *first)
{
    const struct qcow2_state *from = c->source->state;

    for (uint32_t i = from->bitmap_count; i > 0; i--) {
        const struct qcow2_bitmap *bitmap = &from->bitmap[i - 1];
        bool broken = bitmap->flags & QCOW2_BITMAP_IN_USE;
        if (skip_broken && broken)
            fmt_message(c->target->env, FMT_MESSAGE_WARNING, FMT_ERR_QCOW2_BITMAP_SKIPPED,
                        FMT_STR(bitmap->name));
        int r = broken ? 0 : bitmap_check(c, bitmap);
        *first = i;
        if (r < 0)
            return r;
    }
    *first = 0;
    return 0;
}

/* Add the source's bitmaps from @first on to the target's. */
static int bitmaps_add(const struct copying *c, uint32_t first)
{
    const struct qcow2_state *from = c->source->state;
    struct qcow2_state *to = c->target->state;
    uint32_t count = to->bitmap_count, old_count = count;
    int r = 0;

    if (from->bitmap_count - first > QCOW2_BITMAPS_MAX - count)
        return -FMT_EFBIG;
    struct qcow2_bitmap *bitmaps =
        fmt_alloc(c->target->env, (count + from->bitmap_count - first) * sizeof(*bitmaps) + 1);
    if (!bitmaps)
        return -FMT_ENOMEM;
    if (count > 0)
        memcpy(bitmaps, to->bitmap, count * sizeof(*bitmaps));
    for (uint32_t i = first; r == 0 && i < from->bitmap_count; i++) {
        if (!(from->bitmap[i].flags & QCOW2_BITMAP_IN_USE))
            r = bitmap_store(c, &from->bitmap[i], &bitmaps[count++]);
    }
    if (r < 0 || count == old_count)
        return r;
    to->bitmap = bitmaps;
    to->bitmap_count = count;
    return directory_store(c->target);
}

int qcow2_bitmaps_copy(struct fmt_image *target, struct fmt_image *source, bool skip_broken)
{
    const struct qcow2_state *from = source->state;
    struct qcow2_state *to = target->state;
    struct copying c = {target, source, NULL};
    uint32_t first;

    if (from->bitmap_count == 0)
        return 0;
    int r = qcow2_write_begin(target);
    if (r < 0)
        return r;
    c.cluster = fmt_alloc(target->env, to->cluster_bytes);
    if (!c.cluster)
        return -FMT_ENOMEM;
    int chosen = bitmaps_choose(&c, skip_broken, &first);
    r = bitmaps_add(&c, first);
    return r < 0 ? r : chosen;
}
