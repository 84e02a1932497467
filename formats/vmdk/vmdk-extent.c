/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: extents as parts of the disk, and the sparse ones by their magic. */
#include "vmdk.h"

enum { COWD_HEADER_BYTES = 44, COWD_L2_ENTRIES = 4096 };

/* Tables that cannot be read are told at once, though they are read when they are needed. */
static int tables_check(struct fmt_env *env, const struct vmdk_extent *extent)
{
    uint64_t entry_bytes = extent->kind == VMDK_SESPARSE ? 8 : 4;
    uint64_t bytes = extent->l1_entries * entry_bytes;

    if (!io_range_ok(extent->l1_off, bytes))
        return fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_READ_L1, FMT_STR(extent->filename),
                        FMT_NUM(FMT_EIO));
    if (extent->l1_backup_off && !io_range_ok(extent->l1_backup_off, bytes))
        return fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_READ_L1_BACKUP, FMT_STR(extent->filename),
                        FMT_NUM(FMT_EIO));
    return 0;
}

static int extents_grow(struct fmt_env *env, struct vmdk_state *state)
{
    uint32_t room = state->extents_room ? state->extents_room * 2 : 4;
    struct vmdk_extent *more = fmt_alloc(env, room * sizeof(*more));

    if (!more)
        return -FMT_ENOMEM;
    if (state->extents)
        memcpy(more, state->extent, state->extents * sizeof(*more));
    state->extent = more;
    state->extents_room = room;
    return 0;
}

int vmdk_extent_add(struct fmt_image *image, struct vmdk_state *state,
                    const struct vmdk_extent *extent)
{
    struct fmt_env *env = image->env;

    if (extent->cluster_sectors > VMDK_CLUSTER_SECTORS_MAX)
        return fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_GRANULARITY);
    if (extent->l1_entries > VMDK_L1_ENTRIES_MAX)
        return fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_L1_SIZE);
    int r = tables_check(env, extent);
    if (r == 0 && state->extents == state->extents_room)
        r = extents_grow(env, state);
    if (r < 0)
        return r;
    struct vmdk_extent *added = &state->extent[state->extents++];
    *added = *extent;
    added->start_sector = state->end_sector;
    if (__builtin_add_overflow(state->end_sector, extent->sectors, &state->end_sector))
        state->end_sector = UINT64_MAX;
    return 0;
}

/* ESX's copy-on-write disks; all fields have 32 bits. */
static int cowd_open(struct fmt_image *image, struct vmdk_state *state, uint32_t device,
                     struct fmt_bytes filename)
{
    uint8_t header[COWD_HEADER_BYTES];

    int r = vmdk_head_read(image->env, state, device, header, sizeof(header));
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_VMDK_READ_HEADER, FMT_STR(filename), FMT_NUM(-r));
    struct vmdk_extent extent = {
        .kind = VMDK_SPARSE,
        .device = device,
        .filename = filename,
        .sectors = le32_load(header + 12),
        .cluster_sectors = le32_load(header + 16),
        .l1_off = (uint64_t)le32_load(header + 20) * FMT_SECTOR_BYTES,
        .l1_entries = le32_load(header + 24),
        .l2_entries = COWD_L2_ENTRIES,
        .l1_entry_sectors = COWD_L2_ENTRIES * le32_load(header + 16),
    };
    return vmdk_extent_add(image, state, &extent);
}

int vmdk_head_read(struct fmt_env *env, const struct vmdk_state *state, uint32_t device,
                   void *buffer, size_t length)
{
    if (!state->has_head || state->head_device != device)
        return io_read(env, device, 0, buffer, length);
    memcpy(buffer, state->head, length);
    return 0;
}

int vmdk_magic_read(struct fmt_env *env, const struct vmdk_state *state, uint32_t device,
                    uint32_t *magic)
{
    uint8_t bytes[4];
    uint64_t file_bytes;

    int r = io_sector_bytes(env, device, &file_bytes);
    if (r < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_SIZE, FMT_NUM(-r));
    if (file_bytes < sizeof(bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_TOO_SMALL);
    r = vmdk_head_read(env, state, device, bytes, sizeof(bytes));
    if (r < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_READ, FMT_NUM(-r));
    *magic = be32_load(bytes);
    return 0;
}

int vmdk_sparse_open(struct fmt_image *image, struct vmdk_state *state, uint32_t device,
                     struct fmt_bytes filename)
{
    uint32_t magic = 0;

    int r = vmdk_magic_read(image->env, state, device, &magic);
    if (r < 0)
        return r;
    switch (magic) {
    case VMDK_MAGIC_COWD:
        return cowd_open(image, state, device, filename);
    case VMDK_MAGIC_HOSTED:
        return vmdk_hosted_open(image, state, device, filename);
    default:
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_VMDK_MAGIC);
    }
}
