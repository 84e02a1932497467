/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: a disk of one or several extents, each flat or sparse, told of by a text, the descriptor.
 *
 * The descriptor is a file of its own, or lies inside a hosted sparse extent. Sparse extents are of
 * three kinds: hosted ("KDMV", also stream optimized), ESX's copy-on-write disks ("COWD") and
 * ESX's space efficient ones (SESPARSE, not documented). All have a grain directory (L1) whose
 * entries point to grain tables (L2). "Virtual Disk Format 5.0", VMware, 2011.
 */
#ifndef FORMATS_VMDK_VMDK_H
#define FORMATS_VMDK_VMDK_H

#include "common/append.h"
#include "common/cache.h"
#include "common/veil.h"

#define VMDK_MAGIC_COWD UINT32_C(0x434f5744)   /* big-endian: "COWD" */
#define VMDK_MAGIC_HOSTED UINT32_C(0x4b444d56) /* "KDMV" */
#define VMDK_NO_PARENT UINT32_C(0xffffffff)    /* parentCID without a parent */

enum {
    VMDK_DESCRIPTOR_BYTES = 20 * 512,          /* where CIDs and the parent's name are looked for */
    VMDK_DESCRIPTOR_MAX_BYTES = (1 << 20) - 1, /* the longest that is read */
    VMDK_EMBEDDED_OFF = 0x200,
    VMDK_HEAD_BYTES = 512,  /* what opening an extent brings along */
    VMDK_HEADER_BYTES = 79, /* of a hosted sparse extent, with the magic */
    VMDK_CLUSTER_SECTORS_MAX = 0x200000,
    VMDK_L1_ENTRIES_MAX = 32 << 20,
    VMDK_L2_ENTRIES_MAX = 512,       /* hosted */
    VMDK_MARKER_BYTES = 12,          /* before each compressed grain: its sector, its length */
    VMDK_GRAIN_MAX_BYTES = 16 << 20, /* largest compressed grain that is read */
    VMDK_GTE_ZEROED = 1,
    VMDK_CACHE_PAGES = 16,
    VMDK_FILES_MAX = 4096, /* further files, descriptors within descriptors included */
};

/* Hosted sparse extents: flags, and offsets of header fields from the file's start. */
#define VMDK_FLAG_NEWLINE_TEST (1u << 0)
#define VMDK_FLAG_BACKUP_DIRECTORY (1u << 1)
#define VMDK_FLAG_ZEROED_GRAIN (1u << 2)
#define VMDK_FLAG_COMPRESSED (1u << 16)
#define VMDK_FLAG_MARKERS (1u << 17)

enum vmdk_header_off {
    VMDK_OFF_VERSION = 4,
    VMDK_OFF_FLAGS = 8,
    VMDK_OFF_CAPACITY = 12,
    VMDK_OFF_GRANULARITY = 20,
    VMDK_OFF_DESCRIPTOR = 28,
    VMDK_OFF_DESCRIPTOR_SIZE = 36,
    VMDK_OFF_L2_ENTRIES = 44,
    VMDK_OFF_BACKUP_DIRECTORY = 48,
    VMDK_OFF_DIRECTORY = 56,
    VMDK_OFF_GRAINS = 64,
    VMDK_OFF_NEWLINE_TEST = 73,
    VMDK_OFF_COMPRESSION = 77,
};

enum vmdk_kind {
    VMDK_FLAT,
    VMDK_SPARSE,   /* hosted and COWD */
    VMDK_SESPARSE, /* 64-bit tables */
    VMDK_ZERO,     /* no file, reads as zeroes */
    VMDK_NOACCESS, /* space of the disk that may not be read */
};

struct vmdk_extent {
    enum vmdk_kind kind;
    uint32_t device;
    struct fmt_bytes filename; /* as the host knows it */
    struct fmt_bytes type;     /* in the descriptor; empty if the file is the whole image */
    uint64_t start_sector;     /* on the disk */
    uint64_t sectors;
    uint64_t flat_off; /* FLAT: where the data begins in the file */

    /* sparse kinds */
    uint64_t cluster_sectors;
    uint64_t l1_off;
    uint64_t l1_backup_off; /* 0: none */
    uint32_t l1_entries;
    uint32_t l2_entries;
    uint32_t l1_entry_sectors; /* of the disk, covered by one L1 entry */
    bool compressed;
    bool has_markers;
    bool has_footer; /* ends with its directory: nothing can follow */
    bool has_zeroed_grains;
    uint64_t tables_sector; /* SESPARSE: what its table and grain numbers count from */
    uint64_t grains_sector;

    struct fmt_append append; /* new grains go to the file's end */
    uint64_t coded_end_off;   /* the file reaches so far at least: see vmdk_coded_write() */
};

/* The compressed grain read last: small reads do not decode it again. */
struct vmdk_grain {
    const struct vmdk_extent *extent; /* NULL: none */
    uint64_t offset;                  /* of the grain in the file */
    uint8_t *data;
    size_t bytes;
    uint8_t *coded;
    size_t room_bytes;
};

struct vmdk_state {
    struct vmdk_extent *extent;
    uint32_t extents, extents_room;
    struct fmt_child *child; /* in the order of opening */
    uint32_t children, children_room;
    uint64_t end_sector; /* of the disk so far; saturates */
    struct fmt_bytes create_type;
    uint32_t cid, parent_cid;
    unsigned nesting;     /* of descriptors in extents */
    uint32_t head_device; /* whose first bytes are in @head, if @has_head */
    bool has_head;
    uint8_t head[VMDK_HEAD_BYTES];
    bool parent_checked;
    bool cid_changed; /* since the image was opened */
    struct fmt_veil veil;
    bool embedded;          /* the descriptor lies in the extent */
    struct fmt_cache cache; /* tables of the extent that was asked last */
    struct vmdk_grain grain;
    uint8_t *coded;   /* for a grain that is being compressed */
    uint8_t *pending; /* compressed grains with their markers, not written yet */
    size_t pending_bytes;
    uint64_t pending_grain_bytes; /* for grains of what size there is room */
    uint64_t pending_off;
    uint32_t pending_device;
};

/* ---- vmdk-text.c: the descriptor's text; nothing in it is trusted ---- */

/* Position of @word in @text, or SIZE_MAX. */
size_t vmdk_text_find(struct fmt_bytes text, const char *word);
/* The value in quotes behind NAME= ; false if there is none of at most @max bytes. */
bool vmdk_text_value(struct fmt_bytes text, const char *name, size_t max, struct fmt_bytes *value);
/* The hexadecimal number behind NAME=. */
bool vmdk_text_cid(struct fmt_bytes text, const char *name, uint32_t *cid);

/* One line as `ACCESS SECTORS TYPE "NAME" OFFSET`, up to the first field that is not as expected.
 */
struct vmdk_line {
    unsigned fields; /* 0..5 read */
    struct fmt_bytes access;
    int64_t sectors;
    struct fmt_bytes type;
    struct fmt_bytes name;
    int64_t offset; /* in sectors */
};

/* Parse the line that @text begins with, of @length bytes; an end of line between its fields is
 * like any other space. */
void vmdk_line_parse(struct fmt_bytes text, size_t length, struct vmdk_line *line);

/* ---- vmdk-descriptor.c ---- */

/* Read the text at @offset of @device, up to its first NUL. */
int vmdk_descriptor_load(struct fmt_env *env, uint32_t device, uint64_t offset,
                         struct fmt_bytes *text);
/* Open all extents that the descriptor lists. */
int vmdk_descriptor_open(struct fmt_image *image, struct vmdk_state *state, struct fmt_bytes text);

/* ---- vmdk-extent.c ---- */

/* Append @extent to the disk, its limits checked. Returns 0 or a negative errno. */
int vmdk_extent_add(struct fmt_image *image, struct vmdk_state *state,
                    const struct vmdk_extent *extent);
/* Open a sparse extent by the magic at its start. @device and @filename: its file. */
int vmdk_sparse_open(struct fmt_image *image, struct vmdk_state *state, uint32_t device,
                     struct fmt_bytes filename);
/* The magic; checks that there is a file long enough to have one. */
int vmdk_magic_read(struct fmt_env *env, const struct vmdk_state *state, uint32_t device,
                    uint32_t *magic);
/* The first @length bytes, at most VMDK_HEAD_BYTES, of a file. */
int vmdk_head_read(struct fmt_env *env, const struct vmdk_state *state, uint32_t device,
                   void *buffer, size_t length);

/* ---- vmdk-hosted.c, vmdk-sesparse.c ---- */

int vmdk_hosted_open(struct fmt_image *image, struct vmdk_state *state, uint32_t device,
                     struct fmt_bytes filename);
int vmdk_sesparse_open(struct fmt_image *image, struct vmdk_state *state, uint32_t device,
                       struct fmt_bytes filename);

/* ---- vmdk-map.c, vmdk-read.c ---- */

/* What one table entry says. */
enum vmdk_found { VMDK_UNALLOCATED, VMDK_ZEROED, VMDK_ALLOCATED };

struct vmdk_cluster {
    enum vmdk_found found;
    uint64_t table_off;  /* of the grain table; 0: there is none */
    uint64_t index;      /* of the entry in it */
    uint64_t offset;     /* ALLOCATED: of the cluster in the extent's file */
    uint64_t in_cluster; /* of the byte asked for */
    uint64_t length;     /* bytes from it that the answer holds for */
};

/* The extent that holds the byte @at of the disk, or NULL. */
struct vmdk_extent *vmdk_extent_find(const struct vmdk_state *state, uint64_t at);
/* Look up @in_extent (bytes) in a sparse extent's tables. Returns 0 or a negative errno. */
int vmdk_cluster_find(struct fmt_image *image, const struct vmdk_extent *extent, uint64_t in_extent,
                      struct vmdk_cluster *cluster);
/* The parent's content ID must be the one that the child notes: else it has changed since. Looked
 * at once, when what only the parent has is asked for. */
int vmdk_backing_check(struct fmt_image *image);
/* Make the one cache of tables that of @device. */
int vmdk_cache_select(struct vmdk_state *state, uint32_t device);
int vmdk_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int vmdk_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);
int vmdk_check(struct fmt_image *image, struct fmt_check *check, unsigned fix);

/* ---- vmdk-write.c, vmdk-write-coded.c, vmdk-cid.c ---- */

/* A random content ID. Returns 0 or a negative errno. */
int vmdk_cid_make(struct fmt_env *env, uint32_t *cid);
/* Before the first change since the image was opened: a new content ID in the descriptor, so that
 * children know that their parent is another. */
int vmdk_change_begin(struct fmt_image *image);
/* Note that the grain of @cluster is at @sector, in the extent's table and in its second copy. */
int vmdk_entry_write(struct fmt_image *image, const struct vmdk_extent *extent, uint64_t in_extent,
                     const struct vmdk_cluster *cluster, uint32_t sector);
int vmdk_append_begin(struct fmt_image *image, struct vmdk_extent *extent);
/* One grain of a stream optimized extent: whole, or the extent's last. */
int vmdk_coded_write(struct fmt_image *image, struct vmdk_extent *extent, uint64_t offset,
                     const void *buffer, size_t length);
int vmdk_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                  struct fmt_extent *out);
int vmdk_write(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length);
int vmdk_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length, bool may_unmap);
/* Give a new stream the tables, the footer and the marker that end it, and let the header point
 * there; others are left alone. Returns 0 or a negative errno. */
int vmdk_stream_end(struct fmt_image *image, struct vmdk_extent *extent);
int vmdk_finish(struct fmt_image *image);

/* ---- vmdk-create.c, vmdk-create-extent.c ---- */

/* Look at the options alone, before a file is touched. */
int vmdk_create_check(struct fmt_env *env, const struct fmt_create *create);
int vmdk_create(struct fmt_env *env, const struct fmt_create *create);

/* Lay out a new hosted sparse extent in an empty file. */
struct vmdk_new_extent {
    uint64_t bytes; /* of the disk */
    bool compressed;
    bool zeroed_grains;
};

int vmdk_new_extent_write(struct fmt_env *env, uint32_t device,
                          const struct vmdk_new_extent *extent);

/* ---- vmdk-write-coded.c ---- */

/* Write out the compressed grains that are kept. */
int vmdk_pending_flush(struct fmt_image *image);
/* fmt_driver.compress and write_coded, of stream optimized extents. */
int vmdk_compress(const struct fmt_image *image, struct fmt_compressor *compressor, const void *in,
                  void *out, size_t *out_bytes);
int vmdk_write_coded(struct fmt_image *image, uint64_t offset, const void *coded, size_t bytes);
/* fmt_driver.decode: one compressed grain. */
int vmdk_decode(const struct fmt_image *image, struct fmt_decoder *decoder, uint64_t offset,
                const struct fmt_extent *extent, const void *coded, void *out);

#endif
