/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains of images, by the maps of their drivers; see chain.h. */
#include "chain.h"

#include <string.h>

#include "abi/abi.h"

void chain_init(struct chain *chain, struct fmt_image *top)
{
    chain->top = top;
    chain->holes.count = 0;
}

/* Where space was taken before data was written, only the file system knows what is data. */
static void holes_apply(struct chain *chain, struct chain_extent *out)
{
    const struct fmt_extent *extent = &out->extent;
    struct fmt_run run;

    if (extent->kind != FMT_EXTENT_DATA || !extent->preallocated)
        return;
    if (holes_find(&chain->holes, out->image->env, extent->device, extent->device_off, out->length,
                   &run) < 0)
        return; /* then all of it counts as data */
    out->length = min_u64(out->length, run.length);
    out->told_bytes = min_u64(out->told_bytes, out->length);
    if (run.zero)
        out->flags |= ABI_MAP_ZERO;
}

static unsigned extent_flags(const struct fmt_image *image, const struct fmt_extent *extent)
{
    unsigned flags = 0;

    /* What is not in a differencing image has to be looked for in its parent. */
    if (image->driver->map_opaque && !(image->backing && extent->kind == FMT_EXTENT_UNALLOCATED))
        return ABI_MAP_DATA | ABI_MAP_PRESENT;
    if (extent->has_offset)
        flags |= ABI_MAP_OFFSET;
    if (extent->compressed)
        flags |= ABI_MAP_COMPRESSED;
    if (extent->kind == FMT_EXTENT_ZERO)
        flags |= ABI_MAP_ZERO | ABI_MAP_PRESENT;
    else if (extent->kind != FMT_EXTENT_UNALLOCATED)
        flags |= ABI_MAP_DATA | ABI_MAP_PRESENT;
    return flags;
}

/* For how many of @asked bytes the reference's driver would have spoken. */
static uint64_t told_bytes(const struct fmt_image *image, uint64_t offset, uint64_t asked,
                           uint64_t length)
{
    uint64_t unit = image->facts.cluster_bytes;

    if (image->driver->map_opaque)
        return asked;
    if (image->driver->map_by_unit && unit > 0)
        return min_u64(length, unit - offset % unit);
    return length;
}

int chain_extent_find(struct chain *chain, uint64_t offset, uint64_t length, bool top_only,
                      struct chain_extent *out)
{
    *out = (struct chain_extent){.image = chain->top, .length = length, .told_bytes = length};
    for (;; out->image = out->image->backing, out->depth++) {
        const struct fmt_image *image = out->image;
        const struct fmt_image *backing = image->backing;

        uint64_t asked = min_u64(out->length, image->facts.virtual_bytes - offset);
        int r = fmt_image_map(out->image, offset, asked, &out->extent);
        out->length = out->extent.length;
        out->told_bytes =
            min_u64(out->told_bytes,
                    told_bytes(image, offset, min_u64(out->told_bytes, asked), out->length));
        if (r < 0)
            return r;
        out->flags = extent_flags(image, &out->extent);
        if (out->flags & (ABI_MAP_DATA | ABI_MAP_ZERO)) {
            holes_apply(chain, out);
            return 0;
        }
        if (backing ? offset >= backing->facts.virtual_bytes : image->driver->supports_backing)
            out->flags |= ABI_MAP_ZERO;
        if (!backing || top_only || out->flags & ABI_MAP_ZERO)
            return 0;
    }
}

int chain_check(const struct fmt_image *top)
{
    for (const struct fmt_image *image = top; image->backing; image = image->backing) {
        struct fmt_image *asked = (struct fmt_image *)image;
        int r = image->driver->backing_check ? image->driver->backing_check(asked) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int chain_read(struct chain *chain, uint64_t offset, void *buffer, uint64_t length)
{
    uint8_t *to = buffer;

    for (uint64_t n; length > 0; to += n, offset += n, length -= n) {
        struct chain_extent found;
        int r = chain_extent_find(chain, offset, length, false, &found);
        n = found.length;
        if (r < 0)
            return r;
        if (found.extent.kind == FMT_EXTENT_DATA && !(found.flags & ABI_MAP_ZERO))
            r = io_read(found.image->env, found.extent.device, found.extent.device_off, to, n);
        else if (found.extent.kind == FMT_EXTENT_CODED)
            r = fmt_image_read(found.image, offset, to, n);
        else
            memset(to, 0, n);
        if (r < 0)
            return r;
    }
    return 0;
}
