/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layers: images that serve as the file of other images, under device numbers of their own. */
#include <string.h>

#include "guest.h"

struct guest_layer {
    struct guest_layer *next;
    uint32_t device;
    struct fmt_image *image;
};

int layer_add(struct guest *g, uint32_t device, struct fmt_image *image)
{
    struct guest_layer *layer = fmt_alloc(&g->env, sizeof(*layer));

    if (!layer)
        return -FMT_ENOMEM;
    *layer = (struct guest_layer){g->layers, device, image};
    g->layers = layer;
    return 0;
}

struct fmt_image *layer_find(const struct guest *g, uint32_t device)
{
    for (const struct guest_layer *layer = g->layers; layer; layer = layer->next) {
        if (layer->device == device)
            return layer->image;
    }
    return NULL;
}

/* The bytes at @offset, at most *length of them, from the image of the chain that has them; sets
 * *length to how many. */
static int piece_read(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    struct fmt_extent extent = {.kind = FMT_EXTENT_UNALLOCATED, .length = *length};

    while (image && offset < image->facts.virtual_bytes) {
        uint64_t rest = image->facts.virtual_bytes - offset;
        int r = fmt_image_map(image, offset, min_u64(*length, rest), &extent);
        if (r < 0)
            return r;
        *length = (size_t)min_u64(*length, extent.length);
        if (extent.kind != FMT_EXTENT_UNALLOCATED)
            break;
        image = image->backing;
    }
    if (extent.kind == FMT_EXTENT_DATA)
        return io_read(image->env, extent.device, extent.device_off, to, *length);
    if (extent.kind == FMT_EXTENT_CODED)
        return fmt_image_read(image, offset, to, *length);
    memset(to, 0, *length);
    return 0;
}

int layer_read(struct guest *g, uint32_t device, uint64_t offset, void *buffer, size_t length)
{
    struct fmt_image *image = layer_find(g, device);
    uint8_t *to = buffer;

    if (!image)
        return -FMT_EINVAL;
    while (length > 0) {
        size_t piece = length;
        int r = piece_read(image, offset, to, &piece);
        if (r < 0)
            return r;
        to += piece;
        offset += piece;
        length -= piece;
    }
    return 0;
}
