/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains of images, by the maps of their drivers; see chain.h. */
#include "chain.h"

#include <string.h>

#include "abi/abi.h"
#include "guest.h"

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

/* For how many of @length bytes the reference's driver speaks at a time, at most. */
static uint64_t told_most(const struct fmt_image *image, uint64_t offset, uint64_t length)
{
    uint64_t unit = image->facts.cluster_bytes;

    if (!image->driver->map_by_unit || unit == 0)
        return length;
    return min_u64(length, unit - offset % unit);
}

static int image_find(struct chain *chain, uint64_t offset, unsigned mode,
                      struct chain_extent *out);

/* What the file or image answers that a driver hands through: raw, filters. */
static int below_find(struct chain *chain, unsigned mode, struct chain_extent *out)
{
    struct fmt_env *env = out->image->env;
    const struct fmt_extent *extent = &out->extent;
    struct fmt_image *below = layer_find(env->io_ctx, extent->device);
    struct fmt_run run;
    int r;

    if (below ? extent->device_off >= below->facts.virtual_bytes : extent->kind != FMT_EXTENT_CODED)
        return 0;
    if (!below) {
        r = holes_find(&chain->holes, env, extent->device, extent->device_off, out->length, &run);
        if (r < 0)
            return r;
        out->length = out->told_bytes = min_u64(out->length, run.length);
        out->flags = ABI_MAP_PRESENT | ABI_MAP_OFFSET | (run.zero ? ABI_MAP_ZERO : ABI_MAP_DATA);
        return 0;
    }
    struct chain_extent found = {
        .image = below, .length = out->length, .told_bytes = out->told_bytes};
    r = image_find(chain, extent->device_off, mode, &found);
    out->length = found.length;
    out->told_bytes = found.told_bytes;
    out->flags = found.flags;
    if (r < 0 || !(found.flags & (ABI_MAP_DATA | ABI_MAP_ZERO)))
        return r; /* read through the chain below */
    if (extent->kind == FMT_EXTENT_CODED) {
        out->extent.device = found.extent.device;
        out->extent.device_off = found.extent.device_off;
        return 0; /* read through the driver */
    }
    out->extent = found.extent;
    out->image = found.image;
    out->image_off = found.image_off;
    return r;
}

/* What the image itself says of at most out->length bytes of its disk, no more than told_bytes. */
static int image_find(struct chain *chain, uint64_t offset, unsigned mode, struct chain_extent *out)
{
    struct fmt_image *image = out->image;
    const struct fmt_driver *driver = image->driver;
    const struct fmt_image *backing = image->backing;
    uint64_t asked = min_u64(out->length, image->facts.virtual_bytes - offset);
    int r = 0;

    out->image_off = offset;
    out->told_bytes = min_u64(out->told_bytes, told_most(image, offset, asked));
    if (mode & CHAIN_AS_TOLD)
        asked = out->told_bytes;
    if (mode & CHAIN_STATUS && driver->status_check)
        r = driver->status_check(image, offset, asked);
    if (r == 0)
        r = fmt_image_map(image, offset, asked, &out->extent);
    if (r < 0)
        return r;
    out->length = out->extent.length;
    if (!driver->map_opaque || backing)
        out->told_bytes = min_u64(out->told_bytes, out->length);
    out->flags = extent_flags(image, &out->extent);
    if (driver->passes_facts)
        return below_find(chain, mode, out);
    if (out->flags & (ABI_MAP_DATA | ABI_MAP_ZERO))
        holes_apply(chain, out);
    else if (backing ? offset >= backing->facts.virtual_bytes : driver->supports_backing)
        out->flags |= ABI_MAP_ZERO;
    return 0;
}

/* The image that a filter stands on, if it is one and that is an image. */
static struct fmt_image *filtered(const struct fmt_image *image)
{
    return image->driver->is_filter ? layer_find(image->env->io_ctx, image->device) : NULL;
}

/* A filter that only its driver can read is read so, wherever below it the bytes lie. */
static void reader_keep(struct chain_extent *out, const struct chain_extent *reader)
{
    if (!reader->image)
        return;
    out->extent.kind = FMT_EXTENT_CODED;
    out->image = reader->image;
    out->image_off = reader->image_off;
}

int chain_extent_find(struct chain *chain, uint64_t offset, uint64_t length, unsigned mode,
                      struct chain_extent *out)
{
    struct fmt_image *image = chain->top;
    struct chain_extent reader = {0};
    int r;

    *out = (struct chain_extent){.length = length, .told_bytes = length};
    for (;;) {
        struct fmt_image *below = filtered(image);

        if (below && mode & CHAIN_NO_FILTERS) {
            image = below;
            continue;
        }
        out->image = image;
        r = image_find(chain, offset, mode, out);
        if (below && out->extent.kind == FMT_EXTENT_CODED && !reader.image)
            reader = *out;
        if (r < 0 || out->flags & (ABI_MAP_DATA | ABI_MAP_ZERO))
            break;
        if (!below && (!image->backing || mode & CHAIN_TOP_ONLY))
            break;
        out->depth += !below;
        image = below ? below : image->backing;
    }
    reader_keep(out, &reader);
    return r;
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
        int r = chain_extent_find(chain, offset, length, 0, &found);
        n = found.length;
        if (r < 0)
            return r;
        if (found.extent.kind == FMT_EXTENT_DATA && !(found.flags & ABI_MAP_ZERO))
            r = io_read(found.image->env, found.extent.device, found.extent.device_off, to, n);
        else if (found.extent.kind == FMT_EXTENT_CODED)
            r = fmt_image_read(found.image, found.image_off, to, n);
        else
            memset(to, 0, n);
        if (r < 0)
            return r;
    }
    return 0;
}
