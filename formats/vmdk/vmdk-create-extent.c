/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: new hosted sparse extents: header, two grain directories and their empty grain tables. */
#include "common/newfile.h"
#include "vmdk.h"

enum {
    GRAIN_SECTORS = 128,
    L2_ENTRIES = 512,
    L2_SECTORS = L2_ENTRIES * 4 / FMT_SECTOR_BYTES,
    DESCRIPTOR_SECTOR = 1,
    DESCRIPTOR_SECTORS = 20,
    BACKUP_SECTOR = DESCRIPTOR_SECTOR + DESCRIPTOR_SECTORS,
};

/* All in sectors. */
struct layout {
    uint32_t tables;
    uint64_t directory_sectors;
    uint64_t directory, grains;
};

static struct layout layout_make(uint64_t bytes)
{
    uint64_t grains = div_up_u64(bytes / FMT_SECTOR_BYTES, GRAIN_SECTORS);
    struct layout layout = {.tables = (uint32_t)div_up_u64(grains, L2_ENTRIES)};

    layout.directory_sectors = div_up_u64(layout.tables * UINT64_C(4), FMT_SECTOR_BYTES);
    uint64_t all = layout.directory_sectors + (uint64_t)layout.tables * L2_SECTORS;
    layout.directory = BACKUP_SECTOR + all;
    layout.grains = round_up_u64(layout.directory + all, GRAIN_SECTORS);
    return layout;
}

static void header_make(const struct vmdk_new_extent *extent, const struct layout *layout,
                        uint8_t *header)
{
    uint32_t flags = VMDK_FLAG_BACKUP_DIRECTORY | VMDK_FLAG_NEWLINE_TEST;
    uint32_t version = extent->zeroed_grains ? 2 : 1;

    if (extent->compressed) {
        version = 3;
        flags |= VMDK_FLAG_COMPRESSED | VMDK_FLAG_MARKERS;
    }
    if (extent->zeroed_grains)
        flags |= VMDK_FLAG_ZEROED_GRAIN;
    memset(header, 0, VMDK_HEADER_BYTES);
    be32_store(header, VMDK_MAGIC_HOSTED);
    le32_store(header + VMDK_OFF_VERSION, version);
    le32_store(header + VMDK_OFF_FLAGS, flags);
    le64_store(header + VMDK_OFF_CAPACITY, extent->bytes / FMT_SECTOR_BYTES);
    le64_store(header + VMDK_OFF_GRANULARITY, GRAIN_SECTORS);
    le64_store(header + VMDK_OFF_DESCRIPTOR, DESCRIPTOR_SECTOR);
    le64_store(header + VMDK_OFF_DESCRIPTOR_SIZE, DESCRIPTOR_SECTORS);
    le32_store(header + VMDK_OFF_L2_ENTRIES, L2_ENTRIES);
    le64_store(header + VMDK_OFF_BACKUP_DIRECTORY, BACKUP_SECTOR);
    le64_store(header + VMDK_OFF_DIRECTORY, layout->directory);
    le64_store(header + VMDK_OFF_GRAINS, layout->grains);
    memcpy(header + VMDK_OFF_NEWLINE_TEST, "\n \r\n", 4);
    le16_store(header + VMDK_OFF_COMPRESSION, extent->compressed);
}

/* A directory's entries: the tables lie one behind the other. */
struct directory {
    uint64_t first_sector;
    uint32_t tables;
};

static void directory_fill(void *ctx, uint64_t at, uint8_t *piece, size_t length)
{
    const struct directory *directory = ctx;

    memset(piece, 0, length);
    for (size_t i = 0; i + 4 <= length && at / 4 + i / 4 < directory->tables; i += 4)
        le32_store(piece + i, (uint32_t)(directory->first_sector + (at + i) / 4 * L2_SECTORS));
}

static int directory_write(struct fmt_env *env, uint32_t device, const struct layout *layout,
                           uint64_t sector)
{
    struct directory directory = {sector + layout->directory_sectors, layout->tables};

    if (layout->directory_sectors == 0)
        return 0;
    return newfile_pieces_write(env, device, sector * FMT_SECTOR_BYTES,
                                layout->directory_sectors * FMT_SECTOR_BYTES, directory_fill,
                                &directory);
}

static int tables_write(struct fmt_env *env, uint32_t device, const struct layout *layout)
{
    int r = io_truncate(env, device, layout->grains * FMT_SECTOR_BYTES, FMT_PREALLOC_OFF);
    if (r < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_RESIZE_FILE, FMT_NUM(-r));
    r = directory_write(env, device, layout, BACKUP_SECTOR);
    if (r < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_WRITE_DIRECTORY, FMT_NUM(-r));
    r = directory_write(env, device, layout, layout->directory);
    return r < 0 ? fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_WRITE_BACKUP, FMT_NUM(-r)) : 0;
}

int vmdk_new_extent_write(struct fmt_env *env, uint32_t device,
                          const struct vmdk_new_extent *extent)
{
    struct layout layout = layout_make(extent->bytes);
    uint8_t header[VMDK_HEADER_BYTES] = {0};

    /* Whether there is room for the header is found out first; what it says is written last. */
    int r = io_write(env, device, 0, header, sizeof(header));
    if (r < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_WRITE_MAGIC, FMT_NUM(-r));
    r = tables_write(env, device, &layout);
    header_make(extent, &layout, header);
    int written = io_write(env, device, 0, header, sizeof(header));
    if (r == 0 && written < 0)
        r = fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_WRITE_HEADER, FMT_NUM(-written));
    return r;
}
