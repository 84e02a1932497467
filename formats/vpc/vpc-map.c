/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD: where the disk's bytes lie, and which of them belong to the parent. */
#include "common/mapread.h"
#include "vpc.h"

/* The parent's footer must carry the UUID that the child notes. Looked at once, when the chain has
 * been opened. */
static int parent_check(struct fmt_image *image, struct vpc_state *state)
{
    const struct fmt_image *parent = image->backing;

    if (state->parent_checked || !parent)
        return 0;
    if (parent->driver == image->driver) {
        const struct vpc_state *other = parent->state;
        if (memcmp(other->footer.uuid, state->header.parent_uuid, VPC_UUID_BYTES) != 0)
            return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_VPC_OTHER_PARENT);
    }
    state->parent_checked = true;
    return 0;
}

/* The run of sectors from byte @in_block of the block at @block_off on that are all here or all the
 * parent's: the bitmap's most significant bits come first. */
static int bitmap_run(struct vpc_state *state, uint64_t block_off, uint64_t in_block,
                      struct fmt_extent *run)
{
    uint64_t sector = in_block / FMT_SECTOR_BYTES, first = sector;
    uint64_t sectors = state->header.block_bytes / FMT_SECTOR_BYTES;
    bool here = false;
    uint8_t byte;

    for (; sector < sectors; sector++) {
        int r = fmt_cache_read(&state->bitmaps, block_off + sector / 8, &byte, 1);
        if (r < 0)
            return r;
        bool bit = byte >> (7 - sector % 8) & 1;
        if (sector != first && bit != here)
            break;
        here = bit;
    }
    run->length = sector * FMT_SECTOR_BYTES - in_block;
    run->kind = here ? FMT_EXTENT_DATA : FMT_EXTENT_UNALLOCATED;
    return 0;
}

/* What is at @at, up to the end of its block. */
static int block_extent(struct fmt_image *image, uint64_t at, struct fmt_extent *out)
{
    struct vpc_state *state = image->state;
    bool differencing = state->footer.type == VPC_DIFFERENCING;
    uint64_t in_block = at % state->header.block_bytes, index = at / state->header.block_bytes;
    uint32_t entry = VPC_UNALLOCATED;

    int r = index < state->header.bat_entries ? vpc_entry(state, index, &entry) : 0;
    if (r < 0)
        return r;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_DATA,
                               .length = state->header.block_bytes - in_block};
    if (entry == VPC_UNALLOCATED) {
        out->kind = differencing ? FMT_EXTENT_UNALLOCATED : FMT_EXTENT_ZERO;
        return 0;
    }
    uint64_t block_off = (uint64_t)entry * FMT_SECTOR_BYTES;
    if (differencing)
        r = bitmap_run(state, block_off, in_block, out);
    if (out->kind == FMT_EXTENT_DATA) {
        out->device = image->device;
        out->device_off = block_off + state->bitmap_bytes + in_block;
        out->has_offset = true;
    }
    return r;
}

int vpc_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    struct vpc_state *state = image->state;

    int r = parent_check(image, state);
    if (r < 0)
        return r;
    if (state->footer.type == VPC_FIXED) {
        *out = (struct fmt_extent){.kind = FMT_EXTENT_DATA,
                                   .length = length,
                                   .device = image->device,
                                   .device_off = offset,
                                   .has_offset = true,
                                   .preallocated = true};
        return 0;
    }
    return fmt_extents_map(image, block_extent, offset, length, out);
}
