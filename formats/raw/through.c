/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drivers that hand the bytes of their file through: files and devices of the host used without a
 * format, and filters. Never probed; for them names and facts count.
 */
#include "common/append.h"
#include "common/mapread.h"

static unsigned through_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)head;
    (void)length;
    (void)filename;
    return 0;
}

static int through_open(struct fmt_image *image)
{
    int r = io_sector_bytes(image->env, image->device, &image->facts.virtual_bytes);
    return r < 0 ? fmt_fail(image->env, -r, FMT_ERR_IO, FMT_NUM(-r)) : 0;
}

static int through_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                       struct fmt_extent *out)
{
    return fmt_device_map(image, NULL, offset, length, out);
}

static int through_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                            struct fmt_extent *out)
{
    *out = (struct fmt_extent){
        .kind = FMT_EXTENT_DATA, .length = length, .device = image->device, .device_off = offset};
    return 0;
}

static int through_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length,
                                bool may_unmap)
{
    return io_zero(image->env, image->device, offset, length, may_unmap);
}

/* Everything goes to the same place below. */
static int through_pass_change(struct fmt_image *image, enum fmt_change change, uint64_t *offset,
                               uint64_t length)
{
    (void)image;
    (void)change;
    (void)offset;
    (void)length;
    return 0;
}

#define THROUGH(driver_name)                                                                       \
    .name = (driver_name), .probe = through_probe, .open = through_open, .info = fmt_info_nothing, \
    .map = through_map, .read = fmt_mapped_read, .allocate = through_allocate,                     \
    .write = fmt_allocated_write, .write_zeroes = through_write_zeroes

const struct fmt_driver fmt_file_driver = {THROUGH("file"), .has_format_specific = true};
const struct fmt_driver fmt_host_device_driver = {THROUGH("host_device"),
                                                  .has_format_specific = true};
const struct fmt_driver fmt_host_cdrom_driver = {THROUGH("host_cdrom"),
                                                 .has_format_specific = true};

const struct fmt_driver fmt_compress_driver = {THROUGH("compress"), .passes_facts = true,
                                               .is_filter = true};
const struct fmt_driver fmt_preallocate_driver = {THROUGH("preallocate"), .passes_facts = true,
                                                  .is_filter = true,
                                                  .pass_change = through_pass_change};
const struct fmt_driver fmt_blklogwrites_driver = {THROUGH("blklogwrites"), .passes_facts = true,
                                                   .is_filter = true};
const struct fmt_driver fmt_replication_driver = {THROUGH("replication"), .passes_facts = true,
                                                  .is_filter = true};
const struct fmt_driver fmt_snapshot_access_driver = {THROUGH("snapshot-access"),
                                                      .no_dirty_flag = true};
const struct fmt_driver fmt_throttle_driver = {THROUGH("throttle"), .passes_facts = true,
                                               .is_filter = true,
                                               .pass_change = through_pass_change};

/* A device of zeroes without a file. */
static int null_open(struct fmt_image *image)
{
    uint64_t bytes = fmt_option_number(image->options, "size", UINT64_C(1) << 30);

    image->facts.virtual_bytes = round_up_u64(bytes, FMT_SECTOR_BYTES);
    return 0;
}

static int null_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                    struct fmt_extent *out)
{
    (void)image;
    (void)offset;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_ZERO, .length = length};
    return 0;
}

#define NULL_DEVICE(driver_name)                                                                   \
    .name = (driver_name), .probe = through_probe, .open = null_open, .info = fmt_info_nothing,    \
    .map = null_map, .read = fmt_mapped_read, .no_dirty_flag = true

const struct fmt_driver fmt_null_co_driver = {NULL_DEVICE("null-co")};
const struct fmt_driver fmt_null_aio_driver = {NULL_DEVICE("null-aio")};
