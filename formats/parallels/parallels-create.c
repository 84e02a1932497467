/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallels: new images, always of the newer kind. */
#include "common/newfile.h"
#include "parallels.h"

enum { HEADS = 16, TRACK_SECTORS = 32 };

#define ENTRIES_LIMIT (UINT64_C(1) << 32)

static int sizes_check(struct fmt_env *env, uint64_t disk_bytes, uint64_t cluster_bytes)
{
    if (cluster_bytes >= INT64_MAX / ENTRIES_LIMIT)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_CLUSTER_TOO_LARGE);
    if (disk_bytes >= ENTRIES_LIMIT * cluster_bytes)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_DISK_TOO_LARGE);
    return 0;
}

int parallels_create(struct fmt_env *env, const struct fmt_create *create)
{
    uint64_t disk_bytes = round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES);
    uint64_t cluster_bytes = round_up_u64(
        fmt_option_number(create->options, "cluster_size", PARALLELS_CLUSTER_BYTES_DEFAULT),
        FMT_SECTOR_BYTES);
    uint8_t sector[FMT_SECTOR_BYTES] = {0};

    int r = sizes_check(env, disk_bytes, cluster_bytes);
    if (r < 0)
        return r;
    uint32_t entries = (uint32_t)div_up_u64(disk_bytes, cluster_bytes);
    /* 32 bits, as the reference counts: such images are too large for it to open. */
    uint32_t bat_end = (uint32_t)parallels_entry_off(entries);
    uint32_t data_sector =
        (uint32_t)(div_up_u64(bat_end, cluster_bytes) * cluster_bytes / FMT_SECTOR_BYTES);
    uint64_t disk_sectors = disk_bytes / FMT_SECTOR_BYTES;

    memcpy(sector, parallels_magics[1], sizeof(parallels_magics[1]));
    le32_store(sector + 16, PARALLELS_VERSION);
    le32_store(sector + 20, HEADS);
    le32_store(sector + 24, (uint32_t)(disk_sectors / HEADS / TRACK_SECTORS));
    le32_store(sector + 28, (uint32_t)(cluster_bytes / FMT_SECTOR_BYTES));
    le32_store(sector + 32, entries);
    le64_store(sector + 36, disk_sectors);
    le32_store(sector + 48, data_sector);
    uint32_t rest_bytes = (data_sector - 1) * FMT_SECTOR_BYTES;
    r = io_write(env, create->device, 0, sector, sizeof(sector));
    if (r == 0 && rest_bytes)
        r = io_zero(env, create->device, FMT_SECTOR_BYTES, rest_bytes, false);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_PARALLELS_CREATE, FMT_NUM(-r)) : 0;
}
