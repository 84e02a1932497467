/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading by map; see mapread.h. */
#include "mapread.h"

int fmt_pieces_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length,
                    fmt_piece_fn piece_read)
{
    uint8_t *to = buffer;

    for (size_t n; length > 0; to += n, offset += n, length -= n) {
        n = length;
        int r = piece_read(image, offset, to, &n);
        if (r < 0)
            return r;
    }
    return 0;
}

static int mapped_piece(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    struct fmt_extent extent = {0};

    int r = image->driver->map(image, offset, *length, &extent);
    if (r < 0)
        return r;
    *length = (size_t)extent.length;
    if (extent.kind == FMT_EXTENT_DATA)
        return io_read(image->env, extent.device, extent.device_off, to, *length);
    memset(to, 0, *length);
    return 0;
}

int fmt_mapped_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    return fmt_pieces_read(image, offset, buffer, length, mapped_piece);
}

/* Pieces joined into one extent, at most: no disk's size makes one call endless. */
enum { JOINED_MAX = 1 << 16 };

/* Whether @next, which follows @extent on the disk, is more of the same. */
static bool same(const struct fmt_extent *extent, const struct fmt_extent *next)
{
    bool placed = extent->has_offset || extent->kind == FMT_EXTENT_DATA || extent->coded_in_place;

    if (next->kind != extent->kind || next->has_offset != extent->has_offset || next->compressed ||
        extent->compressed || next->preallocated != extent->preallocated)
        return false;
    return !placed || (next->device == extent->device &&
                       next->device_off == extent->device_off + extent->length);
}

int fmt_extents_map(struct fmt_image *image, fmt_extent_fn extent_at, uint64_t offset,
                    uint64_t length, struct fmt_extent *out)
{
    int r = extent_at(image, offset, out);

    for (unsigned n = 1; r == 0 && out->length < length && n < JOINED_MAX; n++) {
        struct fmt_extent next;
        /* An error further on is for a later call to tell. */
        if (extent_at(image, offset + out->length, &next) < 0 || !same(out, &next))
            break;
        out->length += next.length;
    }
    out->length = min_u64(out->length, length);
    return r;
}

int fmt_device_map(struct fmt_image *image, struct holes *holes, uint64_t device_off,
                   uint64_t length, struct fmt_extent *out)
{
    struct fmt_run run = {.length = length};
    size_t count = 1;
    int r = 0;

    if (holes && !image->over_image)
        r = holes_find(holes, image->env, image->device, device_off, length, &run);
    else if (!image->over_image)
        r = image->env->io->extents(image->env->io_ctx, image->device, device_off, length, &run,
                                    &count);
    if (r < 0)
        return r;
    *out = (struct fmt_extent){.kind = run.zero ? FMT_EXTENT_ZERO : FMT_EXTENT_DATA,
                               .length = min_u64(run.length, length),
                               .device = image->device,
                               .device_off = device_off,
                               .has_offset = true};
    return 0;
}
