/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VDI: new images, dynamic or static. */
#include "common/newfile.h"
#include "vdi.h"

static const char header_text[] = "<<< QEMU VM Virtual Disk Image >>>\n";

enum { HEADER_SIZE_FIELD = 0x180, MAP_OFF = 512, UUID_BYTES = 16 };

struct vdi_layout {
    uint64_t disk_bytes;
    uint32_t blocks;
    uint32_t map_bytes; /* whole sectors */
    bool is_static;
};

/* A random UUID, version 4, as VDI stores it: the first three fields little-endian. */
static int uuid_make(struct fmt_env *env, uint8_t *uuid)
{
    int r = env->io->random(env->io_ctx, uuid, UUID_BYTES);

    uuid[7] = (uint8_t)((uuid[7] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    return r;
}

static int header_write(struct fmt_env *env, uint32_t device, const struct vdi_layout *layout)
{
    uint8_t bytes[VDI_HEADER_BYTES] = {0};

    memcpy(bytes, header_text, sizeof(header_text) - 1);
    le32_store(bytes + 0x40, VDI_SIGNATURE);
    le32_store(bytes + 0x44, VDI_VERSION_1_1);
    le32_store(bytes + 0x48, HEADER_SIZE_FIELD);
    le32_store(bytes + 0x4c, layout->is_static ? VDI_STATIC : VDI_DYNAMIC);
    le32_store(bytes + 0x154, MAP_OFF);
    le32_store(bytes + 0x158, MAP_OFF + layout->map_bytes);
    le32_store(bytes + 0x168, FMT_SECTOR_BYTES);
    le64_store(bytes + 0x170, layout->disk_bytes);
    le32_store(bytes + 0x178, VDI_BLOCK_BYTES);
    le32_store(bytes + 0x180, layout->blocks);
    le32_store(bytes + 0x184, layout->is_static ? layout->blocks : 0);
    int r = uuid_make(env, bytes + 0x188);
    if (r == 0)
        r = uuid_make(env, bytes + 0x198);
    if (r == 0)
        r = io_write(env, device, 0, bytes, sizeof(bytes));
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_VDI_WRITE_HEADER) : 0;
}

/* Entries, and zeroes up to the end of the last sector. */
static void map_fill(void *ctx, uint64_t at, uint8_t *piece, size_t length)
{
    const struct vdi_layout *layout = ctx;

    for (size_t i = 0; i < length; i += 4) {
        uint32_t block = (uint32_t)((at + i) / 4);
        uint32_t entry = layout->is_static ? block : VDI_UNALLOCATED;
        le32_store(piece + i, block < layout->blocks ? entry : 0);
    }
}

int vdi_create(struct fmt_env *env, const struct fmt_create *create)
{
    struct vdi_layout layout = {.is_static = fmt_option_bool(create->options, "static", false)};

    layout.disk_bytes = round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES);
    if (layout.disk_bytes > VDI_DISK_BYTES_MAX)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_TOO_LARGE, FMT_NUM(layout.disk_bytes),
                        FMT_NUM(VDI_DISK_BYTES_MAX));
    layout.blocks = (uint32_t)div_up_u64(layout.disk_bytes, VDI_BLOCK_BYTES);
    layout.map_bytes = (uint32_t)round_up_u64(layout.blocks * UINT64_C(4), FMT_SECTOR_BYTES);
    int r = newfile_pieces_write(env, create->device, MAP_OFF, layout.map_bytes, map_fill, &layout);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_VDI_WRITE_MAP);
    if (layout.is_static) {
        r = io_truncate(env, create->device,
                        MAP_OFF + layout.map_bytes + (uint64_t)layout.blocks * VDI_BLOCK_BYTES,
                        FMT_PREALLOC_OFF);
        if (r < 0) {
            fmt_fail(env, -r, FMT_ERR_RESIZE_FILE, FMT_NUM(-r));
            return fmt_fail(env, -r, FMT_ERR_VDI_STATIC);
        }
    }
    return header_write(env, create->device, &layout);
}
