/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD: new blocks, each with the bitmap of its sectors, over the footer, which moves on. */
#include "vpc.h"

/* Mark all sectors of a new block as written. */
static int bitmap_fill(struct vpc_state *state, uint64_t block_off)
{
    uint8_t ones[FMT_SECTOR_BYTES];
    int r = 0;

    memset(ones, 0xff, sizeof(ones));
    for (uint32_t at = 0; r == 0 && at < state->bitmap_bytes; at += sizeof(ones))
        r = fmt_cache_write(&state->bitmaps, block_off + at, ones, sizeof(ones));
    return r;
}

static int block_add(struct fmt_image *image, uint64_t index, uint32_t *entry)
{
    struct vpc_state *state = image->state;
    uint8_t bytes[4];
    uint64_t offset;

    int r = fmt_append_begin(image->env, image->device, &state->append, state->end_off);
    if (r == 0)
        r = fmt_append_take(image->env, image->device, &state->append,
                            (uint64_t)state->bitmap_bytes + state->header.block_bytes,
                            FMT_SECTOR_BYTES, &offset);
    if (r < 0)
        return r;
    if (offset / FMT_SECTOR_BYTES >= VPC_UNALLOCATED)
        return -FMT_EFBIG;
    *entry = (uint32_t)(offset / FMT_SECTOR_BYTES);
    be32_store(bytes, *entry);
    r = bitmap_fill(state, offset);
    if (r == 0)
        r = fmt_cache_write(&state->bat, state->header.bat_off + index * sizeof(bytes), bytes,
                            sizeof(bytes));
    return r;
}

/* Until all is written, the dynamic header, or the footer of a fixed image, is none. */
static int change_begin(struct fmt_image *image)
{
    struct vpc_state *state = image->state;
    bool fixed = state->footer.type == VPC_FIXED;
    uint64_t offset = state->footer.header_off;
    int r = 0;

    if (state->veil.bytes > 0 || !(image->flags & FMT_OPEN_NEW))
        return 0;
    if (fixed) {
        r = io_sector_bytes(image->env, image->device, &offset);
        offset -= r == 0 ? VPC_FOOTER_BYTES : 0;
    }
    return r < 0 ? r
                 : fmt_veil_draw(image, &state->veil, image->device, offset,
                                 fixed ? vpc_footer_cookie : vpc_header_cookie, VPC_COOKIE_BYTES);
}

int vpc_allocate(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    struct vpc_state *state = image->state;
    uint32_t block_bytes = state->header.block_bytes, entry;

    if (state->footer.type == VPC_DIFFERENCING)
        return -FMT_ENOTSUP;
    int r = change_begin(image);
    if (r < 0)
        return r;
    if (state->footer.type == VPC_FIXED)
        return vpc_map(image, offset, length, out);
    uint64_t index = offset / block_bytes, in_block = offset % block_bytes;
    r = vpc_entry(state, index, &entry);
    if (r == 0 && entry == VPC_UNALLOCATED)
        r = block_add(image, index, &entry);
    *out = (struct fmt_extent){
        .kind = FMT_EXTENT_DATA,
        .length = min_u64(length, block_bytes - in_block),
        .device = image->device,
        .device_off = (uint64_t)entry * FMT_SECTOR_BYTES + state->bitmap_bytes + in_block,
        .has_offset = true,
    };
    return r;
}

int vpc_finish(struct fmt_image *image)
{
    struct vpc_state *state = image->state;

    if (!state->append.ready)
        return fmt_veil_lift(image, &state->veil);
    /* The BAT comes last: until then, a new image is empty. */
    int r = fmt_cache_flush(&state->bitmaps);
    if (r == 0)
        r = io_write(image->env, image->device, state->append.end_off, state->footer_bytes,
                     VPC_FOOTER_BYTES);
    if (r == 0)
        r = fmt_cache_flush(&state->bat);
    return r < 0 ? r : fmt_veil_lift(image, &state->veil);
}
