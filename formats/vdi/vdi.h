/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VirtualBox disk images (VDI 1.1): a header, a block map of 32-bit numbers, blocks of 1 MiB.
 *
 * All fields are little-endian. Block n lies at data_off + n * block size; its number in the map
 * says where in the disk it belongs.
 */
#ifndef FORMATS_VDI_VDI_H
#define FORMATS_VDI_VDI_H

#include "common/append.h"
#include "common/cache.h"
#include "common/veil.h"

#define VDI_SIGNATURE 0xbeda107fu
#define VDI_VERSION_1_1 0x00010001u
#define VDI_BLOCK_BYTES UINT32_C(1048576)
#define VDI_UNALLOCATED 0xffffffffu /* never written */
#define VDI_DISCARDED 0xfffffffeu   /* given back; reads as zeroes */
/* So many map entries, rounded up to a sector, still have a length below 2 GiB. */
#define VDI_BLOCKS_MAX ((UINT32_C(0x80000000) - FMT_SECTOR_BYTES) / 4)
#define VDI_DISK_BYTES_MAX ((uint64_t)VDI_BLOCKS_MAX * VDI_BLOCK_BYTES)

enum {
    VDI_OFF_VERSION = 0x44,
    VDI_OFF_BLOCKS_ALLOCATED = 0x184,
    VDI_HEADER_BYTES = 512,
    VDI_CACHE_PAGES = 8
};

enum vdi_type { VDI_DYNAMIC = 1, VDI_STATIC = 2, VDI_UNDO = 3, VDI_DIFFERENCING = 4 };

struct vdi_header {
    uint32_t signature;
    uint32_t version;
    uint32_t image_type; /* enum vdi_type */
    uint32_t bmap_off;
    uint32_t data_off;
    uint32_t sector_bytes;
    uint64_t disk_bytes;
    uint32_t block_bytes;
    uint32_t blocks;
    uint32_t blocks_allocated;
    bool linked;     /* the UUID of a previous image is there */
    bool has_parent; /* the UUID of a parent is there */
};

struct vdi_state {
    struct vdi_header header;
    struct fmt_cache map; /* block map entries */
    struct fmt_append append;
    struct fmt_veil veil;
};

/* Whether the map entry stands for a block in the file. */
static inline bool vdi_is_allocated(uint32_t entry)
{
    return entry < VDI_DISCARDED;
}

/* Map entry of block @index of the disk. Returns 0 or a negative errno. */
static inline int vdi_entry(struct vdi_state *state, uint64_t index, uint32_t *entry)
{
    return fmt_cache_le32(&state->map, state->header.bmap_off + index * 4, entry);
}

static inline uint64_t vdi_block_off(const struct vdi_state *state, uint32_t entry)
{
    return state->header.data_off + (uint64_t)entry * VDI_BLOCK_BYTES;
}

int vdi_create(struct fmt_env *env, const struct fmt_create *create);
int vdi_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int vdi_check(struct fmt_image *image, struct fmt_check *check, unsigned fix);
int vdi_allocate(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int vdi_finish(struct fmt_image *image);

#endif
