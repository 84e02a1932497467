/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a format driver is: one const struct of few callbacks.
 *
 * probe, open and info are there in every driver; the rest is optional (NULL: the format cannot).
 * Only formats/image.c calls the callbacks, and checks arguments and results. A driver keeps its
 * state in image->state, taken from the job's arena; there is no close for reading.
 */
#ifndef FORMATS_COMMON_FORMAT_H
#define FORMATS_COMMON_FORMAT_H

#include "io.h"
#include "options.h"

struct fmt_image;
struct fmt_driver;

enum { FMT_SECTOR_BYTES = 512, FMT_PROBE_BYTES = 512, FMT_PROBE_MAX = 100 };

/* ---- open ---- */

#define FMT_OPEN_WRITABLE 1u /* changes will be made */
#define FMT_OPEN_NO_DATA                                                                           \
    2u                        /* only facts are wanted: do not open data files or extents that the \
                                 facts do not need (info, and the backing size of create) */
#define FMT_OPEN_CHECK 4u     /* opened by check: tolerate what check reports and repairs */
#define FMT_OPEN_ANY_SIZE 16u /* by info, which tells of huge_sectors by itself */
#define FMT_OPEN_NEW                                                                               \
    8u /* with WRITABLE: made by this very job. Nobody needs the image before finish(): what is    \
          left if that is never reached is empty, or refused */

/* Facts that open() fills in; everything that info prints outside "format specific". */
struct fmt_facts {
    uint64_t virtual_bytes;
    uint64_t huge_sectors;  /* 0, or the number of sectors where no number counts their bytes */
    uint64_t cluster_bytes; /* 0: not printed */
    bool encrypted;
    bool compressed; /* "compressed": true (streamOptimized, ...) */
    bool dirty;
    bool no_dirty_flag;   /* as the driver's, for this image alone */
    bool bitmaps_persist; /* the format, of this version, can keep dirty bitmaps */
    bool backing_present;
    struct fmt_bytes backing_name;   /* as stored */
    struct fmt_bytes backing_format; /* as stored; empty: none recorded */
    uint32_t snapshot_count;
};

/* The disk's size by its sectors. */
static inline void fmt_sectors_set(struct fmt_facts *facts, uint64_t sectors)
{
    bool fits = sectors <= FMT_OFFSET_MAX / FMT_SECTOR_BYTES;

    facts->virtual_bytes = fits ? sectors * FMT_SECTOR_BYTES : UINT64_MAX;
    facts->huge_sectors = fits ? 0 : sectors;
}

/* A further file that the image consists of, as info lists it ("data-file", "extents.0"). */
struct fmt_child {
    struct fmt_bytes name;
    uint32_t device;
};

struct fmt_image {
    const struct fmt_driver *driver;
    struct fmt_env *env;
    uint32_t device; /* the "file" child */
    bool over_image; /* the file is an image itself, which is asked for what its ranges are by
                        whoever maps this one: drivers that hand it through call it DATA */
    uint32_t flags;  /* FMT_OPEN_* */
    struct fmt_bytes filename;         /* as the host knows it; for texts only */
    const struct fmt_options *options; /* of the node, e.g. raw's offset and size; only open() may
                                          look at them */
    struct fmt_facts facts;
    struct fmt_image *backing; /* set by whoever opens the chain */
    struct fmt_child *child;   /* further files, without "file" itself and the backing file */
    uint32_t child_count;
    void *state;
    const void *filling; /* see fmt_allocated_fill() */
};

/* ---- info ---- */

/* Where the format specific facts go: a tree of keys and values. Keys are qemu's QAPI names. */
struct fmt_info_ops {
    void (*bytes)(void *ctx, const char *key, struct fmt_bytes value);
    void (*number)(void *ctx, const char *key, int64_t value);
    void (*boolean)(void *ctx, const char *key, bool value);
    void (*dict)(void *ctx, const char *key); /* key NULL inside a list */
    void (*list)(void *ctx, const char *key);
    void (*end)(void *ctx);
};

struct fmt_info {
    const struct fmt_info_ops *ops;
    void *ctx;
};

struct fmt_snapshot {
    struct fmt_bytes id;
    struct fmt_bytes name;
    uint64_t vm_state_bytes;
    uint32_t date_seconds;
    uint32_t date_nanoseconds;
    uint64_t vm_clock_nanoseconds;
    int64_t icount; /* -1: not recorded */
    uint64_t virtual_bytes;
};

/* ---- create ---- */

struct fmt_create {
    uint32_t device;           /* the new file: created, empty, writable */
    uint64_t virtual_bytes;    /* as asked for, or the backing file's */
    struct fmt_bytes filename; /* of the new file, as given: VMDK descriptors name their extents */
    const struct fmt_options *options; /* in the driver's own types and names */
    bool backing_present;
    struct fmt_bytes backing_name;   /* recorded as it is */
    struct fmt_bytes backing_format; /* may be empty */
    bool backing_format_unknown;     /* given, and none that the reference knows */
    struct fmt_image *backing;       /* opened, or NULL (-u) */
    struct fmt_bytes backing_path;   /* absolute, as the host knows it; may be empty */
    uint64_t backing_seconds;        /* when the backing file was last changed, since 1970 */
};

/* ---- reading ---- */

enum fmt_extent_kind {
    FMT_EXTENT_UNALLOCATED, /* this layer says nothing: read the backing file, or zeroes */
    FMT_EXTENT_ZERO,        /* reads as zeroes, by this layer's metadata */
    FMT_EXTENT_DATA,        /* plain bytes at device:device_off: the host may copy them */
    FMT_EXTENT_CODED,       /* compressed or encrypted: only read() knows */
};

struct fmt_extent {
    enum fmt_extent_kind kind;
    uint64_t length;     /* from the offset asked for; at least 1, at most what was asked for */
    uint32_t device;     /* DATA */
    uint64_t device_off; /* DATA, and CODED/ZERO where has_offset */
    bool has_offset;     /* map prints an "offset" */
    bool preallocated;   /* DATA: space was taken before data was written; where the device has a
                            hole, map prints "zero": true as well */
    bool compressed;     /* map prints "compressed": true */
    bool zero_allocated; /* ZERO: space is allocated for it (a preallocated zero cluster) */
    /* CODED: decode() makes the extent's bytes of as many at device:device_off, in place, or of
     * coded_bytes there, for the whole cluster; neither: only read() can. */
    bool coded_in_place;
    uint32_t coded_bytes;
};

/* ---- check ---- */

struct fmt_check {
    uint64_t corruptions, leaks, check_errors;
    uint64_t corruptions_fixed, leaks_fixed;
    uint64_t image_end_offset;
    bool has_image_end_offset;
    uint64_t total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters;
    /* One line of human text per finding, rendered by the host like an error. */
    void (*finding)(void *ctx, enum fmt_error_code code, const struct fmt_error_arg *args,
                    unsigned count);
    void *finding_ctx;
};

/* ---- measure ---- */

struct fmt_measure {
    const struct fmt_options *options; /* as of create */
    uint64_t virtual_bytes;            /* as asked for */
    struct fmt_image *source;          /* the image to be stored, with its chain; NULL: none */
    /* Bytes of the clusters of @cluster_bytes in which @source has data. Errors are recorded. */
    int (*allocated)(void *ctx, uint64_t cluster_bytes, uint64_t *bytes);
    void *ctx;
    uint64_t required_bytes;        /* out */
    uint64_t fully_allocated_bytes; /* out */
    uint64_t bitmaps_bytes;         /* out */
    bool has_bitmaps;
};

/* Bytes of the disk to be stored. */
static inline uint64_t fmt_measure_bytes(const struct fmt_measure *measure)
{
    const struct fmt_image *source = measure->source;

    return source ? round_up_u64(source->facts.virtual_bytes, FMT_SECTOR_BYTES)
                  : measure->virtual_bytes;
}

/* What decode() works with: one for each vCPU, @context and @scratch NULL at first. */
struct fmt_decoder {
    struct fmt_arena *arena;
    void *context, *scratch;
};

/* ---- writing ---- */

/* Changes of the file that an image is to another one. */
enum fmt_change {
    FMT_CHANGE_WRITE,
    FMT_CHANGE_ZERO,
    FMT_CHANGE_DISCARD,
    FMT_CHANGE_FLUSH, /* of nothing at 0 */
    FMT_CHANGE_SIZE,  /* to the offset; no length */
};

/* What compress() works with: one for each vCPU, @context NULL before its first cluster. */
struct fmt_compressor {
    struct fmt_arena *arena; /* grows with the first cluster only */
    int level;               /* 0: the format's own */
    void *context;           /* the driver's */
};

struct fmt_driver {
    const char *name; /* qemu's format name */

    /* 0..FMT_PROBE_MAX: how sure the driver is, from the first bytes (at most FMT_PROBE_BYTES,
     * less for a shorter file) and the file's name. qemu's own scores. */
    unsigned (*probe)(const uint8_t *head, size_t length, struct fmt_bytes filename);
    /* Parse and check the metadata; fill image->facts and image->state. */
    int (*open)(struct fmt_image *image);
    /* Emit the members of "format-specific"."data". May be empty. */
    int (*info)(struct fmt_image *image, const struct fmt_info *out);
    /* The @index-th of facts.snapshot_count. Texts live as long as the image. */
    int (*snapshot)(struct fmt_image *image, uint32_t index, struct fmt_snapshot *out);
    /* From now on, the image reads as the @index-th of them. */
    int (*snapshot_load)(struct fmt_image *image, uint32_t index);

    /* Refuse options before the new file is made and what stood there before is lost: only where
     * the reference does so, too. create->device is not valid yet. */
    int (*create_check)(struct fmt_env *env, const struct fmt_create *create);
    /* Lay out and write a new image; header last. */
    int (*create)(struct fmt_env *env, const struct fmt_create *create);

    /* What is at virtual offset @offset: one extent of at most @length bytes. Both lie within
     * virtual_bytes. */
    int (*map)(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
    /* Whether the status of [offset, offset + length) may be asked for: 0, or a negative errno with
     * which that is to fail. NULL: always. Reading does not ask. */
    int (*status_check)(struct fmt_image *image, uint64_t offset, uint64_t length);
    /* Whether what map() calls UNALLOCATED may be read from image->backing: 0, or a negative errno
     * if that is not the file that this image was made for. NULL: always. Asked by whoever reads
     * data of a chain; map alone shows places, and does not ask. */
    int (*backing_check)(struct fmt_image *image);
    /* Read virtual bytes of this layer alone where map() says CODED (or DATA). */
    int (*read)(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);
    /*
     * Make of what was read at device_off the bytes of a CODED extent that map() found at @offset:
     * extent->length of them, at @out, which is @coded where that is done in place. Pure: any vCPU
     * may do it, each with a @decoder of its own.
     */
    int (*decode)(const struct fmt_image *image, struct fmt_decoder *decoder, uint64_t offset,
                  const struct fmt_extent *extent, const void *coded, void *out);

    /* Count and report; read-only unless repairs are asked for with @fix (FMT_FIX_*). */
    int (*check)(struct fmt_image *image, struct fmt_check *check, unsigned fix);
    /* How large the file of a new image would be. */
    int (*measure)(struct fmt_env *env, struct fmt_measure *measure);

    /* ---- writing (convert's targets) ---- */
    /*
     * Give [offset, offset + length) a place, as the reference places one write of that length:
     * one extent, maybe shorter, that the caller then fills: with DATA as it is, or, where it is
     * CODED, with what encrypt() makes of the data. Bytes around it in new clusters are there.
     */
    int (*allocate)(struct fmt_image *image, uint64_t offset, uint64_t length,
                    struct fmt_extent *out);
    /* Encrypt whole sectors in place: those of the disk at @offset that will lie at @device_off.
     * Pure: any vCPU may do it. NULL: the format has no CODED extents to be written. */
    void (*encrypt)(const struct fmt_image *image, uint64_t offset, uint64_t device_off,
                    void *buffer, size_t length);
    int (*write)(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length);
    int (*write_zeroes)(struct fmt_image *image, uint64_t offset, uint64_t length, bool may_unmap);
    /* One whole cluster (the last may be short), stored compressed: compress(), then
     * write_coded(), or write() where that does not make it smaller. */
    int (*write_compressed)(struct fmt_image *image, uint64_t offset, const void *buffer,
                            size_t length);
    /*
     * Compress one cluster (facts.cluster_bytes; the disk's last one filled up with zeroes). Pure:
     * any vCPU may do it, each with a @compressor of its own. @out has room for a cluster;
     * *@out_bytes becomes the length, 0: it does not get smaller. Returns 0 or a negative errno.
     */
    int (*compress)(const struct fmt_image *image, struct fmt_compressor *compressor,
                    const void *in, void *out, size_t *out_bytes);
    /* Store what compress() made of the cluster at @offset. The bytes are copied. */
    int (*write_coded)(struct fmt_image *image, uint64_t offset, const void *coded, size_t bytes);
    /* Whether bitmaps_copy() can take all persistent bitmaps of the image, or, with @skip_broken,
     * those that are consistent. NULL: the format has none. */
    int (*bitmaps_check)(struct fmt_image *image, bool skip_broken);
    /* Store the bitmaps of @source, an image of the same driver, in this one: after all data. */
    int (*bitmaps_copy)(struct fmt_image *image, struct fmt_image *source, bool skip_broken);
    /* Write out all metadata; the image is whole afterwards. */
    int (*finish)(struct fmt_image *image);

    /* ---- as the file of another image ---- */
    /* Whether the change may be made: 0, and *offset is where it is to be made in image->device, or
     * a negative errno. NULL: none may. */
    int (*pass_change)(struct fmt_image *image, enum fmt_change change, uint64_t *offset,
                       uint64_t length);
    /* The image above begins something. NULL: nobody waits for it. */
    void (*event)(struct fmt_image *image, enum fmt_event event);

    bool has_format_specific;  /* "format-specific" is printed at all */
    bool no_dirty_flag;        /* info prints no "dirty-flag" */
    bool passes_cluster_bytes; /* cluster size is that of the image below, if any */
    bool passes_facts; /* cluster size and dirty flag are those of the image below, if any, and what
                          it says of its ranges holds: map() and CODED extents give its place */
    bool is_filter;    /* map looks through it */
    bool map_opaque;   /* the map command prints all as DATA without an offset, whatever
                          map() knows */
    bool map_by_unit;  /* the reference's driver tells of one cluster at a time */
    bool offloads;     /* file systems may copy its data themselves, from it and to it */
    bool supports_backing;
    bool tells_writes; /* the reference's driver has an event for data that is written */
    bool own_files;    /* image->device is one of child[], not a "file" of its own */
};

/* Tell the image's file of what begins, if that is an image itself. */
static inline void fmt_event_tell(struct fmt_image *image, enum fmt_event event)
{
    if (image->over_image && image->env->io->event)
        image->env->io->event(image->env->io_ctx, image->device, event);
}

/* info of formats that have no facts of their own. */
static inline int fmt_info_nothing(struct fmt_image *image, const struct fmt_info *out)
{
    (void)image;
    (void)out;
    return 0;
}

#define FMT_FIX_LEAKS 1u
#define FMT_FIX_ERRORS 2u

static inline void info_bytes(const struct fmt_info *out, const char *key, struct fmt_bytes value)
{
    out->ops->bytes(out->ctx, key, value);
}

static inline void info_text(const struct fmt_info *out, const char *key, const char *value)
{
    out->ops->bytes(out->ctx, key, fmt_bytes_of(value));
}

static inline void info_number(const struct fmt_info *out, const char *key, int64_t value)
{
    out->ops->number(out->ctx, key, value);
}

static inline void info_bool(const struct fmt_info *out, const char *key, bool value)
{
    out->ops->boolean(out->ctx, key, value);
}

static inline void info_dict(const struct fmt_info *out, const char *key)
{
    out->ops->dict(out->ctx, key);
}

static inline void info_list(const struct fmt_info *out, const char *key)
{
    out->ops->list(out->ctx, key);
}

static inline void info_end(const struct fmt_info *out)
{
    out->ops->end(out->ctx);
}

#endif
