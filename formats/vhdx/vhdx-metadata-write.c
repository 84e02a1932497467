/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: the metadata of a new image, five items directly behind the table. */
#include "vhdx-create.h"

enum { REQUIRED = 4, VIRTUAL_DISK = 2, ITEMS = 5, ENTRIES_OFF = 32, ENTRY_BYTES = 32 };

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

static void table_fill(uint8_t *table)
{
    uint32_t offset = VHDX_TABLE_BYTES;

    memcpy(table, "metadata", 8);
    le16_store(table + 10, ITEMS);
    for (size_t i = 0; i < ITEMS; i++) {
        uint8_t *entry = table + ENTRIES_OFF + i * ENTRY_BYTES;
        memcpy(entry, items[i].guid, VHDX_GUID_BYTES);
        le32_store(entry + 16, offset);
        le32_store(entry + 20, items[i].bytes);
        le32_store(entry + 24, items[i].flags);
        offset += items[i].bytes;
    }
}

int vhdx_metadata_write(struct fmt_env *env, uint32_t device, const struct vhdx_layout *layout)
{
    size_t mark = fmt_arena_mark(env->arena);
    uint8_t *table = fmt_alloc(env, VHDX_TABLE_BYTES);
    uint8_t values[40];
    int r = table ? 0 : -FMT_ENOMEM;

    le32_store(values, layout->block_bytes);
    le32_store(values + 4, layout->fixed ? VHDX_PARAM_LEAVE_ALLOCATED : 0);
    le64_store(values + 8, layout->disk_bytes);
    le32_store(values + 32, layout->sector_bytes);
    le32_store(values + 36, layout->sector_bytes);
    if (r == 0) {
        table_fill(table);
        r = vhdx_guid_make(env, values + 16);
    }
    if (r == 0)
        r = io_write(env, device, layout->metadata_off, table, VHDX_TABLE_BYTES);
    if (r == 0)
        r = io_write(env, device, layout->metadata_off + VHDX_TABLE_BYTES, values, sizeof(values));
    fmt_arena_release(env->arena, mark);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_VHDX_WRITE_METADATA, FMT_NUM(-r)) : 0;
}
