/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VDI: recognising an image and reading its header. */
#include "vdi.h"

#include "common/mapread.h"

enum { OFF_SIGNATURE = 0x40, OFF_UUID_LINK = 0x1a8, OFF_UUID_PARENT = 0x1b8, UUID_BYTES = 16 };

static unsigned vdi_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)filename;
    if (length < VDI_HEADER_BYTES || le32_load(head + OFF_SIGNATURE) != VDI_SIGNATURE)
        return 0;
    return FMT_PROBE_MAX;
}

static bool uuid_present(const uint8_t *uuid)
{
    static const uint8_t null[UUID_BYTES];
    return memcmp(uuid, null, sizeof(null)) != 0;
}

static void header_parse(const uint8_t *bytes, struct vdi_header *header)
{
    *header = (struct vdi_header){
        .signature = le32_load(bytes + OFF_SIGNATURE),
        .version = le32_load(bytes + VDI_OFF_VERSION),
        .image_type = le32_load(bytes + 0x4c),
        .bmap_off = le32_load(bytes + 0x154),
        .data_off = le32_load(bytes + 0x158),
        .sector_bytes = le32_load(bytes + 0x168),
        .disk_bytes = le64_load(bytes + 0x170),
        .block_bytes = le32_load(bytes + 0x178),
        .blocks = le32_load(bytes + 0x180),
        .blocks_allocated = le32_load(bytes + 0x184),
        .linked = uuid_present(bytes + OFF_UUID_LINK),
        .has_parent = uuid_present(bytes + OFF_UUID_PARENT),
    };
}

/* Checks of the header's form, in the reference's order. Sizes are rounded to sectors first, but
 * after the limit: so the reference accepts odd sizes that other programs wrote. */
static int header_form_check(struct fmt_env *env, struct vdi_header *h)
{
    if (h->disk_bytes > VDI_DISK_BYTES_MAX)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_TOO_LARGE, FMT_NUM(h->disk_bytes),
                        FMT_NUM(VDI_DISK_BYTES_MAX));
    h->disk_bytes = round_up_u64(h->disk_bytes, FMT_SECTOR_BYTES);
    if (h->signature != VDI_SIGNATURE)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VDI_SIGNATURE, FMT_NUM(h->signature));
    if (h->version != VDI_VERSION_1_1)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_VERSION, FMT_NUM(h->version >> 16),
                        FMT_NUM(h->version & 0xffff));
    if (h->bmap_off % FMT_SECTOR_BYTES != 0)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_MAP_UNALIGNED, FMT_NUM(h->bmap_off));
    if (h->data_off % FMT_SECTOR_BYTES != 0)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_DATA_UNALIGNED, FMT_NUM(h->data_off));
    if (h->sector_bytes != FMT_SECTOR_BYTES)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_SECTOR_SIZE, FMT_NUM(h->sector_bytes),
                        FMT_NUM(FMT_SECTOR_BYTES));
    if (h->block_bytes != VDI_BLOCK_BYTES)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_BLOCK_SIZE, FMT_NUM(h->block_bytes),
                        FMT_NUM(VDI_BLOCK_BYTES));
    return 0;
}

static int header_content_check(struct fmt_env *env, const struct vdi_header *h)
{
    uint64_t room_bytes = (uint64_t)h->blocks * h->block_bytes;

    if (h->disk_bytes > room_bytes)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_MAP_TOO_SMALL, FMT_NUM(h->disk_bytes),
                        FMT_NUM(room_bytes));
    if (h->linked)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_LINK);
    if (h->has_parent)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_PARENT);
    if (h->blocks > VDI_BLOCKS_MAX)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_TOO_MANY_BLOCKS, FMT_NUM(h->blocks),
                        FMT_NUM(VDI_BLOCKS_MAX));
    /* The reference would read such an image without its parent, and so return wrong data. */
    if (h->image_type == VDI_UNDO || h->image_type == VDI_DIFFERENCING)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VDI_TYPE, FMT_NUM(h->image_type));
    return 0;
}

static int vdi_open(struct fmt_image *image)
{
    struct vdi_state *state = fmt_alloc(image->env, sizeof(*state));
    uint8_t bytes[VDI_HEADER_BYTES];

    if (!state)
        return -FMT_ENOMEM;
    int r = io_read(image->env, image->device, 0, bytes, sizeof(bytes));
    if (r < 0)
        return r;
    header_parse(bytes, &state->header);
    r = header_form_check(image->env, &state->header);
    if (r == 0)
        r = header_content_check(image->env, &state->header);
    if (r < 0)
        return r;
    fmt_cache_init(&state->map, image->env, image->device, VDI_CACHE_PAGES);
    image->state = state;
    image->facts.virtual_bytes = state->header.disk_bytes;
    image->facts.cluster_bytes = state->header.block_bytes;
    return 0;
}

const struct fmt_driver fmt_vdi_driver = {
    .name = "vdi",
    .probe = vdi_probe,
    .open = vdi_open,
    .info = fmt_info_nothing,
    .create = vdi_create,
    .map = vdi_map,
    .read = fmt_mapped_read,
    .check = vdi_check,
    .allocate = vdi_allocate,
    .write = fmt_allocated_write,
    .write_zeroes = fmt_allocated_write_zeroes,
    .finish = vdi_finish,
    .map_by_unit = true,
};
