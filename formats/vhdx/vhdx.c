/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: recognising and opening an image. */
#include "vhdx.h"

static const char file_signature[8] = {'v', 'h', 'd', 'x', 'f', 'i', 'l', 'e'};

static unsigned vhdx_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)filename;
    if (length < sizeof(file_signature) ||
        memcmp(head, file_signature, sizeof(file_signature)) != 0)
        return 0;
    return FMT_PROBE_MAX;
}

static int signature_check(struct fmt_image *image)
{
    uint8_t bytes[sizeof(file_signature)];

    int r = io_read(image->env, image->device, 0, bytes, sizeof(bytes));
    if (r < 0)
        return r;
    return memcmp(bytes, file_signature, sizeof(bytes)) == 0 ? 0 : -FMT_EINVAL;
}

static struct vhdx_state *state_new(struct fmt_env *env)
{
    struct vhdx_state *state = fmt_alloc(env, sizeof(*state));
    struct crc32c *crc = state ? fmt_alloc(env, sizeof(*crc)) : NULL;

    if (!crc)
        return NULL;
    crc32c_init(crc);
    state->crc = crc;
    state->env = env;
    return state;
}

/* The BAT is checked whole, except where its faults are to be reported instead. */
static int bat_open(struct fmt_image *image, struct vhdx_state *state)
{
    fmt_cache_init(&state->bat, state->env, image->device, VHDX_CACHE_PAGES);
    if (!io_range_ok(state->bat_off, state->bat_bytes))
        return -FMT_EIO;
    return image->flags & FMT_OPEN_CHECK ? 0 : vhdx_bat_check(image, state, NULL);
}

static int vhdx_open(struct fmt_image *image)
{
    struct vhdx_state *state = state_new(image->env);

    if (!state)
        return -FMT_ENOMEM;
    image->state = state;
    int r = signature_check(image);
    if (r == 0)
        r = vhdx_header_read(image, state);
    if (r == 0)
        r = vhdx_log_open(image, state);
    if (r == 0)
        r = vhdx_regions_read(image, state);
    if (r == 0)
        r = vhdx_metadata_read(image, state);
    if (r < 0)
        return r;
    image->facts.virtual_bytes = state->disk_bytes / FMT_SECTOR_BYTES * FMT_SECTOR_BYTES;
    image->facts.cluster_bytes = state->block_bytes;
    return bat_open(image, state);
}

const struct fmt_driver fmt_vhdx_driver = {
    .name = "vhdx",
    .probe = vhdx_probe,
    .open = vhdx_open,
    .info = fmt_info_nothing,
    .create = vhdx_create,
    .map = vhdx_map,
    .read = vhdx_read,
    .check = vhdx_check,
    .allocate = vhdx_allocate,
    .write = fmt_allocated_write,
    .write_zeroes = fmt_allocated_write_zeroes,
    .finish = vhdx_finish,
    .map_opaque = true,
};
