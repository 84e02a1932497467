/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: headers and footers of hosted sparse extents. */
#include "vmdk.h"

#define DIRECTORY_IN_FOOTER UINT64_MAX

enum {
    VERSION_MAX = 3,
    COMPRESSION_DEFLATE = 1,
    MARKER_END_OF_STREAM = 0,
    MARKER_FOOTER = 3,
    /* A stream ends in three sectors: the footer's marker, the footer, the end's marker. */
    FOOTER_OFF = 512,
    END_OFF = 1024,
    TAIL_BYTES = 1536,
    MARKER_OFF_SIZE = 8,
    MARKER_OFF_TYPE = 12,
};

/* The footer replaces the header. The reference takes the length from the image's own file. */
static int footer_read(struct fmt_image *image, uint32_t device, uint8_t *header)
{
    struct fmt_env *env = image->env;
    uint8_t tail[TAIL_BYTES];
    uint64_t bytes;

    int r = io_sector_bytes(env, image->device, &bytes);
    if (r == 0)
        r = bytes < TAIL_BYTES ? -FMT_EIO
                               : io_read(env, device, bytes - TAIL_BYTES, tail, sizeof(tail));
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_VMDK_READ_FOOTER, FMT_NUM(-r));
    if (be32_load(tail + FOOTER_OFF) != VMDK_MAGIC_HOSTED ||
        le32_load(tail + MARKER_OFF_SIZE) != 0 ||
        le32_load(tail + MARKER_OFF_TYPE) != MARKER_FOOTER || le64_load(tail + END_OFF) != 0 ||
        le32_load(tail + END_OFF + MARKER_OFF_SIZE) != 0 ||
        le32_load(tail + END_OFF + MARKER_OFF_TYPE) != MARKER_END_OF_STREAM)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_FOOTER);
    memcpy(header, tail + FOOTER_OFF, VMDK_HEADER_BYTES);
    return 0;
}

static int version_check(const struct fmt_image *image, const uint8_t *header, bool compressed)
{
    uint32_t version = le32_load(header + VMDK_OFF_VERSION);

    if (version > VERSION_MAX)
        return fmt_fail(image->env, FMT_ENOTSUP, FMT_ERR_VMDK_VERSION, FMT_NUM(version));
    /* Version 3 may track changed blocks, which writing would have to go on with. */
    if (version == 3 && (image->flags & FMT_OPEN_WRITABLE) && !compressed)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_VMDK_READ_ONLY);
    return 0;
}

/* The tables' geometry; products wrap where the reference's do, and are then refused. */
static int tables_parse(struct fmt_env *env, const uint8_t *header, struct vmdk_extent *extent)
{
    uint32_t l2_entries = le32_load(header + VMDK_OFF_L2_ENTRIES);
    uint64_t granularity = le64_load(header + VMDK_OFF_GRANULARITY);
    uint64_t capacity = le64_load(header + VMDK_OFF_CAPACITY);

    if (l2_entries > VMDK_L2_ENTRIES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_L2_SIZE);
    uint32_t l1_entry_sectors = (uint32_t)(l2_entries * granularity);
    if (l1_entry_sectors == 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_L1_ENTRY);
    extent->sectors = capacity;
    extent->cluster_sectors = granularity;
    extent->l2_entries = l2_entries;
    extent->l1_entry_sectors = l1_entry_sectors;
    extent->l1_entries = (uint32_t)((capacity + l1_entry_sectors - 1) / l1_entry_sectors);
    return 0;
}

static int header_parse(struct fmt_image *image, const uint8_t *header, struct vmdk_extent *extent)
{
    struct fmt_env *env = image->env;
    uint32_t flags = le32_load(header + VMDK_OFF_FLAGS);
    uint64_t grains_sector = le64_load(header + VMDK_OFF_GRAINS), bytes;

    extent->compressed = le16_load(header + VMDK_OFF_COMPRESSION) == COMPRESSION_DEFLATE;
    int r = version_check(image, header, extent->compressed);
    if (r == 0)
        r = tables_parse(env, header, extent);
    if (r < 0)
        return r;
    extent->l1_off = le64_load(header + VMDK_OFF_DIRECTORY) << 9;
    if (flags & VMDK_FLAG_BACKUP_DIRECTORY)
        extent->l1_backup_off = le64_load(header + VMDK_OFF_BACKUP_DIRECTORY) << 9;
    extent->has_markers = flags & VMDK_FLAG_MARKERS;
    extent->has_zeroed_grains = flags & VMDK_FLAG_ZEROED_GRAIN;
    r = io_sector_bytes(env, extent->device, &bytes);
    if (r < 0)
        return r;
    if (bytes / FMT_SECTOR_BYTES < grains_sector)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_TRUNCATED,
                        FMT_NUM(grains_sector * FMT_SECTOR_BYTES));
    return 0;
}

int vmdk_hosted_open(struct fmt_image *image, struct vmdk_state *state, uint32_t device,
                     struct fmt_bytes filename)
{
    struct fmt_env *env = image->env;
    struct vmdk_extent extent = {.kind = VMDK_SPARSE, .device = device, .filename = filename};
    uint8_t header[VMDK_HEADER_BYTES];

    int r = vmdk_head_read(env, state, device, header, sizeof(header));
    if (r < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_READ_HEADER, FMT_STR(filename), FMT_NUM(-r));
    uint64_t descriptor = le64_load(header + VMDK_OFF_DESCRIPTOR);
    if (le64_load(header + VMDK_OFF_CAPACITY) == 0 && descriptor != 0) {
        struct fmt_bytes text;
        r = vmdk_descriptor_load(env, device, descriptor << 9, &text);
        return r < 0 ? r : vmdk_descriptor_open(image, state, text);
    }
    if (!state->create_type.length)
        state->create_type = fmt_bytes_of("monolithicSparse");
    extent.has_footer = le64_load(header + VMDK_OFF_DIRECTORY) == DIRECTORY_IN_FOOTER;
    if (extent.has_footer)
        r = footer_read(image, device, header);
    if (r == 0)
        r = header_parse(image, header, &extent);
    if (r == 0)
        r = vmdk_extent_add(image, state, &extent);
    if (r == 0 && extent.compressed)
        state->create_type = fmt_bytes_of("streamOptimized");
    return r;
}
