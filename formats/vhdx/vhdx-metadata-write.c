/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: the metadata of a new image, items directly behind the table. */
#include "vhdx-create.h"

enum {
    REQUIRED = 4,
    VIRTUAL_DISK = 2,
    ITEMS = 5,
    LOCATOR_OFF = 40,
    ENTRIES_OFF = 32,
    ENTRY_BYTES = 32
};

struct item {
    const uint8_t *guid;
    uint32_t bytes;
    uint32_t flags;
};

static const struct item items[ITEMS] = {
    {vhdx_guid_file_parameters, 8,               REQUIRED               },
    {vhdx_guid_disk_size,       8,               REQUIRED | VIRTUAL_DISK},
    {vhdx_guid_page83,          VHDX_GUID_BYTES, REQUIRED | VIRTUAL_DISK},
    {vhdx_guid_logical_sector,  4,               REQUIRED | VIRTUAL_DISK},
    {vhdx_guid_physical_sector, 4,               REQUIRED | VIRTUAL_DISK},
};

static void entry_fill(uint8_t *table, unsigned index, const struct item *item, uint32_t offset)
{
    uint8_t *entry = table + ENTRIES_OFF + (size_t)index * ENTRY_BYTES;

    memcpy(entry, item->guid, VHDX_GUID_BYTES);
    le32_store(entry + 16, offset);
    le32_store(entry + 20, item->bytes);
    le32_store(entry + 24, item->flags);
    le16_store(table + 10, (uint16_t)(index + 1));
}

static void table_fill(const struct vhdx_layout *layout, uint8_t *table)
{
    uint32_t offset = VHDX_TABLE_BYTES;

    memcpy(table, "metadata", 8);
    for (unsigned i = 0; i < ITEMS; i++) {
        entry_fill(table, i, &items[i], offset);
        offset += items[i].bytes;
    }
    if (layout->differencing) {
        const struct item locator = {vhdx_guid_parent_locator, layout->locator_bytes, REQUIRED};
        entry_fill(table, ITEMS, &locator, offset);
    }
}

static uint32_t params(const struct vhdx_layout *layout)
{
    if (layout->differencing)
        return VHDX_PARAM_HAS_PARENT;
    return layout->fixed ? VHDX_PARAM_LEAVE_ALLOCATED : 0;
}

int vhdx_metadata_write(struct fmt_env *env, uint32_t device, const struct vhdx_layout *layout)
{
    size_t mark = fmt_arena_mark(env->arena);
    uint8_t *table = fmt_alloc(env, VHDX_TABLE_USED_BYTES);
    uint64_t values_off = layout->metadata_off + VHDX_TABLE_BYTES;
    uint8_t values[LOCATOR_OFF];
    int r = table ? 0 : -FMT_ENOMEM;

    le32_store(values, layout->block_bytes);
    le32_store(values + 4, params(layout));
    le64_store(values + 8, layout->disk_bytes);
    le32_store(values + 32, layout->sector_bytes);
    le32_store(values + 36, layout->sector_bytes);
    if (r == 0) {
        table_fill(layout, table);
        r = vhdx_guid_make(env, values + 16);
    }
    if (r == 0)
        r = vhdx_table_write(env, device, layout->metadata_off, table);
    if (r == 0)
        r = io_write(env, device, values_off, values, sizeof(values));
    if (r == 0 && layout->differencing)
        r = io_write(env, device, values_off + LOCATOR_OFF, layout->locator, layout->locator_bytes);
    fmt_arena_release(env->arena, mark);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_VHDX_WRITE_METADATA, FMT_NUM(-r)) : 0;
}
