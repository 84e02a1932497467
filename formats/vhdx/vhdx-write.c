/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX: new blocks at the file's end, at whole MiB.
 *
 * BAT entries are written once all blocks are there, and not by way of the log: a new entry is 8
 * bytes within a sector, and until it is written the block is merely unused space.
 */
#include "vhdx.h"

/* Whatever changes the disk's contents begins with new GUIDs in the headers. */
static int change_begin(struct fmt_image *image)
{
    struct vhdx_state *state = image->state;

    if (!state->headers_renewed) {
        /* A new image has no metadata until it is whole. */
        uint8_t signature[8];
        le64_store(signature, VHDX_METADATA_SIGNATURE);
        int r = fmt_veil_draw(image, &state->veil, image->device, state->metadata_off, signature,
                              sizeof(signature));
        if (r == 0)
            r = vhdx_headers_update(image, state, true, NULL);
        if (r < 0)
            return r;
        state->headers_renewed = true;
    }
    return fmt_append_begin(image->env, image->device, &state->append, UINT64_MAX);
}

static int block_add(struct fmt_image *image, uint64_t index, uint64_t *entry)
{
    struct vhdx_state *state = image->state;
    uint8_t bytes[8];
    uint64_t offset;

    int r = change_begin(image);
    if (r == 0)
        r = fmt_append_take(image->env, image->device, &state->append, state->block_bytes, VHDX_MIB,
                            &offset);
    if (r < 0)
        return r;
    *entry = offset | VHDX_FULLY_PRESENT;
    le64_store(bytes, *entry);
    return fmt_cache_write(&state->bat, state->bat_off + index * sizeof(bytes), bytes,
                           sizeof(bytes));
}

int vhdx_allocate(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    struct vhdx_state *state = image->state;
    uint64_t block = offset / state->block_bytes, in_block = offset % state->block_bytes;
    uint64_t index = vhdx_block_index(state, block), entry;

    if (vhdx_has_parent(state))
        return -FMT_ENOTSUP;
    int r = vhdx_entry(state, index, &entry);
    if (r < 0)
        return r;
    switch (entry & VHDX_BAT_STATE_MASK) {
    case VHDX_FULLY_PRESENT:
        r = (entry & VHDX_BAT_OFF_MASK) < VHDX_MIB ? -FMT_EFAULT : change_begin(image);
        break;
    case VHDX_NOT_PRESENT:
    case VHDX_UNDEFINED:
    case VHDX_ZERO:
    case VHDX_UNMAPPED:
    case VHDX_UNMAPPED_OLD:
        r = block_add(image, index, &entry);
        break;
    default:
        r = -FMT_EIO;
        break;
    }
    *out = (struct fmt_extent){.kind = FMT_EXTENT_DATA,
                               .length = min_u64(length, state->block_bytes - in_block),
                               .device = image->device,
                               .device_off = (entry & VHDX_BAT_OFF_MASK) + in_block,
                               .has_offset = true};
    return r;
}

int vhdx_finish(struct fmt_image *image)
{
    struct vhdx_state *state = image->state;

    if (!state->append.ready)
        return 0;
    int r = fmt_append_finish(image->env, image->device, &state->append);
    if (r == 0)
        r = io_flush(image->env, image->device);
    if (r == 0)
        r = fmt_cache_flush(&state->bat);
    return r < 0 ? r : fmt_veil_lift(image, &state->veil);
}
