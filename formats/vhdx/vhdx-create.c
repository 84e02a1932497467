/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: new images, dynamic, fixed or differencing. */
#include "vhdx-create.h"

#include "common/newfile.h"

enum { OFF_CHECKSUM = 4, DATA_GAP_BYTES = 5 << 20, METADATA_BYTES = 1 << 20 };

/* "QEMU v10.0.13": the file's creator, for people who diagnose. */
static const char creator[] = "QEMU v10.0.13";

static int log_size_choose(struct fmt_env *env, const struct fmt_options *options,
                           struct vhdx_layout *layout)
{
    const struct fmt_option *row = fmt_option_find(options, "log_size");
    uint64_t bytes = row ? round_up_u64(row->number, VHDX_MIB) : VHDX_MIB;

    if (bytes > UINT32_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_LOG_TOO_LARGE);
    if (bytes < VHDX_MIB)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_LOG_SIZE);
    layout->log_bytes = (uint32_t)bytes;
    return 0;
}

/* Block sizes for disks of more than so many bytes: they keep the BAT small. */
static const struct {
    uint64_t above_bytes;
    uint32_t block_bytes;
} block_sizes[] = {
    {UINT64_C(32) << 40,  64 << 20},
    {UINT64_C(100) << 30, 32 << 20},
    {UINT64_C(1) << 30,   16 << 20},
    {0,                   8 << 20 },
};

static int block_size_choose(struct fmt_env *env, const struct fmt_options *options,
                             struct vhdx_layout *layout)
{
    uint64_t bytes = round_up_u64(fmt_option_number(options, "block_size", 0), VHDX_MIB);

    if (bytes > VHDX_BLOCK_BYTES_MAX)
        bytes = VHDX_BLOCK_BYTES_MAX;
    for (size_t i = 0; bytes == 0; i++) {
        if (layout->disk_bytes > block_sizes[i].above_bytes || block_sizes[i].above_bytes == 0)
            bytes = block_sizes[i].block_bytes;
    }
    if (!is_power_of_two(bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_BLOCK_POWER);
    layout->block_bytes = (uint32_t)bytes;
    return 0;
}

/* The size of a logical sector, which is not an option of the reference. */
static int sector_size_choose(struct fmt_env *env, const struct fmt_options *options,
                              struct vhdx_layout *layout)
{
    enum { LARGE_SECTOR_BYTES = 4096 };
    uint64_t bytes = fmt_option_number(options, "logical_sector_size", FMT_SECTOR_BYTES);

    if (bytes != FMT_SECTOR_BYTES && bytes != LARGE_SECTOR_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_LOGICAL_SECTOR);
    layout->sector_bytes = (uint32_t)bytes;
    layout->disk_bytes = round_up_u64(layout->disk_bytes, bytes);
    return 0;
}

static int options_read(struct fmt_env *env, const struct fmt_create *create,
                        struct vhdx_layout *layout)
{
    static const char *const subformats[] = {"dynamic", "fixed", "differencing", NULL};
    int subformat = fmt_option_enum(create->options, "subformat", subformats, 0);

    if (subformat < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BAD_ENUM, FMT_TXT("subformat"),
                        FMT_STR(fmt_option_text(create->options, "subformat")));
    layout->fixed = subformat == 1;
    layout->differencing = subformat == 2;
    /* Blocks of a child that are not there are its parent's. */
    layout->zero_blocks =
        !layout->differencing && fmt_option_bool(create->options, "block_state_zero", true);
    layout->disk_bytes = round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES);
    if (layout->disk_bytes > VHDX_DISK_BYTES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_TOO_LARGE);
    int r = sector_size_choose(env, create->options, layout);
    if (r == 0)
        r = log_size_choose(env, create->options, layout);
    if (r == 0)
        r = block_size_choose(env, create->options, layout);
    return r == 0 && layout->differencing ? vhdx_child_plan(env, create, layout) : r;
}

static void layout_compute(struct vhdx_layout *layout)
{
    struct vhdx_state sizes = {
        .disk_bytes = layout->disk_bytes,
        .block_bytes = layout->block_bytes,
        .params = layout->differencing ? VHDX_PARAM_HAS_PARENT : 0,
        .chunk_blocks =
            (uint32_t)((uint64_t)VHDX_CHUNK_SECTORS * layout->sector_bytes / layout->block_bytes),
    };

    layout->chunk_blocks = sizes.chunk_blocks;
    layout->bat_bytes =
        (uint32_t)round_up_u64(vhdx_bat_entries(&sizes) * sizeof(uint64_t), VHDX_MIB);
    layout->bat_off = VHDX_MIB + (uint64_t)layout->log_bytes;
    layout->metadata_off = layout->bat_off + layout->bat_bytes;
    layout->data_off = layout->metadata_off + DATA_GAP_BYTES;
}

/* The payload entry at each index: a fixed image's blocks lie one behind the other. */
static void bat_fill(void *ctx, uint64_t at, uint8_t *piece, size_t length)
{
    const struct vhdx_layout *layout = ctx;
    uint64_t stride = layout->chunk_blocks + UINT64_C(1);

    for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
        uint64_t index = (at + i) / sizeof(uint64_t);
        uint64_t block = index - index / stride;
        uint64_t start = block * layout->block_bytes;
        uint64_t entry = 0;
        if (index % stride != layout->chunk_blocks && start < layout->disk_bytes) {
            if (layout->zero_blocks)
                entry = VHDX_ZERO;
            else if (layout->fixed)
                entry = round_up_u64(layout->data_off + start, VHDX_MIB) | VHDX_FULLY_PRESENT;
        }
        le64_store(piece + i, entry);
    }
}

/* Entries in use are written, the rest of the region only takes its space. */
static int bat_write(struct fmt_env *env, uint32_t device, struct vhdx_layout *layout)
{
    const uint64_t unit = 4096;
    uint64_t file_bytes = layout->data_off + (layout->fixed ? layout->disk_bytes : 0);
    uint64_t blocks = div_up_u64(layout->disk_bytes, layout->block_bytes);
    uint64_t used = round_up_u64((blocks + blocks / layout->chunk_blocks) * 8, unit);
    struct fmt_device facts; /* asked for while they are known: they are those of the new file */

    int r = io_facts(env, device, &facts);
    if (r == 0)
        r = io_truncate(env, device, file_bytes, FMT_PREALLOC_OFF);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_RESIZE_FILE, FMT_NUM(-r));
    if (r == 0 && !layout->fixed && !layout->zero_blocks && facts.zero_init)
        return 0;
    used = min_u64(used, layout->bat_bytes);
    if (r == 0)
        r = newfile_pieces_write(env, device, layout->bat_off, used, bat_fill, layout);
    if (r == 0 && used < layout->bat_bytes)
        r = io_zero(env, device, layout->bat_off + used, layout->bat_bytes - used, false);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_VHDX_WRITE_BAT, FMT_NUM(-r)) : 0;
}

int vhdx_table_write(struct fmt_env *env, uint32_t device, uint64_t offset, const uint8_t *table)
{
    int r = io_write(env, device, offset, table, VHDX_TABLE_USED_BYTES);

    return r < 0 ? r
                 : newfile_zeroes_write(env, device, offset + VHDX_TABLE_USED_BYTES,
                                        VHDX_TABLE_BYTES - VHDX_TABLE_USED_BYTES);
}

/* Two region entries: BAT and metadata. */
static int regions_write(struct fmt_env *env, uint32_t device, const struct vhdx_layout *layout,
                         const struct vhdx_state *state)
{
    const struct {
        const uint8_t *guid;
        uint64_t offset;
        uint32_t bytes;
    } rows[] = {
        {vhdx_guid_bat,      layout->bat_off,      layout->bat_bytes},
        {vhdx_guid_metadata, layout->metadata_off, METADATA_BYTES   },
    };
    size_t mark = fmt_arena_mark(env->arena);
    uint8_t *table = fmt_alloc(env, VHDX_TABLE_USED_BYTES);
    int r = table ? 0 : -FMT_ENOMEM;

    if (r == 0) {
        memcpy(table, "regi", 4);
        le32_store(table + 8, 2);
        for (size_t i = 0; i < 2; i++) {
            uint8_t *entry = table + 16 + 32 * i;
            memcpy(entry, rows[i].guid, VHDX_GUID_BYTES);
            le64_store(entry + 16, rows[i].offset);
            le32_store(entry + 24, rows[i].bytes);
        }
        uint32_t c = crc32c_feed(state->crc, CRC32C_START, table, VHDX_TABLE_USED_BYTES);
        le32_store(table + OFF_CHECKSUM,
                   ~crc32c_feed_zeroes(c, VHDX_TABLE_BYTES - VHDX_TABLE_USED_BYTES));
        r = vhdx_table_write(env, device, VHDX_REGIONS1_OFF, table);
        if (r == 0)
            r = vhdx_table_write(env, device, VHDX_REGIONS2_OFF, table);
    }
    fmt_arena_release(env->arena, mark);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_VHDX_WRITE_REGIONS, FMT_NUM(-r)) : 0;
}

/* Both headers, the second with the larger sequence number. */
static int headers_write(struct fmt_env *env, uint32_t device, const struct vhdx_layout *layout,
                         const struct vhdx_state *state)
{
    static const uint64_t offsets[] = {VHDX_HEADER1_OFF, VHDX_HEADER2_OFF};
    uint8_t bytes[VHDX_HEADER_BYTES] = {0}, sequence[4];

    memcpy(bytes, "head", 4);
    le16_store(bytes + 66, 1);
    le32_store(bytes + 68, layout->log_bytes);
    le64_store(bytes + 72, VHDX_MIB);
    int r = env->io->random(env->io_ctx, sequence, sizeof(sequence));
    if (r == 0)
        r = vhdx_guid_make(env, bytes + 16);
    if (r == 0)
        r = vhdx_guid_make(env, bytes + 32);
    for (unsigned i = 0; r == 0 && i < 2; i++) {
        le64_store(bytes + 8, (uint64_t)le32_load(sequence) + i);
        le32_store(bytes + OFF_CHECKSUM,
                   vhdx_checksum(state, bytes, VHDX_HEADER_BYTES, OFF_CHECKSUM));
        r = io_write(env, device, offsets[i], bytes, sizeof(bytes));
    }
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_VHDX_WRITE_HEADERS, FMT_NUM(-r)) : 0;
}

static int signature_write(struct fmt_env *env, uint32_t device)
{
    uint8_t bytes[8 + 2 * (sizeof(creator) - 1)] = {0};

    memcpy(bytes, "vhdxfile", 8);
    for (size_t i = 0; i < sizeof(creator) - 1; i++)
        bytes[8 + 2 * i] = (uint8_t)creator[i];
    int r = io_write(env, device, 0, bytes, sizeof(bytes));
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_VHDX_WRITE_SIGNATURE, FMT_NUM(-r)) : 0;
}

int vhdx_create(struct fmt_env *env, const struct fmt_create *create)
{
    struct vhdx_layout layout = {0};
    struct vhdx_state *state = fmt_alloc(env, sizeof(*state));
    struct crc32c *crc = fmt_alloc(env, sizeof(*crc));

    if (!state || !crc)
        return -FMT_ENOMEM;
    crc32c_init(crc);
    state->crc = crc;
    int r = options_read(env, create, &layout);
    if (r < 0)
        return r;
    layout_compute(&layout);
    r = bat_write(env, create->device, &layout);
    if (r == 0)
        r = regions_write(env, create->device, &layout, state);
    if (r == 0)
        r = vhdx_metadata_write(env, create->device, &layout);
    if (r == 0)
        r = headers_write(env, create->device, &layout, state);
    return r < 0 ? r : signature_write(env, create->device);
}
