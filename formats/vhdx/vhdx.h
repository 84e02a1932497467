/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hyper-V disk images (VHDX 1.0, [MS-VHDX]).
 *
 * The first MiB holds a file identifier, two headers and two region tables; behind it lie a log, a
 * block allocation table (BAT), metadata and blocks, all at whole MiB. Fields are little-endian.
 * The BAT holds payload entries, and after each chunk of them one entry for the chunk's sector
 * bitmap, which only differencing images use.
 */
#ifndef FORMATS_VHDX_VHDX_H
#define FORMATS_VHDX_VHDX_H

#include "common/append.h"
#include "common/cache.h"
#include "common/veil.h"
#include "crc32c.h"

#define VHDX_METADATA_SIGNATURE UINT64_C(0x617461646174656d) /* "metadata" */

enum {
    VHDX_MIB = 1 << 20,
    VHDX_GUID_BYTES = 16,
    VHDX_HEADER_BYTES = 4 << 10, /* what the checksum covers; the fields are its first 80 bytes */
    VHDX_TABLE_BYTES = 64 << 10, /* of a region table, and of the metadata table */
    VHDX_BLOCK_BYTES_MIN = 1 << 20,
    VHDX_BLOCK_BYTES_MAX = 256 << 20,
    VHDX_CHUNK_SECTORS = 1 << 23, /* sectors in the blocks that one sector bitmap covers */
    VHDX_BITMAP_BYTES = 1 << 20,
    VHDX_CACHE_PAGES = 8,
};

#define VHDX_HEADER1_OFF UINT64_C(0x10000)
#define VHDX_HEADER2_OFF UINT64_C(0x20000)
#define VHDX_REGIONS1_OFF UINT64_C(0x30000)
#define VHDX_REGIONS2_OFF UINT64_C(0x40000)
#define VHDX_DISK_BYTES_MAX (UINT64_C(64) << 40)

#define VHDX_BAT_STATE_MASK UINT64_C(7)
#define VHDX_BAT_OFF_MASK UINT64_C(0xfffffffffff00000)

enum vhdx_block_state {
    VHDX_NOT_PRESENT = 0,
    VHDX_UNDEFINED = 1,
    VHDX_ZERO = 2,
    VHDX_UNMAPPED = 3,
    VHDX_UNMAPPED_OLD = 5, /* of version 0.95 */
    VHDX_FULLY_PRESENT = 6,
    VHDX_PARTIALLY_PRESENT = 7,
};

enum { VHDX_PARAM_LEAVE_ALLOCATED = 1, VHDX_PARAM_HAS_PARENT = 2 };

struct vhdx_header {
    uint64_t sequence;
    uint8_t data_write_guid[VHDX_GUID_BYTES];
    uint8_t log_guid[VHDX_GUID_BYTES]; /* all 0: the log is empty */
    uint16_t log_version;
    uint32_t log_bytes;
    uint64_t log_off;
};

struct vhdx_range {
    uint64_t start, end;
};

enum { VHDX_REGIONS_MAX = 2047 + 1 }; /* entries of a region table, and the log */

struct vhdx_view;

struct vhdx_state {
    /* Reads the file as it is once its log has been replayed: the image's own, or the view's. */
    struct fmt_env *env;
    struct vhdx_view *view; /* NULL: the file has all that there is */
    const struct crc32c *crc;
    struct vhdx_header header;
    uint64_t header_off; /* of the current one */
    struct vhdx_range region[VHDX_REGIONS_MAX];
    uint32_t region_count;
    uint64_t bat_off;
    uint32_t bat_bytes;
    uint64_t metadata_off;
    uint64_t disk_bytes;
    uint32_t block_bytes;
    uint32_t logical_sector_bytes;
    uint32_t params;       /* VHDX_PARAM_* */
    uint32_t chunk_blocks; /* payload entries between two bitmap entries; a power of two */
    uint32_t bat_entries;
    bool log_replayed;    /* into the file */
    bool headers_renewed; /* this session has put new GUIDs into the headers */
    struct fmt_append append;
    struct fmt_cache bat;
    struct fmt_veil veil;
    uint8_t parent_linkage[2][VHDX_GUID_BYTES]; /* the parent's data write GUID is one of them */
    uint32_t parent_linkages;
    bool parent_checked;
};

static inline bool vhdx_has_parent(const struct vhdx_state *state)
{
    return state->params & VHDX_PARAM_HAS_PARENT;
}

extern const uint8_t vhdx_null_guid[VHDX_GUID_BYTES];

static inline bool vhdx_guid_equal(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, VHDX_GUID_BYTES) == 0;
}

/* Checksum of @length bytes whose own field of 4 bytes at @field counts as 0. */
uint32_t vhdx_checksum(const struct vhdx_state *state, const uint8_t *bytes, size_t length,
                       size_t field);
/* A random GUID, as the reference makes them: version 4. Returns 0 or a negative errno. */
int vhdx_guid_make(struct fmt_env *env, uint8_t *guid);

/* ---- vhdx-header.c ---- */

/* Find the current header. Returns 0, or a negative errno with the error recorded. */
int vhdx_header_read(struct fmt_image *image, struct vhdx_state *state);
/* Renew both headers, as every change of the file must begin: new file write GUID, and a new data
 * write GUID if what the disk reads as may change. @log_guid: also set it. */
int vhdx_headers_update(struct fmt_image *image, struct vhdx_state *state, bool data_write,
                        const uint8_t *log_guid);

/* ---- vhdx-region.c ---- */

/* Read the region table. Returns 0 or a negative errno. */
int vhdx_regions_read(struct fmt_image *image, struct vhdx_state *state);
void vhdx_region_add(struct vhdx_state *state, uint64_t start, uint64_t length);
/* Whether [start, start + length) is free of all regions; tells of one that is not. */
bool vhdx_region_free(struct fmt_image *image, const struct vhdx_state *state, uint64_t start,
                      uint64_t length);

/* ---- vhdx-metadata.c, vhdx-parent.c ---- */

extern const uint8_t vhdx_guid_file_parameters[VHDX_GUID_BYTES];
extern const uint8_t vhdx_guid_disk_size[VHDX_GUID_BYTES];
extern const uint8_t vhdx_guid_page83[VHDX_GUID_BYTES];
extern const uint8_t vhdx_guid_logical_sector[VHDX_GUID_BYTES];
extern const uint8_t vhdx_guid_physical_sector[VHDX_GUID_BYTES];
extern const uint8_t vhdx_guid_parent_locator[VHDX_GUID_BYTES];
extern const uint8_t vhdx_guid_bat[VHDX_GUID_BYTES];
extern const uint8_t vhdx_guid_metadata[VHDX_GUID_BYTES];

/* Read the metadata and compute the BAT's layout. Returns 0 or a negative errno. */
int vhdx_metadata_read(struct fmt_image *image, struct vhdx_state *state);
/* Number of BAT entries by state's sizes, as the reference computes it. */
uint32_t vhdx_bat_entries(const struct vhdx_state *state);
/* Read the parent locator of @length bytes at @offset; fills the facts of the backing file. */
int vhdx_parent_read(struct fmt_image *image, struct vhdx_state *state, uint64_t offset,
                     uint32_t length);

/* ---- vhdx-replay.c ---- */

/* Look for a log that must be replayed, and replay it: into a file that may be changed, else in
 * memory, so that state->env reads what it says. Returns 0 or a negative errno. */
int vhdx_log_open(struct fmt_image *image, struct vhdx_state *state);

/* ---- vhdx-bat.c ---- */

/* Check that present blocks lie in the file, apart from the regions. Stops at the first bad one
 * unless @errors is given, which counts them. Returns 0 or a negative errno. */
int vhdx_bat_check(struct fmt_image *image, struct vhdx_state *state, uint64_t *errors);

/* BAT index of the payload block @block, and of the bitmap of its chunk. */
static inline uint64_t vhdx_block_index(const struct vhdx_state *state, uint64_t block)
{
    return block + block / state->chunk_blocks;
}

static inline uint64_t vhdx_bitmap_index(const struct vhdx_state *state, uint64_t block)
{
    return (block / state->chunk_blocks + 1) * (state->chunk_blocks + UINT64_C(1)) - 1;
}

static inline int vhdx_entry(struct vhdx_state *state, uint64_t index, uint64_t *entry)
{
    return fmt_cache_le64(&state->bat, state->bat_off + index * 8, entry);
}

extern const struct fmt_driver fmt_vhdx_driver;
/* Of a parent locator that names a VHDX parent. */
extern const uint8_t vhdx_guid_locator_vhdx[VHDX_GUID_BYTES];

int vhdx_create(struct fmt_env *env, const struct fmt_create *create);
int vhdx_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int vhdx_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);
int vhdx_check(struct fmt_image *image, struct fmt_check *check, unsigned fix);
int vhdx_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                  struct fmt_extent *out);
int vhdx_finish(struct fmt_image *image);

#endif
