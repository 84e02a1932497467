/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: the directory of persistent bitmaps. */
#include "qcow2-bitmap.h"

enum {
    ENTRY_BYTES = 24,
    ENTRY_ALIGN_BYTES = 8,
    TYPE_DIRTY_TRACKING = 1,
    NAME_BYTES_MAX = 1023,
    GRANULARITY_BITS_MIN = 9,
    GRANULARITY_BITS_MAX = 31,
    TABLE_ENTRIES_MAX = 0x8000000,
    PHYSICAL_BYTES_MAX = 0x20000000,
    WORD_BITS = 64,
};

#define TABLE_ENTRY_RESERVED UINT64_C(0xff000000000001fe)

struct entry {
    struct qcow2_bitmap bitmap;
    uint8_t type;
    uint16_t name_bytes;
    uint32_t extra_bytes;
};

static void entry_parse(const uint8_t *bytes, struct entry *entry)
{
    *entry = (struct entry){
        .bitmap = {.table_off = be64_load(bytes),
                   .table_entries = be32_load(bytes + 8),
                   .flags = be32_load(bytes + 12),
                   .granularity_bits = bytes[17]},
        .type = bytes[16],
        .name_bytes = be16_load(bytes + 18),
        .extra_bytes = be32_load(bytes + 20),
    };
}

/* Whether the bitmap is one that can be used. */
static bool entry_ok(const struct fmt_image *image, const struct entry *entry)
{
    const struct qcow2_state *state = image->state;
    const struct qcow2_bitmap *bitmap = &entry->bitmap;
    uint64_t bytes = bitmap->table_entries * state->cluster_bytes;

    if (bitmap->table_entries == 0 || bitmap->table_entries > TABLE_ENTRIES_MAX ||
        bitmap->table_off == 0 || bitmap->table_off % state->cluster_bytes != 0 ||
        bitmap->granularity_bits < GRANULARITY_BITS_MIN ||
        bitmap->granularity_bits > GRANULARITY_BITS_MAX ||
        bitmap->flags & ~(QCOW2_BITMAP_IN_USE | QCOW2_BITMAP_AUTO) ||
        entry->name_bytes > NAME_BYTES_MAX || entry->type != TYPE_DIRTY_TRACKING)
        return false;
    if (bytes > PHYSICAL_BYTES_MAX)
        return false;
    return bitmap->flags & QCOW2_BITMAP_IN_USE ||
           image->facts.virtual_bytes <= bytes * 8 << bitmap->granularity_bits;
}

/* One entry of the directory at @at, which ends at @end. Sets *@next behind it. */
static int entry_read(struct fmt_image *image, const uint8_t *at, const uint8_t *end,
                      struct qcow2_bitmap *bitmap, const uint8_t **next)
{
    struct fmt_env *env = image->env;
    struct entry entry;

    if (end - at < ENTRY_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAPS_BROKEN);
    entry_parse(at, &entry);
    uint64_t bytes = ENTRY_BYTES + (uint64_t)entry.extra_bytes + entry.name_bytes;
    bytes = round_up_u64(bytes, ENTRY_ALIGN_BYTES);
    /* The reference counts in 32 bits with sign: sizes beyond that are extra data's fault. */
    if ((int32_t)(uint32_t)bytes > end - at)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAPS_BROKEN);
    if (entry.extra_bytes != 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAP_EXTRA);
    const char *name = (const char *)at + ENTRY_BYTES;
    const char *nul = entry.name_bytes ? memchr(name, '\0', entry.name_bytes) : NULL;
    entry.bitmap.name =
        (struct fmt_bytes){name, nul ? (size_t)(nul - name) : (size_t)entry.name_bytes};
    if (!entry_ok(image, &entry))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAP_BAD, FMT_STR(entry.bitmap.name));
    *bitmap = entry.bitmap;
    *next = at + bytes;
    return 0;
}

static int directory_read(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct fmt_env *env = image->env;
    uint64_t bytes = state->bitmap_directory_bytes;

    if (bytes == 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAPS_NO_SIZE);
    uint8_t *directory = fmt_alloc(env, bytes);
    state->bitmap = fmt_alloc(env, state->bitmap_count * sizeof(*state->bitmap));
    if (!directory || !state->bitmap)
        return -FMT_ENOMEM;
    int r = io_read(env, image->device, state->bitmap_directory_off, directory, (size_t)bytes);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QCOW2_BITMAPS_READ, FMT_NUM(-r));
    const uint8_t *at = directory, *end = directory + bytes;
    uint32_t count = 0;
    for (; r == 0 && at < end; count++) {
        if (end - at >= ENTRY_BYTES && count == state->bitmap_count)
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAPS_MORE);
        uint64_t entry_off = state->bitmap_directory_off + (uint64_t)(at - directory);
        r = entry_read(image, at, end, &state->bitmap[count], &at);
        if (r == 0)
            state->bitmap[count].entry_off = entry_off;
    }
    if (r == 0 && count != state->bitmap_count)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAPS_LESS);
    return r;
}

/* Bitmaps by name: chains of those whose names have the same hash. */
struct names {
    uint32_t *bucket; /* number of the last bitmap + 1, 0: none */
    uint32_t *earlier;
    uint32_t mask;
};

static uint32_t name_hash(struct fmt_bytes name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ (uint8_t)name.data[i]) * 16777619u;
    return hash;
}

static int names_init(struct fmt_env *env, uint32_t count, struct names *names)
{
    uint32_t buckets = 1;

    while (buckets < count)
        buckets *= 2;
    names->mask = buckets - 1;
    names->bucket = fmt_alloc(env, buckets * sizeof(*names->bucket));
    names->earlier = fmt_alloc(env, count * sizeof(*names->earlier));
    return names->bucket && names->earlier ? 0 : -FMT_ENOMEM;
}

/* Enter the @index-th bitmap; false if its name is taken. */
static bool name_enter(const struct qcow2_state *state, struct names *names, uint32_t index)
{
    struct fmt_bytes name = state->bitmap[index].name;
    uint32_t *bucket = &names->bucket[name_hash(name) & names->mask];

    for (uint32_t at = *bucket; at != 0; at = names->earlier[at - 1]) {
        struct fmt_bytes other = state->bitmap[at - 1].name;
        if (other.length == name.length &&
            (name.length == 0 || memcmp(other.data, name.data, name.length) == 0))
            return false;
    }
    names->earlier[index] = *bucket;
    *bucket = index + 1;
    return true;
}

/* Clusters that the bits of the whole disk take. */
static uint64_t clusters_needed(const struct fmt_image *image, const struct qcow2_bitmap *bitmap)
{
    const struct qcow2_state *state = image->state;
    uint64_t bits = div_up_u64(image->facts.virtual_bytes, UINT64_C(1) << bitmap->granularity_bits);
    return div_up_u64(div_up_u64(bits, WORD_BITS) * (WORD_BITS / 8), state->cluster_bytes);
}

int qcow2_bitmap_table_check(struct fmt_image *image, const struct qcow2_bitmap *bitmap)
{
    struct qcow2_state *state = image->state;
    uint64_t entry;
    int r = 0;

    if (!io_range_ok(bitmap->table_off, bitmap->table_entries * UINT64_C(8)))
        return -FMT_EIO;
    for (uint32_t i = 0; r == 0 && i < bitmap->table_entries; i++) {
        r = fmt_cache_be64(&state->tables, bitmap->table_off + i * UINT64_C(8), &entry);
        uint64_t off = entry & QCOW2_BITMAP_OFFSET_MASK;
        if (r == 0 && (entry & TABLE_ENTRY_RESERVED ||
                       (off && (entry & QCOW2_BITMAP_ALL_ONES || off % state->cluster_bytes != 0))))
            r = -FMT_EINVAL;
    }
    return r;
}

/* Check the bitmap's table of clusters; the bits themselves do not matter here. */
static int table_check(struct fmt_image *image, const struct qcow2_bitmap *bitmap)
{
    struct fmt_env *env = image->env;

    int r = qcow2_bitmap_table_check(image, bitmap);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QCOW2_BITMAP_TABLE, FMT_STR(bitmap->name), FMT_NUM(-r));
    if (clusters_needed(image, bitmap) != bitmap->table_entries)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BITMAP_READ, FMT_STR(bitmap->name),
                        FMT_NUM(FMT_EINVAL));
    return 0;
}

int qcow2_bitmaps_read(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct names names;

    if (state->bitmap_count == 0)
        return 0;
    int r = directory_read(image);
    if (r == 0)
        r = names_init(image->env, state->bitmap_count, &names);
    for (uint32_t i = 0; r == 0 && i < state->bitmap_count; i++) {
        const struct qcow2_bitmap *bitmap = &state->bitmap[i];
        bool in_use = bitmap->flags & QCOW2_BITMAP_IN_USE;
        if (!name_enter(state, &names, i) && !in_use)
            return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_BITMAP_EXISTS, FMT_STR(bitmap->name));
        if (!in_use)
            r = table_check(image, bitmap);
    }
    return r < 0 ? -FMT_EINVAL : 0;
}
