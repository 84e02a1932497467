/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: where the disk's bytes lie, and which of them belong to the parent. */
#include "common/mapread.h"
#include "vhdx-view.h"

/* The parent's data write GUID must be one that the child notes. Looked at once, when the chain
 * has been opened. */
static int parent_check(struct fmt_image *image, struct vhdx_state *state)
{
    const struct fmt_image *parent = image->backing;
    bool found = state->parent_linkages == 0;

    if (state->parent_checked || !parent)
        return 0;
    if (parent->driver == image->driver) {
        const struct vhdx_state *other = parent->state;
        for (uint32_t i = 0; i < state->parent_linkages; i++)
            found |= vhdx_guid_equal(other->header.data_write_guid, state->parent_linkage[i]);
        if (!found)
            return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_VHDX_OTHER_PARENT);
    }
    state->parent_checked = true;
    return 0;
}

/* Offset of the bitmap of the chunk that holds @block; 0: there is none. */
static int bitmap_find(struct vhdx_state *state, uint64_t block, uint64_t *offset)
{
    uint64_t entry;

    int r = vhdx_entry(state, vhdx_bitmap_index(state, block), &entry);
    bool present = r == 0 && (entry & VHDX_BAT_STATE_MASK) == VHDX_FULLY_PRESENT;
    *offset = present ? entry & VHDX_BAT_OFF_MASK : 0;
    return r;
}

/* The run of sectors from @in_block on that are all here or all the parent's: the bitmap's least
 * significant bits come first, one bit for each logical sector of the chunk. */
static int bitmap_run(struct vhdx_state *state, uint64_t block, uint64_t in_block,
                      struct fmt_extent *run)
{
    uint64_t sectors = state->block_bytes / state->logical_sector_bytes;
    uint64_t base = block % state->chunk_blocks * sectors;
    uint64_t sector = in_block / state->logical_sector_bytes, first = sector, bitmap;
    bool here = false;
    uint8_t byte;

    int r = bitmap_find(state, block, &bitmap);
    if (r == 0 && bitmap == 0)
        r = -FMT_EIO; /* a partly present block without a bitmap */
    for (; r == 0 && sector < sectors; sector++) {
        r = fmt_cache_read(&state->bat, bitmap + (base + sector) / 8, &byte, 1);
        bool bit = byte >> (base + sector) % 8 & 1;
        if (sector != first && bit != here)
            break;
        here = bit;
    }
    run->length = sector * state->logical_sector_bytes - in_block;
    run->kind = here ? FMT_EXTENT_DATA : FMT_EXTENT_UNALLOCATED;
    return r;
}

/* What is at @at, up to the end of its block. */
static int block_extent(struct fmt_image *image, uint64_t at, struct fmt_extent *out)
{
    struct vhdx_state *state = image->state;
    uint64_t block = at / state->block_bytes, in_block = at % state->block_bytes;
    uint64_t entry;

    int r = vhdx_entry(state, vhdx_block_index(state, block), &entry);
    if (r < 0)
        return r;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_ZERO, .length = state->block_bytes - in_block};
    switch (entry & VHDX_BAT_STATE_MASK) {
    case VHDX_NOT_PRESENT:
        if (vhdx_has_parent(state))
            out->kind = FMT_EXTENT_UNALLOCATED;
        return 0;
    case VHDX_UNDEFINED:
    case VHDX_ZERO:
    case VHDX_UNMAPPED:
    case VHDX_UNMAPPED_OLD:
        return 0;
    case VHDX_FULLY_PRESENT:
        out->kind = FMT_EXTENT_DATA;
        break;
    case VHDX_PARTIALLY_PRESENT:
        r = vhdx_has_parent(state) ? bitmap_run(state, block, in_block, out) : -FMT_EIO;
        break;
    default:
        return -FMT_EIO;
    }
    if (out->kind == FMT_EXTENT_DATA) {
        out->device = image->device;
        out->device_off = (entry & VHDX_BAT_OFF_MASK) + in_block;
        out->has_offset = true;
    }
    return r;
}

/* The same, as far as the host may copy it or nobody needs to. */
static int view_extent(struct fmt_image *image, uint64_t at, struct fmt_extent *out)
{
    const struct vhdx_state *state = image->state;

    int r = block_extent(image, at, out);
    if (r == 0 && state->view && out->kind == FMT_EXTENT_DATA)
        vhdx_view_extent(state->view, out);
    return r;
}

int vhdx_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    struct vhdx_state *state = image->state;

    int r = parent_check(image, state);
    if (r < 0)
        return r;
    return fmt_extents_map(image, view_extent, offset, length, out);
}

static int piece_read(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    const struct vhdx_state *state = image->state;
    struct fmt_extent extent;

    int r = block_extent(image, offset, &extent);
    if (r < 0)
        return r;
    *length = (size_t)min_u64(*length, extent.length);
    if (extent.kind == FMT_EXTENT_DATA)
        return io_read(state->env, extent.device, extent.device_off, to, *length);
    memset(to, 0, *length);
    return 0;
}

int vhdx_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    return fmt_pieces_read(image, offset, buffer, length, piece_read);
}
