/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS volumes: opening, reading and writing. */
#include "luks-image.h"

#include "crypto/disk.h"
#include "crypto/secret.h"

static unsigned luks_image_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)filename;
    return luks_probe(head, length) ? FMT_PROBE_MAX : 0;
}

/* The header's file, where the node names one of its own. */
static void header_locate(struct fmt_image *image, struct luks_state *state)
{
    const struct fmt_option *header = fmt_option_find(image->options, "header");

    state->place.device = image->device;
    if (!header || header->type != FMT_OPTION_NUMBER)
        return;
    state->place.device = (uint32_t)header->number;
    state->header = (struct fmt_child){fmt_bytes_of("header"), state->place.device};
    image->child = &state->header;
    image->child_count = 1;
}

static int size_read(struct fmt_image *image, struct luks_state *state)
{
    uint64_t bytes;

    state->payload_off = luks_payload_bytes(&state->luks);
    int r = io_sector_bytes(image->env, image->device, &bytes);
    if (r == 0 && state->payload_off > bytes)
        r = -FMT_EIO;
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_TOTAL_SECTORS, FMT_NUM(-r));
    image->facts.virtual_bytes = bytes - state->payload_off;
    image->facts.encrypted = true;
    return 0;
}

static int luks_image_open(struct fmt_image *image)
{
    struct luks_state *state = fmt_alloc(image->env, sizeof(*state));
    bool locked = image->flags & FMT_OPEN_NO_DATA;
    struct fmt_bytes passphrase = {0};
    int r = 0;

    if (!state)
        return -FMT_ENOMEM;
    image->state = state;
    header_locate(image, state);
    if (!locked)
        r = crypto_secret_find(image->env, image->options, "", &passphrase);
    if (r == 0)
        r = luks_load(image->env, &state->place, image->child_count > 0, &state->luks);
    if (r == 0 && !locked) {
        state->volume = fmt_alloc(image->env, sizeof(*state->volume));
        if (!state->volume)
            return -FMT_ENOMEM;
        r = luks_unlock(image->env, &state->place, &state->luks, passphrase, state->volume);
    }
    return r < 0 ? r : size_read(image, state);
}

static int luks_image_info(struct fmt_image *image, const struct fmt_info *out)
{
    const struct luks_state *state = image->state;

    luks_info(&state->luks, out);
    return 0;
}

/* All is encrypted, also what was never written. */
static int luks_image_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                          struct fmt_extent *out)
{
    const struct luks_state *state = image->state;

    *out = (struct fmt_extent){
        .kind = FMT_EXTENT_CODED,
        .length = length,
        .device = image->device,
        .device_off = state->payload_off + offset,
        .coded_in_place = state->volume && (offset | length) % CRYPTO_SECTOR_BYTES == 0,
    };
    return 0;
}

static int luks_image_decode(const struct fmt_image *image, struct fmt_decoder *decoder,
                             uint64_t offset, const struct fmt_extent *extent, const void *coded,
                             void *out)
{
    const struct luks_state *state = image->state;

    (void)decoder;
    (void)coded;
    crypto_volume_decrypt(state->volume, offset / CRYPTO_SECTOR_BYTES, out, (size_t)extent->length);
    return 0;
}

/* A new volume is none, while it is being filled: its first slot has a wrong number of stripes. */
static int change_begin(struct fmt_image *image)
{
    struct luks_state *state = image->state;
    uint8_t stripes[4];

    if (!state->volume)
        return -FMT_ENOTSUP;
    be32_store(stripes, LUKS_STRIPES);
    return fmt_veil_draw(image, &state->veil, state->place.device,
                         state->place.base_off + LUKS_STRIPES_OFF, stripes, sizeof(stripes));
}

/* All has its place. */
static int luks_image_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                               struct fmt_extent *out)
{
    int r = change_begin(image);

    return r < 0 ? r : luks_image_map(image, offset, length, out);
}

static void luks_image_encrypt(const struct fmt_image *image, uint64_t offset, uint64_t device_off,
                               void *buffer, size_t length)
{
    const struct luks_state *state = image->state;

    (void)device_off;
    crypto_volume_encrypt(state->volume, offset / CRYPTO_SECTOR_BYTES, buffer, length);
}

static struct crypto_run run_at(const struct fmt_image *image, uint64_t offset)
{
    const struct luks_state *state = image->state;

    return (struct crypto_run){
        .device = image->device, .device_off = state->payload_off + offset, .iv_off = offset};
}

static int luks_image_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    const struct luks_state *state = image->state;
    struct crypto_run run = run_at(image, offset);

    if (!state->volume)
        return -FMT_ENOTSUP;
    return crypto_disk_read(image->env, state->volume, &run, buffer, length);
}

static int luks_image_write(struct fmt_image *image, uint64_t offset, const void *buffer,
                            size_t length)
{
    const struct luks_state *state = image->state;
    struct crypto_run run = run_at(image, offset);

    int r = change_begin(image);
    return r < 0 ? r : crypto_disk_write(image->env, state->volume, &run, buffer, length);
}

static int luks_image_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length,
                                   bool may_unmap)
{
    const struct luks_state *state = image->state;
    struct crypto_run run = run_at(image, offset);

    (void)may_unmap;
    int r = change_begin(image);
    return r < 0 ? r : crypto_disk_write(image->env, state->volume, &run, NULL, length);
}

static int luks_image_finish(struct fmt_image *image)
{
    struct luks_state *state = image->state;

    return fmt_veil_lift(image, &state->veil);
}

const struct fmt_driver fmt_luks_driver = {
    .name = "luks",
    .probe = luks_image_probe,
    .open = luks_image_open,
    .info = luks_image_info,
    .create_check = luks_image_create_check,
    .create = luks_image_create,
    .map = luks_image_map,
    .read = luks_image_read,
    .decode = luks_image_decode,
    .allocate = luks_image_allocate,
    .encrypt = luks_image_encrypt,
    .measure = luks_image_measure,
    .write = luks_image_write,
    .write_zeroes = luks_image_write_zeroes,
    .finish = luks_image_finish,
    .has_format_specific = true,
    .map_opaque = true,
    .passes_cluster_bytes = true,
};
