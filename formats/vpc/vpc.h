/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual PC disk images (VHD 1.0), which the reference calls vpc.
 *
 * Fixed: the disk's bytes and a footer. Dynamic: a copy of the footer, a dynamic disk header, a
 * block allocation table (BAT), and blocks that begin with a bitmap of their sectors; the footer
 * again ends the file. Differencing: the same, sectors whose bit is 0 belong to a parent. All
 * fields are big-endian.
 */
#ifndef FORMATS_VPC_VPC_H
#define FORMATS_VPC_VPC_H

#include "common/append.h"
#include "common/cache.h"
#include "common/veil.h"

enum vpc_type { VPC_FIXED = 2, VPC_DYNAMIC = 3, VPC_DIFFERENCING = 4 };

enum {
    VPC_COOKIE_BYTES = 8,
    VPC_FOOTER_BYTES = 512,
    VPC_HEADER_BYTES = 1024, /* of the dynamic disk header */
    VPC_UUID_BYTES = 16,
    VPC_LOCATORS = 8,
    VPC_CACHE_PAGES = 8,
};

#define VPC_UNALLOCATED 0xffffffffu
#define VPC_NO_OFFSET UINT64_C(0xffffffffffffffff)
#define VPC_SECTORS_MAX UINT64_C(0xff000000)  /* 2040 GiB */
#define VPC_EPOCH_SECONDS UINT64_C(946684800) /* 2000-01-01 in seconds since 1970 */

#define VPC_CYLINDERS_MAX 65535u
#define VPC_HEADS_MAX 16u
#define VPC_TRACK_SECTORS_MAX 255u
#define VPC_GEOMETRY_MAX ((uint64_t)VPC_CYLINDERS_MAX * VPC_HEADS_MAX * VPC_TRACK_SECTORS_MAX)

struct vpc_geometry {
    uint32_t cylinders, heads, track_sectors;
};

static inline uint64_t vpc_geometry_sectors(const struct vpc_geometry *g)
{
    return (uint64_t)g->cylinders * g->heads * g->track_sectors;
}

struct vpc_footer {
    uint64_t header_off;
    uint8_t creator_app[4];
    uint64_t current_bytes;
    struct vpc_geometry geometry;
    uint32_t type; /* enum vpc_type, or anything else */
    uint8_t uuid[VPC_UUID_BYTES];
};

struct vpc_locator {
    uint32_t platform;
    uint32_t length_bytes;
    uint64_t offset;
};

struct vpc_header {
    uint64_t bat_off;
    uint32_t bat_entries;
    uint32_t block_bytes;
    uint8_t parent_uuid[VPC_UUID_BYTES];
    struct vpc_locator locator[VPC_LOCATORS];
};

struct vpc_state {
    struct vpc_footer footer;
    struct vpc_header header; /* not of fixed images */
    uint8_t footer_bytes[VPC_FOOTER_BYTES];
    uint32_t bitmap_bytes;         /* before each block's data: whole sectors */
    uint64_t end_off;              /* behind the last block: where the next block goes */
    struct fmt_cache bat, bitmaps; /* of the blocks' sectors */
    bool parent_checked;           /* the parent, if any, was found to be the right one */
    struct fmt_append append;
    struct fmt_veil veil;
};

extern const char vpc_footer_cookie[VPC_COOKIE_BYTES], vpc_header_cookie[VPC_COOKIE_BYTES];

/* One's complement of the sum of all bytes; the checksum's own field must be 0. */
uint32_t vpc_checksum(const uint8_t *bytes, size_t length);

/* The file named by the parent locators of a differencing image, as a name on this system: bytes
 * of the arena. Empty if there is none. Returns 0 or a negative errno. */
int vpc_parent_name(struct fmt_image *image, const uint8_t *header, struct fmt_bytes *name);

static inline int vpc_entry(struct vpc_state *state, uint64_t index, uint32_t *entry)
{
    return fmt_cache_be32(&state->bat, state->header.bat_off + index * 4, entry);
}

extern const struct fmt_driver fmt_vpc_driver;

int vpc_create(struct fmt_env *env, const struct fmt_create *create);
int vpc_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int vpc_allocate(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int vpc_finish(struct fmt_image *image);

#endif
