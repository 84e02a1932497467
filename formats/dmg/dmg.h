/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DMG (UDIF): Apple's disk images, read only. A trailer ("koly") at the file's end tells where the
 * block tables ("mish") are: in a resource fork, or base64 encoded in a property list. A table
 * lists chunks: zeroes, plain or compressed data. All integers are big-endian.
 */
#ifndef FORMATS_DMG_DMG_H
#define FORMATS_DMG_DMG_H

#include "common/format.h"

enum dmg_chunk_type {
    DMG_ZERO = 0,
    DMG_RAW = 1,
    DMG_IGNORE = 2,
};

/* Values too large for an enumeration's int. */
#define DMG_COMMENT UINT32_C(0x7ffffffe)
#define DMG_ADC UINT32_C(0x80000004)
#define DMG_ZLIB UINT32_C(0x80000005)
#define DMG_BZIP2 UINT32_C(0x80000006)
#define DMG_LZFSE UINT32_C(0x80000007)
#define DMG_LAST UINT32_C(0xffffffff)

#define DMG_NO_CHUNK UINT32_MAX

enum {
    DMG_LENGTH_MAX = 64 << 20, /* of a chunk, coded and decoded */
    DMG_SECTORS_MAX = DMG_LENGTH_MAX / 512,
    DMG_MISH_BYTES = 204, /* a block table before its entries */
    DMG_ENTRY_BYTES = 40,
    DMG_PLIST_MAX_BYTES = 16 << 20,
};

struct dmg_chunk {
    uint32_t type;
    uint64_t sector; /* on the disk */
    uint64_t sectors;
    uint64_t offset; /* in the file */
    uint64_t length;
};

struct dmg_state {
    uint64_t data_fork_off;
    struct dmg_chunk *chunk;
    uint32_t chunks, chunks_room;
    bool warned_type;
    uint32_t current; /* the chunk in @data, or DMG_NO_CHUNK */
    uint8_t *data;
    uint8_t *coded;
    void *inflater;
    size_t data_room, coded_room;
};

/* ---- dmg-table.c ---- */

/* A block table's @head (DMG_MISH_BYTES long), of @bytes bytes in all; what it says of its
 * entries. False: it is none, and to be passed over. */
struct dmg_mish {
    uint64_t first_sector;
    uint64_t data_off;
    uint32_t entries;
};

bool dmg_mish_parse(const struct dmg_state *state, const uint8_t *head, uint64_t bytes,
                    struct dmg_mish *mish);
/* Take @count entries. Returns 0 or a negative errno; messages tell why. */
int dmg_entries_add(struct fmt_image *image, struct dmg_state *state, const struct dmg_mish *mish,
                    const uint8_t *entries, uint32_t count);

/* ---- dmg-tables.c: where the tables are ---- */

int dmg_resource_fork_read(struct fmt_image *image, struct dmg_state *state, uint64_t offset,
                           uint64_t length);
int dmg_plist_read(struct fmt_image *image, struct dmg_state *state, uint64_t offset,
                   uint64_t length);

/* ---- dmg-read.c ---- */

int dmg_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int dmg_decode(const struct fmt_image *image, struct fmt_decoder *decoder, uint64_t offset,
               const struct fmt_extent *extent, const void *coded, void *out);
int dmg_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);

#endif
