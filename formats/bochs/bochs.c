/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bochs: growing disks ("redolog"), read only. A catalog has an entry for each extent of the disk;
 * an extent is stored as a bitmap of its sectors and the sectors themselves. All integers are
 * little-endian. Bochs' sources, iodev/hdimage/hdimage.h, say so.
 */
#include "common/cache.h"
#include "common/format.h"
#include "common/mapread.h"

enum {
    HEADER_BYTES = 512,
    OFF_TYPE = 32,
    OFF_SUBTYPE = 48,
    OFF_VERSION = 64,
    OFF_HEADER = 68,
    OFF_CATALOG = 72,
    OFF_BITMAP = 76,
    OFF_EXTENT = 80,
    OFF_DISK_V1 = 84,
    OFF_DISK = 88,
    CATALOG_ENTRIES_MAX = 0x100000,
    EXTENT_BYTES_MAX = 0x800000,
    CACHE_PAGES = 32,
};

#define VERSION_1 UINT32_C(0x00010000)
#define VERSION_2 UINT32_C(0x00020000)
#define NOT_ALLOCATED UINT32_C(0xffffffff)

struct bochs_state {
    uint32_t catalog_off;
    uint32_t data_off; /* behind the catalog */
    uint32_t catalog_entries;
    uint32_t bitmap_sectors;
    uint32_t extent_sectors;
    uint32_t extent_bytes;
    struct fmt_cache cache;
};

/* A text with its final NUL at the start of a field. */
static bool field_is(const uint8_t *field, const char *text)
{
    return memcmp(field, text, strlen(text) + 1) == 0;
}

static bool is_bochs(const uint8_t *header)
{
    uint32_t version = le32_load(header + OFF_VERSION);

    return field_is(header, "Bochs Virtual HD Image") && field_is(header + OFF_TYPE, "Redolog") &&
           field_is(header + OFF_SUBTYPE, "Growing") &&
           (version == VERSION_2 || version == VERSION_1);
}

static unsigned bochs_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)filename;
    return length >= HEADER_BYTES && is_bochs(head) ? FMT_PROBE_MAX : 0;
}

static int extent_check(struct fmt_env *env, uint32_t extent_bytes)
{
    if (extent_bytes < FMT_SECTOR_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BOCHS_EXTENT_SMALL);
    if (!is_power_of_two(extent_bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BOCHS_EXTENT_POWER, FMT_NUM(extent_bytes));
    if (extent_bytes > EXTENT_BYTES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BOCHS_EXTENT_LARGE, FMT_NUM(extent_bytes));
    return 0;
}

/* Number of sectors; 0 bytes are taken for 4 GiB, as by the reference. */
static uint32_t sectors_of(uint32_t bytes)
{
    return 1 + (bytes - 1) / FMT_SECTOR_BYTES;
}

static int header_parse(struct fmt_image *image, struct bochs_state *state, const uint8_t *header)
{
    struct fmt_env *env = image->env;
    bool is_v1 = le32_load(header + OFF_VERSION) == VERSION_1;
    uint64_t sectors = le64_load(header + (is_v1 ? OFF_DISK_V1 : OFF_DISK)) / FMT_SECTOR_BYTES;

    state->catalog_off = le32_load(header + OFF_HEADER);
    state->catalog_entries = le32_load(header + OFF_CATALOG);
    if (state->catalog_entries > CATALOG_ENTRIES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BOCHS_CATALOG_LARGE);
    state->data_off = state->catalog_off + state->catalog_entries * 4;
    state->bitmap_sectors = sectors_of(le32_load(header + OFF_BITMAP));
    state->extent_bytes = le32_load(header + OFF_EXTENT);
    state->extent_sectors = sectors_of(state->extent_bytes);
    int r = extent_check(env, state->extent_bytes);
    if (r < 0)
        return r;
    if (state->catalog_entries < div_up_u64(sectors, state->extent_bytes / FMT_SECTOR_BYTES))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BOCHS_CATALOG_SMALL);
    image->facts.virtual_bytes = sectors * FMT_SECTOR_BYTES;
    return 0;
}

static int bochs_open(struct fmt_image *image)
{
    struct fmt_env *env = image->env;
    struct bochs_state *state = fmt_alloc(env, sizeof(*state));
    uint8_t header[HEADER_BYTES];

    if (!state)
        return -FMT_ENOMEM;
    if (image->flags & FMT_OPEN_WRITABLE)
        return fmt_fail(env, FMT_EACCES, FMT_ERR_IMAGE_READ_ONLY);
    image->state = state;
    int r = io_read(env, image->device, 0, header, sizeof(header));
    if (r < 0)
        return r;
    if (!is_bochs(header))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BOCHS_MAGIC);
    r = header_parse(image, state, header);
    fmt_cache_init(&state->cache, env, image->device, CACHE_PAGES);
    return r;
}

/* The run of sectors from @sector of an extent on that are all there or all not. */
static int bitmap_run(struct bochs_state *state, uint64_t bitmap_off, uint32_t sector,
                      bool *allocated, uint32_t *sectors)
{
    uint32_t first = sector, end = state->extent_bytes / FMT_SECTOR_BYTES;
    uint8_t byte = 0;

    for (; sector < end; sector++) {
        if (sector == first || sector % 8 == 0) {
            int r = fmt_cache_read(&state->cache, bitmap_off + sector / 8, &byte, 1);
            if (r < 0)
                return r;
        }
        bool bit = byte >> sector % 8 & 1;
        if (sector == first)
            *allocated = bit;
        else if (bit != *allocated)
            break;
    }
    *sectors = sector - first;
    return 0;
}

/* What is at @at, up to the end of its extent. */
static int extent_at(struct fmt_image *image, uint64_t at, struct fmt_extent *out)
{
    struct bochs_state *state = image->state;
    uint64_t index = at / state->extent_bytes, in_extent = at % state->extent_bytes;
    uint32_t sector = (uint32_t)(in_extent / FMT_SECTOR_BYTES), sectors, entry;
    bool allocated = false;

    int r = fmt_cache_le32(&state->cache, state->catalog_off + index * 4, &entry);
    if (r < 0)
        return r;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_ZERO, .length = state->extent_bytes - in_extent};
    if (entry == NOT_ALLOCATED)
        return 0;
    uint32_t stored_sectors = state->extent_sectors + state->bitmap_sectors;
    uint64_t bitmap_off = state->data_off + UINT64_C(512) * entry * stored_sectors;
    if (bitmap_off > FMT_OFFSET_MAX / 2)
        return -FMT_EIO;
    r = bitmap_run(state, bitmap_off, sector, &allocated, &sectors);
    if (r < 0)
        return r;
    out->length = sectors * UINT64_C(512) - in_extent % FMT_SECTOR_BYTES;
    if (allocated) {
        out->kind = FMT_EXTENT_DATA;
        out->device = image->device;
        out->device_off = bitmap_off + UINT64_C(512) * state->bitmap_sectors + in_extent;
        out->has_offset = true;
    }
    return 0;
}

static int bochs_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                     struct fmt_extent *out)
{
    return fmt_extents_map(image, extent_at, offset, length, out);
}

const struct fmt_driver fmt_bochs_driver = {
    .name = "bochs",
    .probe = bochs_probe,
    .open = bochs_open,
    .info = fmt_info_nothing,
    .map = bochs_map,
    .read = fmt_mapped_read,
    .no_dirty_flag = true,
    .map_opaque = true,
};
