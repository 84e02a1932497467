/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: the region table, and what parts of the file are taken by regions. */
#include "vhdx.h"

#define SIGNATURE 0x69676572u /* "regi" */

enum {
    OFF_CHECKSUM = 4,
    OFF_ENTRIES = 16,
    ENTRY_BYTES = 32,
    ENTRIES_MAX = 2047,
    ENTRY_REQUIRED = 1, /* who does not know the region must not open the file */
};

const uint8_t vhdx_guid_bat[VHDX_GUID_BYTES] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                                0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
const uint8_t vhdx_guid_metadata[VHDX_GUID_BYTES] = {
    0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};

void vhdx_region_add(struct vhdx_state *state, uint64_t start, uint64_t length)
{
    if (state->region_count < VHDX_REGIONS_MAX)
        state->region[state->region_count++] = (struct vhdx_range){start, start + length};
}

bool vhdx_region_free(struct fmt_image *image, const struct vhdx_state *state, uint64_t start,
                      uint64_t length)
{
    uint64_t end = start + length;

    for (uint32_t i = state->region_count; i-- > 0;) {
        const struct vhdx_range *r = &state->region[i];
        if (start >= r->end || end <= r->start)
            continue;
        fmt_message(image->env, FMT_MESSAGE_ERROR, FMT_ERR_VHDX_OVERLAP, FMT_NUM(start),
                    FMT_NUM(end), FMT_NUM(r->start), FMT_NUM(r->end));
        return false;
    }
    return true;
}

/* Take one entry; *@found collects which of the two known regions were there. */
static int entry_take(struct fmt_image *image, struct vhdx_state *state, const uint8_t *entry,
                      unsigned *found)
{
    uint64_t offset = le64_load(entry + 16);
    uint32_t length = le32_load(entry + 24);
    unsigned known = vhdx_guid_equal(entry, vhdx_guid_bat)        ? 1
                     : vhdx_guid_equal(entry, vhdx_guid_metadata) ? 2
                                                                  : 0;

    if (!vhdx_region_free(image, state, offset, length))
        return -FMT_EINVAL;
    vhdx_region_add(state, offset, length);
    if (known & *found)
        return -FMT_EINVAL;
    *found |= known;
    if (known == 1) {
        state->bat_off = offset;
        state->bat_bytes = length;
    } else if (known == 2) {
        state->metadata_off = offset;
    } else if (le32_load(entry + 28) & ENTRY_REQUIRED) {
        return -FMT_ENOTSUP;
    }
    return 0;
}

int vhdx_regions_read(struct fmt_image *image, struct vhdx_state *state)
{
    const unsigned all = 1 | 2;
    uint8_t *table = fmt_alloc(image->env, VHDX_TABLE_BYTES);
    unsigned found = 0;

    if (!table)
        return -FMT_ENOMEM;
    int r = io_read(state->env, image->device, VHDX_REGIONS1_OFF, table, VHDX_TABLE_BYTES);
    if (r < 0)
        return r;
    uint32_t entries = le32_load(table + 8);
    if (vhdx_checksum(state, table, VHDX_TABLE_BYTES, OFF_CHECKSUM) !=
            le32_load(table + OFF_CHECKSUM) ||
        le32_load(table) != SIGNATURE || entries > ENTRIES_MAX)
        return -FMT_EINVAL;
    for (uint32_t i = 0; r == 0 && i < entries; i++)
        r = entry_take(image, state, table + OFF_ENTRIES + (size_t)i * ENTRY_BYTES, &found);
    if (r < 0)
        return r;
    return found == all ? 0 : -FMT_EINVAL;
}
