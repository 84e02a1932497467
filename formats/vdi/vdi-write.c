/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VDI: new blocks, one behind the other in the order in which they are first written. */
#include "vdi.h"

/* The map entry of a new block for block @index of the disk. */
static int block_add(struct fmt_image *image, uint64_t index, uint32_t *entry)
{
    struct vdi_state *state = image->state;
    struct vdi_header *h = &state->header;
    uint8_t bytes[4];
    uint64_t offset;

    if (!vdi_is_allocated(h->blocks_allocated))
        return -FMT_ENOSPC;
    *entry = h->blocks_allocated;
    int r =
        fmt_append_begin(image->env, image->device, &state->append, vdi_block_off(state, *entry));
    if (r == 0)
        r = fmt_append_take(image->env, image->device, &state->append, VDI_BLOCK_BYTES, 1, &offset);
    if (r < 0)
        return r;
    le32_store(bytes, *entry);
    r = fmt_cache_write(&state->map, h->bmap_off + index * sizeof(bytes), bytes, sizeof(bytes));
    if (r == 0)
        h->blocks_allocated++;
    return r;
}

int vdi_allocate(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    struct vdi_state *state = image->state;
    uint64_t index = offset / VDI_BLOCK_BYTES, in_block = offset % VDI_BLOCK_BYTES;
    uint8_t version[4];
    uint32_t entry;

    le32_store(version, state->header.version);
    int r = fmt_veil_draw(image, &state->veil, image->device, VDI_OFF_VERSION, version,
                          sizeof(version));
    if (r == 0)
        r = vdi_entry(state, index, &entry);
    if (r == 0 && !vdi_is_allocated(entry))
        r = block_add(image, index, &entry);
    *out = (struct fmt_extent){.kind = FMT_EXTENT_DATA,
                               .length = min_u64(length, VDI_BLOCK_BYTES - in_block),
                               .device = image->device,
                               .device_off = vdi_block_off(state, entry) + in_block,
                               .has_offset = true};
    return r;
}

int vdi_finish(struct fmt_image *image)
{
    struct vdi_state *state = image->state;
    uint8_t bytes[4];

    if (!state->append.ready)
        return fmt_veil_lift(image, &state->veil);
    int r = fmt_append_finish(image->env, image->device, &state->append);
    if (r == 0)
        r = fmt_cache_flush(&state->map);
    le32_store(bytes, state->header.blocks_allocated);
    if (r == 0)
        r = io_write(image->env, image->device, VDI_OFF_BLOCKS_ALLOCATED, bytes, sizeof(bytes));
    return r < 0 ? r : fmt_veil_lift(image, &state->veil);
}
