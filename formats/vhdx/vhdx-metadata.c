/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: the metadata table and its items: sizes, kind, parent. */
#include "vhdx.h"

enum {
    OFF_ENTRIES = 32,
    ENTRY_BYTES = 32,
    ENTRY_REQUIRED = 4, /* who does not know the item must not open the file */
};

const uint8_t vhdx_guid_file_parameters[VHDX_GUID_BYTES] = {
    0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b};
const uint8_t vhdx_guid_disk_size[VHDX_GUID_BYTES] = {
    0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8};
const uint8_t vhdx_guid_page83[VHDX_GUID_BYTES] = {0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45,
                                                   0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46};
const uint8_t vhdx_guid_logical_sector[VHDX_GUID_BYTES] = {
    0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f};
const uint8_t vhdx_guid_physical_sector[VHDX_GUID_BYTES] = {
    0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56};
const uint8_t vhdx_guid_parent_locator[VHDX_GUID_BYTES] = {
    0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c};

enum item_id {
    FILE_PARAMETERS,
    DISK_SIZE,
    PAGE83,
    LOGICAL_SECTOR,
    PHYSICAL_SECTOR,
    LOCATOR,
    ITEMS
};

static const uint8_t *const item_guids[ITEMS] = {
    [FILE_PARAMETERS] = vhdx_guid_file_parameters,
    [DISK_SIZE] = vhdx_guid_disk_size,
    [PAGE83] = vhdx_guid_page83,
    [LOGICAL_SECTOR] = vhdx_guid_logical_sector,
    [PHYSICAL_SECTOR] = vhdx_guid_physical_sector,
    [LOCATOR] = vhdx_guid_parent_locator,
};

enum { ITEMS_NEEDED = (1 << LOCATOR) - 1 };

struct item {
    bool present;
    uint64_t offset; /* in the file */
    uint32_t length;
};

static int entry_take(const struct vhdx_state *state, const uint8_t *entry, struct item *items)
{
    for (int i = 0; i < ITEMS; i++) {
        if (!vhdx_guid_equal(entry, item_guids[i]))
            continue;
        if (items[i].present)
            return -FMT_EINVAL;
        items[i] =
            (struct item){true, state->metadata_off + le32_load(entry + 16), le32_load(entry + 20)};
        return 0;
    }
    return le32_load(entry + 24) & ENTRY_REQUIRED ? -FMT_ENOTSUP : 0;
}

static int table_read(struct fmt_image *image, struct vhdx_state *state, struct item *items)
{
    uint8_t *table = fmt_alloc(image->env, VHDX_TABLE_BYTES);
    unsigned found = 0;

    if (!table)
        return -FMT_ENOMEM;
    int r = io_read(state->env, image->device, state->metadata_off, table, VHDX_TABLE_BYTES);
    if (r < 0)
        return r;
    uint16_t entries = le16_load(table + 10);
    if (le64_load(table) != VHDX_METADATA_SIGNATURE ||
        (uint32_t)entries * ENTRY_BYTES > VHDX_TABLE_BYTES - OFF_ENTRIES)
        return -FMT_EINVAL;
    for (uint16_t i = 0; r == 0 && i < entries; i++)
        r = entry_take(state, table + OFF_ENTRIES + (size_t)i * ENTRY_BYTES, items);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < ITEMS; i++)
        found |= (unsigned)items[i].present << i;
    return (found & ITEMS_NEEDED) == ITEMS_NEEDED ? 0 : -FMT_ENOTSUP;
}

/* The small items usually lie together: one read fetches them all. */
struct item_window {
    struct fmt_env *env;
    uint32_t device;
    bool filled;
    uint64_t offset;
    uint8_t bytes[512];
};

static int item_read(struct item_window *window, const struct item *item, uint8_t *bytes,
                     size_t length)
{
    uint64_t at = item->offset - window->offset;

    if (!window->filled || at > sizeof(window->bytes) - length) {
        int r = io_read(window->env, window->device, item->offset, window->bytes,
                        sizeof(window->bytes));
        if (r < 0)
            return r;
        window->filled = true;
        window->offset = item->offset;
        at = 0;
    }
    memcpy(bytes, window->bytes + at, length);
    return 0;
}

static int sizes_check(const struct vhdx_state *state)
{
    const uint32_t large_sector_bytes = 4096;

    if (state->block_bytes < VHDX_BLOCK_BYTES_MIN || state->block_bytes > VHDX_BLOCK_BYTES_MAX)
        return -FMT_EINVAL;
    if (state->logical_sector_bytes != FMT_SECTOR_BYTES &&
        state->logical_sector_bytes != large_sector_bytes)
        return -FMT_ENOTSUP;
    if (!is_power_of_two(state->block_bytes))
        return -FMT_EINVAL;
    return 0;
}

uint32_t vhdx_bat_entries(const struct vhdx_state *state)
{
    uint32_t blocks = (uint32_t)div_up_u64(state->disk_bytes, state->block_bytes);

    if (vhdx_has_parent(state))
        return (uint32_t)(div_up_u64(blocks, state->chunk_blocks) *
                          (state->chunk_blocks + UINT64_C(1)));
    /* With no block at all the subtraction wraps, here as in the reference. */
    return blocks + (blocks - 1) / state->chunk_blocks;
}

static int items_read(struct fmt_image *image, struct vhdx_state *state, const struct item *items)
{
    struct item_window window = {.env = state->env, .device = image->device};
    uint8_t bytes[8];

    int r = item_read(&window, &items[FILE_PARAMETERS], bytes, 8);
    if (r < 0)
        return r;
    state->block_bytes = le32_load(bytes);
    state->params = le32_load(bytes + 4);
    if (vhdx_has_parent(state) && !items[LOCATOR].present)
        return -FMT_EINVAL;
    if (!vhdx_has_parent(state) && items[LOCATOR].present)
        return -FMT_ENOTSUP;
    r = item_read(&window, &items[DISK_SIZE], bytes, 8);
    if (r < 0)
        return r;
    state->disk_bytes = le64_load(bytes);
    r = item_read(&window, &items[LOGICAL_SECTOR], bytes, 4);
    if (r < 0)
        return r;
    state->logical_sector_bytes = le32_load(bytes);
    return item_read(&window, &items[PHYSICAL_SECTOR], bytes, 4);
}

int vhdx_metadata_read(struct fmt_image *image, struct vhdx_state *state)
{
    struct item items[ITEMS] = {0};

    int r = table_read(image, state, items);
    if (r == 0)
        r = items_read(image, state, items);
    if (r == 0)
        r = sizes_check(state);
    if (r < 0)
        return r;
    state->chunk_blocks =
        (uint32_t)((uint64_t)VHDX_CHUNK_SECTORS * state->logical_sector_bytes / state->block_bytes);
    state->bat_entries = vhdx_bat_entries(state);
    if (state->bat_entries > state->bat_bytes / sizeof(uint64_t))
        return -FMT_EINVAL;
    /* The reference cuts the number of blocks to 32 bits, and would read wrong data. */
    if (state->disk_bytes > VHDX_DISK_BYTES_MAX)
        return fmt_fail(image->env, FMT_EFBIG, FMT_ERR_VHDX_TOO_LARGE);
    if (!vhdx_has_parent(state))
        return 0;
    return vhdx_parent_read(image, state, items[LOCATOR].offset, items[LOCATOR].length);
}
