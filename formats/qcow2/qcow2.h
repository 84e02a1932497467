/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2, versions 2 and 3 (docs/interop/qcow2.rst of QEMU): a header with extensions, an L1 table
 * of L2 tables of clusters, and reference counts of all clusters of the file. All fields are
 * big-endian.
 */
#ifndef FORMATS_QCOW2_QCOW2_H
#define FORMATS_QCOW2_QCOW2_H

#include "common/cache.h"
#include "common/format.h"
#include "crypto/luks.h"

#define QCOW2_MAGIC 0x514649fbu /* "QFI\xfb" */

/* Bytes of the header by version, and offsets of the fields that are patched one by one. */
enum {
    QCOW2_HEADER_V2_BYTES = 72,
    QCOW2_HEADER_V3_MIN_BYTES = 104,
    QCOW2_HEADER_V3_BYTES = 112,
    QCOW2_VERSION_OFF = 4,
    QCOW2_REFCOUNT_TABLE_OFF = 48,
    QCOW2_SNAPSHOT_COUNT_OFF = 60,
    QCOW2_INCOMPATIBLE_OFF = 72,
    QCOW2_COMPRESSION_OFF = 104,
};

enum {
    QCOW2_CLUSTER_BITS_MIN = 9,
    QCOW2_CLUSTER_BITS_MAX = 21,
    QCOW2_CLUSTER_BYTES_DEFAULT = 64 << 10,
    QCOW2_BACKING_BYTES_MAX = 1023,
    QCOW2_BACKING_FORMAT_BYTES_MAX = 15,
    QCOW2_REFCOUNT_ORDER_MAX = 6,
    QCOW2_REFCOUNT_ORDER_DEFAULT = 4,
    QCOW2_SUBCLUSTERS = 32, /* of a cluster with extended L2 entries */
    QCOW2_SNAPSHOTS_MAX = 65536,
    QCOW2_SNAPSHOT_EXTRA_BYTES_MAX = 1024,
    QCOW2_SNAPSHOTS_BYTES_MAX = 1024 * QCOW2_SNAPSHOTS_MAX,
    QCOW2_BITMAPS_MAX = 65535,
    QCOW2_BITMAP_DIRECTORY_BYTES_MAX = 1024 * QCOW2_BITMAPS_MAX,
    QCOW2_L1_BYTES_MAX = 32 << 20,
    QCOW2_REFCOUNT_TABLE_BYTES_MAX = 8 << 20,
    QCOW2_ENTRY_BYTES = 8, /* of the L1 table and the refcount table */
    QCOW2_CACHE_PAGES = 32,
};

/* Host offsets must fit in an L2 entry. */
#define QCOW2_CLUSTER_OFF_MAX ((UINT64_C(1) << 56) - 1)
#define QCOW2_OFFSET_MASK UINT64_C(0x00fffffffffffe00) /* of L1 and L2 entries */
#define QCOW2_REFTABLE_OFFSET_MASK UINT64_C(0xfffffffffffffe00)
#define QCOW2_COPIED (UINT64_C(1) << 63)
#define QCOW2_COMPRESSED (UINT64_C(1) << 62)
#define QCOW2_ZERO UINT64_C(1)

/* Incompatible features */
#define QCOW2_DIRTY UINT64_C(1)
#define QCOW2_CORRUPT UINT64_C(2)
#define QCOW2_DATA_FILE UINT64_C(4)
#define QCOW2_COMPRESSION_TYPE UINT64_C(8)
#define QCOW2_EXTENDED_L2 UINT64_C(16)
#define QCOW2_INCOMPATIBLE_KNOWN UINT64_C(31)
/* Compatible features */
#define QCOW2_LAZY_REFCOUNTS UINT64_C(1)
/* Autoclear features */
#define QCOW2_BITMAPS_VALID UINT64_C(1)
#define QCOW2_DATA_FILE_RAW UINT64_C(2)

enum qcow2_crypt { QCOW2_CRYPT_NONE = 0, QCOW2_CRYPT_AES = 1, QCOW2_CRYPT_LUKS = 2 };
enum qcow2_compression { QCOW2_ZLIB = 0, QCOW2_ZSTD = 1 };
enum { QCOW2_ZLIB_LEVEL_MAX = 9, QCOW2_ZSTD_LEVEL_MAX = 22 };

/* Header extensions */
enum qcow2_ext {
    QCOW2_EXT_END = 0,
    QCOW2_EXT_BITMAPS = 0x23852875,
    QCOW2_EXT_CRYPTO = 0x0537be77,
    QCOW2_EXT_DATA_FILE = 0x44415441,
    QCOW2_EXT_FEATURE_NAMES = 0x6803f857,
};
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau /* not an int */

struct qcow2_header {
    uint32_t magic;
    uint32_t version;
    uint64_t backing_off;
    uint32_t backing_bytes;
    uint32_t cluster_bits;
    uint64_t disk_bytes;
    uint32_t crypt_method;
    uint32_t l1_entries;
    uint64_t l1_off;
    uint64_t refcount_table_off;
    uint32_t refcount_table_clusters;
    uint32_t snapshot_count;
    uint64_t snapshots_off;
    uint64_t incompatible;
    uint64_t compatible;
    uint64_t autoclear;
    uint32_t refcount_order;
    uint32_t header_bytes;
    uint8_t compression;
};

struct qcow2_snapshot {
    struct fmt_snapshot facts;
    uint64_t l1_off;
    uint32_t l1_entries;
    uint32_t extra_bytes; /* of extra data, as its entry says; of a repaired one, that are kept */
    uint64_t extra_off;   /* in the file: what of it is not known here */
};

struct qcow2_bitmap {
    uint64_t table_off;
    uint32_t table_entries;
    uint32_t flags;
    uint8_t granularity_bits;
    struct fmt_bytes name;
    uint64_t entry_off; /* of its directory entry in the file; 0: none yet */
};

#define QCOW2_BITMAP_IN_USE 1u
#define QCOW2_BITMAP_AUTO 2u

/* Reference counts and who is free; see qcow2-refcount.h. */
struct qcow2_refcounts {
    uint64_t *table;        /* offsets of refcount blocks, 0: none */
    uint64_t table_entries; /* whole clusters of them */
    uint64_t table_off;
    uint64_t table_used;   /* entries up to the last one that is not 0 */
    bool table_zeroed;     /* where it lies are zeroes, so only those need be written */
    bool live;             /* the file's header names the table: both are kept in step */
    uint64_t free_cluster; /* no cluster before this one is free */
    uint64_t free_byte;    /* where the next compressed cluster may go; 0: in a new cluster */
    unsigned order;        /* a count has 1 << order bits */
    unsigned block_bits;   /* a block has 1 << block_bits counts */
    uint64_t count_max;
};

/* What must reach the file first, where an image that somebody needs is changed. */
enum qcow2_order {
    QCOW2_ORDER_NONE,         /* nothing refers to what is new before finish() */
    QCOW2_ORDER_COUNTS_FIRST, /* clusters are counted before tables refer to them */
    QCOW2_ORDER_COUNTS_LAST,  /* tables forget clusters before those are free */
};

struct qcow2_writer; /* qcow2-write.h */

struct qcow2_state {
    struct qcow2_header header;
    uint64_t cluster_bytes;
    unsigned l2_bits;        /* an L2 table has 1 << l2_bits entries */
    unsigned l2_entry_bytes; /* 8, or 16 with extended L2 entries */
    uint32_t data_device;    /* where clusters of data lie */
    bool has_data_file;
    struct fmt_bytes data_file_name;   /* as stored; no data: none */
    uint64_t crypto_off, crypto_bytes; /* the LUKS header */
    struct luks *luks;                 /* NULL: not encrypted so */
    struct crypto_volume *volume;      /* NULL: not encrypted, or opened for its facts only */
    uint64_t extensions_end_off;

    uint64_t bitmap_directory_off, bitmap_directory_bytes;
    uint32_t bitmap_count;
    bool bitmaps_stale; /* the extension is there, but another program has changed the disk */
    struct qcow2_bitmap *bitmap;
    struct qcow2_snapshot *snapshot; /* facts.snapshot_count of them */
    uint64_t snapshots_bytes;        /* that their table takes */

    struct qcow2_decoded *decoded; /* qcow2-read.c; made when first needed */
    struct qcow2_ahead *ahead;     /* qcow2-ahead.c; NULL: none */
    bool ahead_tried;
    bool prealloc_known, preallocated;
    bool corruption_told;    /* an entry that makes no sense was found */
    bool unusable;           /* such that the image was marked as corrupt, and is left alone */
    struct fmt_cache tables; /* all metadata that is read or changed entry by entry */
    struct qcow2_refcounts refcounts;
    enum qcow2_order order;
    uint64_t *l1;                /* the active L1 table; NULL: nothing was changed yet */
    struct qcow2_writer *writer; /* NULL: nothing was changed yet */
};

/* The unit of allocation within a cluster: the cluster itself without extended L2 entries. */
static inline uint64_t qcow2_subcluster_bytes(const struct qcow2_state *state)
{
    return state->header.incompatible & QCOW2_EXTENDED_L2 ? state->cluster_bytes / QCOW2_SUBCLUSTERS
                                                          : state->cluster_bytes;
}

/* ---- qcow2-header.c ---- */

unsigned qcow2_probe(const uint8_t *head, size_t length, struct fmt_bytes filename);
/* Read the header and check it whole, apart from what extensions say. Returns 0 or a negative
 * errno, recorded. */
int qcow2_header_open(struct fmt_image *image);
/* Number of L1 entries for a disk of @disk_bytes, modulo 2^64 as the reference computes it. */
uint64_t qcow2_l1_entries_for(const struct qcow2_state *state, uint64_t disk_bytes);
/* Fill in what follows from the header's cluster size, L2 entry size and refcount order. */
void qcow2_geometry_set(struct qcow2_state *state);

/* ---- qcow2-ext.c ---- */

/* Read the extensions between the header and the backing file's name. With @features_only, only
 * to find the table of feature names, without any error but a full table's. Returns 0 or a
 * negative errno, recorded. */
int qcow2_extensions_read(struct fmt_image *image);
/* Record that the image has incompatible features that are not known, by their names. */
int qcow2_features_refuse(struct fmt_image *image, uint64_t unknown);

/* ---- qcow2-crypt.c ---- */

/* Open the LUKS header that the extension points to. */
int qcow2_luks_open(struct fmt_image *image);
/* Without an extension: AES needs none, LUKS does. */
int qcow2_crypt_open(struct fmt_image *image);
void qcow2_crypt_info(const struct qcow2_state *state, const struct fmt_info *out);
/*
 * How clusters are encrypted: the first sector's number for the initialization vector of a run of
 * the disk's bytes at @offset that lie at @host_off: LUKS goes by the place in the file, AES by
 * that on the disk.
 */
static inline uint64_t qcow2_crypt_off(const struct qcow2_state *state, uint64_t offset,
                                       uint64_t host_off)
{
    return state->header.crypt_method == QCOW2_CRYPT_LUKS ? host_off : offset;
}

/* ---- qcow2-options.c ---- */

/* Check the options of the node, which come from json: names. Returns 0 or a negative errno. */
int qcow2_options_check(struct fmt_image *image);

/* ---- qcow2-snapshot.c ---- */

enum {
    QCOW2_SNAPSHOT_HEAD_BYTES = 40, /* of an entry, without what varies */
    QCOW2_SNAPSHOT_ALIGN_BYTES = 8,
    QCOW2_SNAPSHOT_EXTRA_BYTES =
        24, /* that is known: VM state size, disk size, instruction count */
};

struct qcow2_checker; /* qcow2-check.h */

/* Read the table. With @repair, a table that breaks the rules is read as it will be: extra data
 * that is too long is cut, what is too much at the table's end left out; that is told, and counted
 * as corruptions. Returns 0 or a negative errno, recorded. */
int qcow2_snapshots_read(struct fmt_image *image, struct qcow2_checker *repair);
int qcow2_snapshot_get(struct fmt_image *image, uint32_t index, struct fmt_snapshot *out);
int qcow2_snapshot_load(struct fmt_image *image, uint32_t index);

/* ---- qcow2-measure.c ---- */

/* As fmt_driver.measure. */
int qcow2_measure(struct fmt_env *env, struct fmt_measure *measure);

/* ---- qcow2-bitmap.c ---- */

/* Read and check the bitmap directory and the bitmaps' tables. Returns 0 or a negative errno. */
int qcow2_bitmaps_read(struct fmt_image *image);
/* Whether the entries of the bitmap's table can be right. Returns 0 or a negative errno, which is
 * not recorded. */
int qcow2_bitmap_table_check(struct fmt_image *image, const struct qcow2_bitmap *bitmap);

/* ---- qcow2-create.c ---- */

int qcow2_create(struct fmt_env *env, const struct fmt_create *create);

#endif
