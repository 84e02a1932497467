/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The format extension of Parallels disks: one cluster of features, an MD5 sum in front.
 *
 * Dirty bitmaps are the only feature known. Nothing here needs their contents, but an extension
 * that cannot be understood keeps the reference from opening the image, and so it does here.
 */
#include <nettle/md5.h>

#include "parallels.h"

#define EXT_MAGIC UINT64_C(0xab234cef23dcea87)
#define FEATURE_END UINT64_C(0)
#define FEATURE_DIRTY_BITMAP UINT64_C(0x20385fae252cb34a)

enum {
    EXT_HEADER_BYTES = 24,
    FEATURE_HEADER_BYTES = 24,
    BITMAP_HEADER_BYTES = 32,
    BITMAP_ID_BYTES = 16,
    BITMAPS_MAX = 1024,
    SUM_PIECE_BYTES = 64 << 10,
    L1_ALL_ZEROES = 0, /* entries that are no sector numbers */
    L1_ALL_ONES = 1,
};

struct extension {
    struct fmt_image *image;
    const struct parallels_state *state;
    struct fmt_cache bytes;
    uint64_t offset; /* of the cluster */
    uint32_t bitmap_count;
    uint8_t (*bitmap_id)[BITMAP_ID_BYTES];
};

struct feature {
    uint64_t magic;
    uint64_t flags;
    uint32_t data_bytes;
};

static int ext_read(struct extension *ext, uint64_t at, void *to, size_t length)
{
    int r = fmt_cache_read(&ext->bytes, ext->offset + at, to, length);
    return r < 0 ? fmt_fail(ext->image->env, -r, FMT_ERR_PARALLELS_EXT_READ, FMT_NUM(-r)) : 0;
}

/* MD5 of everything behind the extension's header. */
static int sum_compute(struct extension *ext, uint8_t *sum)
{
    struct fmt_env *env = ext->image->env;
    uint32_t cluster_bytes = ext->state->cluster_bytes;
    size_t mark = fmt_arena_mark(env->arena);
    uint8_t *piece = fmt_alloc(env, SUM_PIECE_BYTES);
    struct md5_ctx md5;
    int r = piece ? 0 : -FMT_ENOMEM;

    md5_init(&md5);
    for (uint64_t at = EXT_HEADER_BYTES; r == 0 && at < cluster_bytes; at += SUM_PIECE_BYTES) {
        size_t length = (size_t)min_u64(SUM_PIECE_BYTES, cluster_bytes - at);
        r = io_read(env, ext->image->device, ext->offset + at, piece, length);
        if (r < 0)
            fmt_fail(env, -r, FMT_ERR_PARALLELS_EXT_READ, FMT_NUM(-r));
        else
            md5_update(&md5, length, piece);
    }
    md5_digest(&md5, MD5_DIGEST_SIZE, sum);
    fmt_arena_release(env->arena, mark);
    return r;
}

static int header_check(struct extension *ext)
{
    struct fmt_env *env = ext->image->env;
    uint8_t header[EXT_HEADER_BYTES], sum[MD5_DIGEST_SIZE];

    int r = ext_read(ext, 0, header, sizeof(header));
    if (r < 0)
        return r;
    if (le64_load(header) != EXT_MAGIC)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_EXT_MAGIC, FMT_NUM(le64_load(header)));
    r = sum_compute(ext, sum);
    if (r < 0)
        return r;
    if (memcmp(sum, header + 8, sizeof(sum)) != 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_EXT_CHECKSUM);
    return 0;
}

/* Each bitmap has a UUID of its own, which the reference names it by. */
static int id_check(struct extension *ext, const uint8_t *id)
{
    static const char digits[] = "0123456789abcdef";
    struct fmt_env *env = ext->image->env;
    char text[2 * BITMAP_ID_BYTES + 4];
    size_t used = 0;

    for (uint32_t i = 0; i < ext->bitmap_count; i++) {
        if (memcmp(ext->bitmap_id[i], id, BITMAP_ID_BYTES) != 0)
            continue;
        for (size_t b = 0; b < BITMAP_ID_BYTES; b++) {
            if (b == 4 || b == 6 || b == 8 || b == 10)
                text[used++] = '-';
            text[used++] = digits[id[b] >> 4];
            text[used++] = digits[id[b] & 15];
        }
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BITMAP_EXISTS,
                        FMT_STR(((struct fmt_bytes){text, used})));
    }
    if (ext->bitmap_count == BITMAPS_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_BITMAPS, FMT_NUM(BITMAPS_MAX));
    memcpy(ext->bitmap_id[ext->bitmap_count++], id, BITMAP_ID_BYTES);
    return 0;
}

/* The bitmap's table must have one entry per cluster of bits, and the clusters must be readable. */
static int table_check(struct extension *ext, uint64_t at, uint32_t entries, uint64_t granularity)
{
    struct fmt_env *env = ext->image->env;
    const uint64_t word_bits = 64;
    uint64_t bits = div_up_u64(ext->image->facts.virtual_bytes, granularity);
    uint64_t bytes = div_up_u64(bits, word_bits) * sizeof(uint64_t);
    uint64_t expected = div_up_u64(bytes, ext->state->cluster_bytes);

    if (entries != expected)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_BITMAP_TABLE_SIZE, FMT_NUM(entries),
                        FMT_NUM(expected));
    for (uint32_t i = 0; i < entries; i++) {
        uint8_t bytes_of[sizeof(uint64_t)];
        int r = ext_read(ext, at + i * sizeof(bytes_of), bytes_of, sizeof(bytes_of));
        if (r < 0)
            return r;
        uint64_t sector = le64_load(bytes_of);
        if (sector != L1_ALL_ZEROES && sector != L1_ALL_ONES &&
            !io_range_ok(sector << 9, ext->state->cluster_bytes))
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_BITMAP_READ, FMT_NUM(FMT_EIO));
    }
    return 0;
}

static int bitmap_check(struct extension *ext, uint64_t at, uint32_t data_bytes)
{
    struct fmt_env *env = ext->image->env;
    uint64_t disk_sectors = ext->state->header.disk_sectors;
    uint8_t header[BITMAP_HEADER_BYTES];

    if (data_bytes < sizeof(header))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_BITMAP_ROOM, FMT_NUM(data_bytes),
                        FMT_NUM(sizeof(header)));
    int r = ext_read(ext, at, header, sizeof(header));
    if (r < 0)
        return r;
    uint64_t sectors = le64_load(header);
    uint32_t granularity = le32_load(header + 24) << 9;
    uint32_t entries = le32_load(header + 28);
    if (sectors != disk_sectors)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_BITMAP_SIZE, FMT_NUM(sectors),
                        FMT_NUM(disk_sectors));
    if (entries * UINT64_C(8) > data_bytes - sizeof(header))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_BITMAP_TABLE_ROOM);
    /* Here the reference aborts. */
    if (!is_power_of_two(granularity))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_BITMAP_GRANULARITY,
                        FMT_NUM(granularity));
    r = id_check(ext, header + 8);
    return r < 0 ? r : table_check(ext, at + sizeof(header), entries, granularity);
}

static int features_check(struct extension *ext)
{
    struct fmt_env *env = ext->image->env;
    uint64_t at = EXT_HEADER_BYTES;
    uint8_t header[FEATURE_HEADER_BYTES];
    int r = 0;

    while (r == 0) {
        int64_t room = (int64_t)ext->state->cluster_bytes - (int64_t)at;
        if (room < FEATURE_HEADER_BYTES)
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_FEATURE_ROOM, FMT_NUM(room),
                            FMT_NUM(FEATURE_HEADER_BYTES));
        r = ext_read(ext, at, header, sizeof(header));
        if (r < 0)
            return r;
        struct feature f = {le64_load(header), le64_load(header + 8), le32_load(header + 16)};
        at += FEATURE_HEADER_BYTES;
        if (f.flags)
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_FEATURE_FLAGS);
        if (f.data_bytes > ext->state->cluster_bytes - at)
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_FEATURE_SIZE);
        if (f.magic == FEATURE_END)
            return 0;
        if (f.magic != FEATURE_DIRTY_BITMAP)
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_FEATURE, FMT_NUM(f.magic));
        r = bitmap_check(ext, at, f.data_bytes);
        at = round_up_u64(at + f.data_bytes, 8);
    }
    return r;
}

int parallels_extension_check(struct fmt_image *image, const struct parallels_state *state)
{
    struct extension ext = {
        .image = image,
        .state = state,
        .offset = state->header.ext_sector * FMT_SECTOR_BYTES,
        .bitmap_id = fmt_alloc(image->env, BITMAPS_MAX * sizeof(*ext.bitmap_id)),
    };

    if (!ext.bitmap_id)
        return -FMT_ENOMEM;
    if (!io_range_ok(ext.offset, state->cluster_bytes))
        return fmt_fail(image->env, FMT_EIO, FMT_ERR_PARALLELS_EXT_READ, FMT_NUM(FMT_EIO));
    fmt_cache_init(&ext.bytes, image->env, image->device, 1);
    int r = header_check(&ext);
    return r < 0 ? r : features_check(&ext);
}
