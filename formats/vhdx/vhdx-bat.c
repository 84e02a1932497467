/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: whether the blocks that the BAT names lie where blocks can lie. */
#include "vhdx.h"

struct bat_walk {
    struct fmt_image *image;
    struct vhdx_state *state;
    uint64_t file_bytes;
    uint64_t index;
    uint64_t until_exempt; /* present entries until one that the reference does not look at */
};

/* Bytes of the block that must lie in the file: the disk's last block may be cut. */
static uint64_t bytes_needed(const struct bat_walk *walk)
{
    const struct vhdx_state *state = walk->state;
    uint64_t virtual_bytes = walk->image->facts.virtual_bytes;
    uint64_t start =
        walk->index * state->block_bytes; /* not the disk's offset past a bitmap entry */

    if (vhdx_has_parent(state) && (walk->index + 1) % (state->chunk_blocks + UINT64_C(1)) == 0)
        return VHDX_BITMAP_BYTES;
    return start < virtual_bytes ? min_u64(state->block_bytes, virtual_bytes - start)
                                 : state->block_bytes;
}

/* All that is wrong with the place of a block, or the first thing alone. */
static unsigned bounds_errors(const struct bat_walk *walk, uint64_t offset, bool first_alone)
{
    struct fmt_env *env = walk->image->env;
    uint64_t end = offset + bytes_needed(walk);
    unsigned errors = 0;

    if (offset > (uint64_t)INT64_MAX - walk->state->block_bytes) {
        fmt_message(env, FMT_MESSAGE_ERROR, FMT_ERR_VHDX_BAT_OVERFLOW, FMT_NUM(walk->index));
        errors++;
    }
    if (errors && first_alone)
        return errors;
    if (offset >= walk->file_bytes) {
        fmt_message(env, FMT_MESSAGE_ERROR, FMT_ERR_VHDX_BAT_START, FMT_NUM(walk->index),
                    FMT_NUM(offset), FMT_NUM(walk->file_bytes));
        errors++;
    } else if (end > walk->file_bytes) {
        fmt_message(env, FMT_MESSAGE_ERROR, FMT_ERR_VHDX_BAT_END, FMT_NUM(walk->index),
                    FMT_NUM(end - 1), FMT_NUM(walk->file_bytes));
        errors++;
    }
    return errors;
}

/* Every (chunk_blocks + 1)-th present entry is not held against the regions: meant to be the
 * bitmaps' entries. */
static unsigned region_errors(struct bat_walk *walk, uint64_t offset)
{
    const struct vhdx_state *state = walk->state;

    if (walk->until_exempt == 0) {
        walk->until_exempt = state->chunk_blocks;
        return 0;
    }
    walk->until_exempt--;
    return vhdx_region_free(walk->image, state, offset, state->block_bytes) ? 0 : 1;
}

int vhdx_bat_check(struct fmt_image *image, struct vhdx_state *state, uint64_t *errors)
{
    struct bat_walk walk = {image, state, 0, 0, state->chunk_blocks};
    unsigned bad = 0;

    int r = io_sector_bytes(state->env, image->device, &walk.file_bytes);
    if (r < 0) {
        fmt_message(image->env, FMT_MESSAGE_ERROR, FMT_ERR_VHDX_FILE_SIZE);
        return r;
    }
    for (; walk.index < state->bat_entries; walk.index++) {
        uint64_t entry;
        r = vhdx_entry(state, walk.index, &entry);
        if (r < 0)
            return r;
        if ((entry & VHDX_BAT_STATE_MASK) != VHDX_FULLY_PRESENT)
            continue;
        bad = bounds_errors(&walk, entry & VHDX_BAT_OFF_MASK, !errors);
        if (errors || bad == 0)
            bad += region_errors(&walk, entry & VHDX_BAT_OFF_MASK);
        if (!errors && bad)
            return -FMT_EINVAL;
        if (errors)
            *errors += bad;
    }
    return 0;
}

int vhdx_check(struct fmt_image *image, struct fmt_check *check, unsigned fix)
{
    struct vhdx_state *state = image->state;

    (void)fix; /* a log has been replayed already, and nothing else can be mended */
    if (state->log_replayed)
        check->corruptions_fixed++;
    vhdx_bat_check(image, state, &check->corruptions);
    return 0;
}
