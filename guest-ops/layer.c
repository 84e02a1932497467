/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layers: images that serve as the file of other images, under device numbers of their own. */
#include <string.h>

#include "chain.h"
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

int layer_extent(struct guest *g, uint32_t device, uint64_t offset, uint64_t length,
                 struct fmt_run *run)
{
    struct fmt_image *image = layer_find(g, device);
    struct chain_extent found;
    struct chain chain;

    if (!image)
        return -FMT_EINVAL;
    *run = (struct fmt_run){.length = length, .zero = true};
    if (offset >= image->facts.virtual_bytes)
        return 0;
    chain_init(&chain, image);
    length = min_u64(length, image->facts.virtual_bytes - offset);
    int r = chain_extent_find(&chain, offset, length, 0, &found);
    *run = (struct fmt_run){found.length, found.flags & ABI_MAP_ZERO};
    return r;
}

int layer_read(struct guest *g, uint32_t device, uint64_t offset, void *buffer, size_t length)
{
    struct fmt_image *image = layer_find(g, device);
    struct chain chain;

    if (!image)
        return -FMT_EINVAL;
    uint64_t size = image->facts.virtual_bytes;
    size_t inside = offset < size ? (size_t)min_u64(length, size - offset) : 0;
    memset((uint8_t *)buffer + inside, 0, length - inside);
    chain_init(&chain, image);
    return chain_read(&chain, offset, buffer, inside);
}

/* The image is as long as its file; a window of it that cannot grow refuses to. */
static void layer_resize(struct fmt_image *image, enum fmt_change change, uint64_t end)
{
    uint64_t bytes = round_up_u64(end, FMT_SECTOR_BYTES);
    bool grows = change == FMT_CHANGE_WRITE || change == FMT_CHANGE_ZERO;

    if (change == FMT_CHANGE_SIZE || (grows && bytes > image->facts.virtual_bytes))
        image->facts.virtual_bytes = bytes;
}

int layer_change(struct guest *g, uint32_t *device, enum fmt_change change, uint64_t *offset,
                 uint64_t length)
{
    while (*device >= LAYER_DEVICE_FIRST) {
        struct fmt_image *image = layer_find(g, *device);
        uint64_t end;

        if (!image || !image->driver->pass_change)
            return -FMT_ENOTSUP;
        if (__builtin_add_overflow(*offset, length, &end) || end > FMT_OFFSET_MAX)
            return -FMT_EINVAL;
        int r = image->driver->pass_change(image, change, offset, length);
        if (r < 0)
            return r;
        layer_resize(image, change, end);
        *device = image->device;
    }
    return 0;
}

void layer_event(struct guest *g, uint32_t device, enum fmt_event event)
{
    struct fmt_image *image = layer_find(g, device);

    if (image && image->driver->event)
        image->driver->event(image, event);
}
