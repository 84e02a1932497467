/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallels expandable disks (.hdd), both magics: a header, directly behind it the block allocation
 * table (BAT) of 32-bit entries, then clusters. All fields are little-endian.
 */
#ifndef FORMATS_PARALLELS_PARALLELS_H
#define FORMATS_PARALLELS_PARALLELS_H

#include "common/append.h"
#include "common/cache.h"
#include "common/format.h"

enum {
    PARALLELS_HEADER_BYTES = 64,
    PARALLELS_VERSION = 2,
    PARALLELS_CACHE_PAGES = 8,
    PARALLELS_CLUSTER_BYTES_DEFAULT = 1 << 20,
};

#define PARALLELS_IN_USE 0x746f6e59u /* "Ynot": open, or not closed properly */
#define PARALLELS_CLUSTER_SECTORS_MAX (INT32_MAX / 513)

struct parallels_header {
    bool old_magic; /* "WithoutFreeSpace": BAT entries count sectors, else clusters */
    uint32_t version;
    uint32_t cluster_sectors;
    uint32_t bat_entries;
    uint64_t disk_sectors;
    uint32_t in_use;
    uint32_t data_sector; /* where clusters begin; 0 with the old magic: behind the BAT */
    uint64_t ext_sector;  /* of the format extension; 0: none */
};

struct parallels_state {
    struct parallels_header header;
    uint32_t cluster_bytes;
    uint32_t entry_sectors; /* what a BAT entry counts in */
    uint64_t data_off;      /* first cluster */
    uint64_t end_off;       /* behind the last cluster in use */
    struct fmt_cache bat;
    bool unclean; /* was found in use */
    struct fmt_append append;
};

extern const char parallels_magics[2][16]; /* the old one, the new one */

static inline uint64_t parallels_entry_off(uint64_t index)
{
    return PARALLELS_HEADER_BYTES + index * sizeof(uint32_t);
}

/* Offset of the cluster that holds cluster @index of the disk; 0: none. */
static inline int parallels_cluster_off(struct parallels_state *state, uint64_t index,
                                        uint64_t *offset)
{
    uint32_t entry;
    int r = fmt_cache_le32(&state->bat, parallels_entry_off(index), &entry);
    *offset = (uint64_t)entry * state->entry_sectors * FMT_SECTOR_BYTES;
    return r;
}

/* Whether the header's data_sector can be right for a file of so many sectors. *@right is it, or
 * what it should be. */
bool parallels_data_sector_test(const struct parallels_state *state, uint64_t file_sectors,
                                uint32_t *right);
/* Check the format extension, as the reference does where it does not write. */
int parallels_extension_check(struct fmt_image *image, const struct parallels_state *state);

/* Write the mark that the disk is open for writing, or not. */
int parallels_in_use_write(struct fmt_image *image, bool in_use);
/* Change the BAT entry of cluster @index; 0: none. */
int parallels_entry_write(struct parallels_state *state, uint64_t index, uint64_t cluster_off);
/* Take new clusters at the end. */
int parallels_clusters_take(struct fmt_image *image, uint64_t clusters, uint64_t *offset);

int parallels_create(struct fmt_env *env, const struct fmt_create *create);
int parallels_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                  struct fmt_extent *out);
int parallels_check(struct fmt_image *image, struct fmt_check *check, unsigned fix);
int parallels_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                       struct fmt_extent *out);
int parallels_finish(struct fmt_image *image);

#endif
