/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD: new images, dynamic, fixed or differencing, their size by geometry or forced. */
#include "common/newfile.h"
#include "vpc-child.h"
#include "vpc-geometry.h"

enum {
    BLOCK_BYTES = 2 << 20,
    HEADER_OFF = 512,
    BAT_OFF = 1536,
    OFF_CHECKSUM = 64,
    OFF_HEADER_CHECKSUM = 36,
    FEATURE_RESERVED = 2, /* always set */
    VERSION = 0x00010000,
    CREATOR_MAJOR = 5, /* of Virtual PC 2007 */
    CREATOR_MINOR = 3,
};

struct vpc_layout {
    enum vpc_type type;
    bool force_size;
    struct vpc_geometry geometry;
    uint64_t sectors;
    uint8_t creator[4];
    struct vpc_child child; /* of differencing images */
};

/* The size that is made of the one asked for, and the geometry that says so. */
static int size_choose(struct fmt_env *env, uint64_t bytes, struct vpc_layout *layout)
{
    static const struct vpc_geometry largest = {VPC_CYLINDERS_MAX, VPC_HEADS_MAX,
                                                VPC_TRACK_SECTORS_MAX};

    layout->sectors = bytes / FMT_SECTOR_BYTES;
    layout->geometry = layout->force_size ? largest : vpc_geometry_holding(layout->sectors);
    if (vpc_geometry_sectors(&layout->geometry) != VPC_GEOMETRY_MAX)
        layout->sectors = vpc_geometry_sectors(&layout->geometry);
    else if (layout->sectors > VPC_SECTORS_MAX)
        return fmt_fail(env, FMT_EFBIG, FMT_ERR_VPC_DISK_TOO_LARGE);
    return 0;
}

static int footer_make(struct fmt_env *env, const struct vpc_layout *layout, uint8_t *bytes)
{
    uint64_t disk_bytes = layout->sectors * FMT_SECTOR_BYTES;
    bool fixed = layout->type == VPC_FIXED;

    memset(bytes, 0, VPC_FOOTER_BYTES);
    memcpy(bytes, vpc_footer_cookie, VPC_COOKIE_BYTES);
    be32_store(bytes + 8, FEATURE_RESERVED);
    be32_store(bytes + 12, VERSION);
    be64_store(bytes + 16, fixed ? VPC_NO_OFFSET : HEADER_OFF);
    be32_store(bytes + 24, (uint32_t)(env->io->now(env->io_ctx) - VPC_EPOCH_SECONDS));
    memcpy(bytes + 28, layout->creator, sizeof(layout->creator));
    be16_store(bytes + 32, CREATOR_MAJOR);
    be16_store(bytes + 34, CREATOR_MINOR);
    memcpy(bytes + 36, "Wi2k", 4);
    be64_store(bytes + 40, disk_bytes);
    be64_store(bytes + 48, disk_bytes);
    be16_store(bytes + 56, (uint16_t)layout->geometry.cylinders);
    bytes[58] = (uint8_t)layout->geometry.heads;
    bytes[59] = (uint8_t)layout->geometry.track_sectors;
    be32_store(bytes + 60, layout->type);
    int r = env->io->random(env->io_ctx, bytes + 68, VPC_UUID_BYTES);
    bytes[74] = (uint8_t)((bytes[74] & 0x0f) | 0x40);
    bytes[76] = (uint8_t)((bytes[76] & 0x3f) | 0x80);
    be32_store(bytes + OFF_CHECKSUM, vpc_checksum(bytes, VPC_FOOTER_BYTES));
    return r;
}

static void header_make(const struct vpc_layout *layout, uint32_t bat_entries, uint8_t *bytes)
{
    memset(bytes, 0, VPC_HEADER_BYTES);
    memcpy(bytes, vpc_header_cookie, VPC_COOKIE_BYTES);
    be64_store(bytes + 8, VPC_NO_OFFSET);
    be64_store(bytes + 16, BAT_OFF);
    be32_store(bytes + 24, VERSION);
    be32_store(bytes + 28, bat_entries);
    be32_store(bytes + 32, BLOCK_BYTES);
    if (layout->type == VPC_DIFFERENCING)
        vpc_child_header(&layout->child, bytes);
    be32_store(bytes + OFF_HEADER_CHECKSUM, vpc_checksum(bytes, VPC_HEADER_BYTES));
}

static void bat_fill(void *ctx, uint64_t at, uint8_t *piece, size_t length)
{
    (void)ctx;
    (void)at;
    memset(piece, 0xff, length);
}

static int dynamic_write(struct fmt_env *env, uint32_t device, struct vpc_layout *layout,
                         const uint8_t *footer)
{
    uint32_t bat_entries = (uint32_t)div_up_u64(layout->sectors, BLOCK_BYTES / FMT_SECTOR_BYTES);
    uint64_t bat_bytes = round_up_u64(bat_entries * UINT64_C(4), FMT_SECTOR_BYTES);
    uint64_t end_off = BAT_OFF + bat_bytes;
    uint8_t header[VPC_HEADER_BYTES];

    vpc_child_place(&layout->child, &end_off);
    header_make(layout, bat_entries, header);
    int r = newfile_pieces_write(env, device, BAT_OFF, bat_bytes, bat_fill, NULL);
    if (r == 0)
        r = vpc_child_write(env, device, &layout->child);
    if (r == 0)
        r = io_write(env, device, end_off, footer, VPC_FOOTER_BYTES);
    if (r == 0)
        r = io_write(env, device, HEADER_OFF, header, sizeof(header));
    if (r == 0)
        r = io_write(env, device, 0, footer, VPC_FOOTER_BYTES);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_VPC_WRITE) : 0;
}

static int fixed_write(struct fmt_env *env, uint32_t device, const struct vpc_layout *layout,
                       const uint8_t *footer)
{
    uint64_t disk_bytes = layout->sectors * FMT_SECTOR_BYTES;

    int r = io_truncate(env, device, disk_bytes + VPC_FOOTER_BYTES, FMT_PREALLOC_OFF);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_RESIZE_FILE, FMT_NUM(-r));
    r = io_write(env, device, disk_bytes, footer, VPC_FOOTER_BYTES);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_VPC_WRITE_FOOTER, FMT_NUM(-r)) : 0;
}

/* A differencing image has its parent's size and geometry, and counts them as its parent does. */
static int child_layout(struct fmt_env *env, const struct fmt_create *create,
                        struct vpc_layout *layout)
{
    int r = vpc_child_plan(env, create, &layout->child);

    if (r < 0)
        return r;
    const struct vpc_footer *parent = &layout->child.parent->footer;
    /* Not the footer's size: only the geometry may count, and the other be anything. */
    layout->sectors = create->backing->facts.virtual_bytes / FMT_SECTOR_BYTES;
    if (layout->sectors > VPC_SECTORS_MAX)
        return fmt_fail(env, FMT_EFBIG, FMT_ERR_VPC_DISK_TOO_LARGE);
    layout->geometry = parent->geometry;
    memcpy(layout->creator, parent->creator_app, sizeof(layout->creator));
    return 0;
}

static int layout_choose(struct fmt_env *env, const struct fmt_create *create,
                         struct vpc_layout *layout)
{
    static const char *const subformats[] = {"dynamic", "fixed", "differencing", NULL};
    static const enum vpc_type types[] = {VPC_DYNAMIC, VPC_FIXED, VPC_DIFFERENCING};
    int subformat = fmt_option_enum(create->options, "subformat", subformats, 0);
    uint64_t bytes = round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES);

    if (subformat < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BAD_ENUM, FMT_TXT("subformat"),
                        FMT_STR(fmt_option_text(create->options, "subformat")));
    layout->type = types[subformat];
    if (layout->type == VPC_DIFFERENCING)
        return child_layout(env, create, layout);
    layout->force_size = fmt_option_bool(create->options, "force_size", false);
    memcpy(layout->creator, layout->force_size ? "qem2" : "qemu", sizeof(layout->creator));
    int r = size_choose(env, bytes, layout);
    if (r < 0 || layout->force_size)
        return r;
    /* The reference chooses twice, and insists that the second choice confirms the first. */
    uint64_t first = layout->sectors;
    r = size_choose(env, first * FMT_SECTOR_BYTES, layout);
    if (r == 0 && layout->sectors != first) {
        fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_TRY_SIZE,
                 FMT_NUM(layout->sectors * FMT_SECTOR_BYTES));
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_NO_GEOMETRY);
    }
    return r;
}

int vpc_create(struct fmt_env *env, const struct fmt_create *create)
{
    uint8_t footer[VPC_FOOTER_BYTES];
    struct vpc_layout layout = {0}; /* or gcc 14 thinks that it is used without a choice */

    int r = layout_choose(env, create, &layout);
    if (r < 0)
        return r;
    r = footer_make(env, &layout, footer);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_VPC_WRITE);
    return layout.type == VPC_FIXED ? fixed_write(env, create->device, &layout, footer)
                                    : dynamic_write(env, create->device, &layout, footer);
}
