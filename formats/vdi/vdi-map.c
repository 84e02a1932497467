/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VDI: where the disk's bytes lie. */
#include "common/mapread.h"
#include "vdi.h"

/* What is at @at, up to the end of its block. */
static int block_extent(struct fmt_image *image, uint64_t at, struct fmt_extent *out)
{
    struct vdi_state *state = image->state;
    uint64_t in_block = at % VDI_BLOCK_BYTES;
    uint32_t entry;

    *out = (struct fmt_extent){.kind = FMT_EXTENT_ZERO, .length = VDI_BLOCK_BYTES - in_block};
    int r = vdi_entry(state, at / VDI_BLOCK_BYTES, &entry);
    if (r < 0 || !vdi_is_allocated(entry))
        return r;
    out->kind = FMT_EXTENT_DATA;
    out->device = image->device;
    out->device_off = vdi_block_off(state, entry) + in_block;
    out->has_offset = true;
    out->preallocated = state->header.image_type == VDI_STATIC;
    return 0;
}

int vdi_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    return fmt_extents_map(image, block_extent, offset, length, out);
}
