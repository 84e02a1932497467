/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The world below a driver: numbered devices by byte offset, references, memory, errors.
 *
 * In the guest these calls become ring requests; in unit tests a byte buffer answers them, and
 * fails the n-th one on demand. All calls are synchronous; all return 0 or a negative errno and,
 * unless told otherwise, record nothing in env->error: the caller knows better what to say.
 */
#ifndef FORMATS_COMMON_IO_H
#define FORMATS_COMMON_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "bytes.h"
#include "error.h"

struct fmt_device {
    uint64_t size_bytes;
    uint64_t allocated_bytes; /* that the file takes in its file system */
    bool writable;
    bool block_device;
    bool zero_init; /* bytes beyond the old end read as zeroes after growing */
};

enum fmt_prealloc { FMT_PREALLOC_OFF, FMT_PREALLOC_FALLOC, FMT_PREALLOC_FULL };

/* Why a driver wants another file; the host resolves the name by it. */
enum fmt_ref_kind {
    FMT_REF_BACKING,   /* backing file: relative to the image that names it */
    FMT_REF_DATA_FILE, /* qcow2 external data file */
    FMT_REF_EXTENT,    /* VMDK extent: relative to the descriptor's folder */
    FMT_REF_PARENT,    /* parent hint of a differencing VHD or VHDX */
    FMT_REF_TARGET,    /* file to create: a further extent or a data file of the new image */
};

struct fmt_ref {
    enum fmt_ref_kind kind;
    uint32_t device;       /* the device in which the name was found */
    struct fmt_bytes name; /* as found */
    bool writable;
    bool truncate; /* FMT_REF_TARGET: create anew, else it may exist */
    bool plain;    /* nothing but the disk's data will be read from it */
    void *head;    /* if not NULL, receives the first head_bytes of the opened device */
    size_t head_bytes;
    struct fmt_bytes *filename; /* if not NULL, receives the opened file's name, for texts */
};

struct fmt_run {
    uint64_t length;
    bool zero; /* a hole */
};

/* One of many reads. */
struct fmt_read {
    uint64_t offset;
    void *buffer;
    size_t length;
    int status; /* out: 0 or a negative errno */
};

/* What an image's file may be told has begun: those of the reference's block layer and drivers. */
enum fmt_event {
    FMT_EVENT_NONE, /* the file was opened */
    FMT_EVENT_PWRITEV,
    FMT_EVENT_PWRITEV_ZERO,
    FMT_EVENT_PWRITEV_DONE,
    FMT_EVENT_WRITE_AIO,
    FMT_EVENT_WRITE_COMPRESSED,
};

/* What is told at once, beside the operation's answer, on standard error. */
enum fmt_message_kind {
    FMT_MESSAGE_ERROR,    /* "qemu-img: TEXT" */
    FMT_MESSAGE_WARNING,  /* "qemu-img: warning: TEXT" */
    FMT_MESSAGE_PLAIN,    /* "TEXT" */
    FMT_MESSAGE_FRAGMENT, /* "TEXT", without an end of line: as the reference prints it */
};

struct fmt_io_ops {
    /* Bytes past the device's end read as zeroes. */
    int (*read)(void *ctx, uint32_t device, uint64_t offset, void *buffer, size_t length);
    /* All at once, each with a status of its own. NULL: they are done one after the other. */
    void (*read_many)(void *ctx, uint32_t device, struct fmt_read *reads, size_t count);
    int (*write)(void *ctx, uint32_t device, uint64_t offset, const void *buffer, size_t length);
    /* Make the range read as zeroes, as a hole if @may_unmap. Grows the file if needed. */
    int (*zero)(void *ctx, uint32_t device, uint64_t offset, uint64_t length, bool may_unmap);
    /* Write zeroes, as if they came from memory. */
    int (*zero_write)(void *ctx, uint32_t device, uint64_t offset, uint64_t length);
    int (*discard)(void *ctx, uint32_t device, uint64_t offset, uint64_t length);
    int (*allocate)(void *ctx, uint32_t device, uint64_t offset, uint64_t length);
    int (*truncate)(void *ctx, uint32_t device, uint64_t size_bytes, enum fmt_prealloc prealloc);
    int (*flush)(void *ctx, uint32_t device);
    int (*facts)(void *ctx, uint32_t device, struct fmt_device *facts);
    /* What the file system knows of [offset, offset + length): fills at most *count runs. */
    int (*extents)(void *ctx, uint32_t device, uint64_t offset, uint64_t length,
                   struct fmt_run *runs, size_t *count);
    int (*open)(void *ctx, const struct fmt_ref *ref, uint32_t *device);
    int (*close)(void *ctx, uint32_t device);
    /* Tell an image that serves as a file. NULL: there is none. */
    void (*event)(void *ctx, uint32_t device, enum fmt_event event);
    int (*random)(void *ctx, void *buffer, size_t length);
    /* Nanoseconds since some moment in the past; never goes back. */
    uint64_t (*clock)(void *ctx);
    /* Seconds since 1970, or what the job says is now (SOURCE_DATE_EPOCH). */
    uint64_t (*now)(void *ctx);
    /* Tell the user; @code's text as in errors. May fail silently. */
    void (*message)(void *ctx, enum fmt_message_kind kind, enum fmt_error_code code,
                    const struct fmt_error_arg *args, unsigned count);
};

enum fmt_secret_kind {
    FMT_SECRET_TEXT,         /* a passphrase: UTF-8 without NULs */
    FMT_SECRET_NOT_UTF8,     /* a secret, but none that can be a passphrase */
    FMT_SECRET_OTHER_OBJECT, /* no secret at all */
};

/* An object given by --object: looked up by its id. */
struct fmt_secret {
    enum fmt_secret_kind kind;
    struct fmt_bytes id;
    struct fmt_bytes data;
};

/* The one context that is passed down. */
struct fmt_env {
    const struct fmt_io_ops *io;
    void *io_ctx;
    struct fmt_arena *arena;
    struct fmt_error *error;
    const struct fmt_secret *secrets;
    size_t secret_count;
};

/* The reference's own limit: requests beyond it fail (EIO) before anything is asked of the host. */
#define FMT_OFFSET_MAX (UINT64_C(0x7fffffffffffffff) >> 30 << 30)

static inline bool io_range_ok(uint64_t offset, uint64_t length)
{
    return offset <= FMT_OFFSET_MAX && length <= FMT_OFFSET_MAX - offset;
}

/* Short forms. */
static inline int io_read(struct fmt_env *env, uint32_t device, uint64_t offset, void *buffer,
                          size_t length)
{
    if (!io_range_ok(offset, length))
        return -FMT_EIO;
    return env->io->read(env->io_ctx, device, offset, buffer, length);
}

/* Reads that do not wait for each other. Their lengths are not 0. */
void io_read_many(struct fmt_env *env, uint32_t device, struct fmt_read *reads, size_t count);

static inline int io_write(struct fmt_env *env, uint32_t device, uint64_t offset,
                           const void *buffer, size_t length)
{
    if (!io_range_ok(offset, length))
        return -FMT_EIO;
    return env->io->write(env->io_ctx, device, offset, buffer, length);
}

static inline int io_zero(struct fmt_env *env, uint32_t device, uint64_t offset, uint64_t length,
                          bool may_unmap)
{
    if (!io_range_ok(offset, length))
        return -FMT_EIO;
    return env->io->zero(env->io_ctx, device, offset, length, may_unmap);
}

static inline int io_truncate(struct fmt_env *env, uint32_t device, uint64_t size_bytes,
                              enum fmt_prealloc prealloc)
{
    if (size_bytes > INT64_MAX)
        return -FMT_EINVAL;
    return env->io->truncate(env->io_ctx, device, size_bytes, prealloc);
}

static inline int io_discard(struct fmt_env *env, uint32_t device, uint64_t offset, uint64_t length)
{
    if (!io_range_ok(offset, length))
        return -FMT_EIO;
    return env->io->discard(env->io_ctx, device, offset, length);
}

static inline int io_flush(struct fmt_env *env, uint32_t device)
{
    return env->io->flush(env->io_ctx, device);
}

static inline int io_facts(struct fmt_env *env, uint32_t device, struct fmt_device *facts)
{
    return env->io->facts(env->io_ctx, device, facts);
}

/* The device's length as the reference counts it: in whole sectors of 512 bytes, rounded up. */
static inline int io_sector_bytes(struct fmt_env *env, uint32_t device, uint64_t *bytes)
{
    struct fmt_device facts;
    int r = io_facts(env, device, &facts);
    *bytes = r < 0 ? 0 : round_up_u64(facts.size_bytes, 512);
    return r;
}

/* fmt_message(env, FMT_MESSAGE_WARNING, FMT_ERR_X, FMT_NUM(n)): tell it at once. */
#define fmt_message(env, kind, code, ...)                                                          \
    (env)->io->message((env)->io_ctx, (kind), (code), FMT_ARGS(__VA_ARGS__))

/* Zeroed memory from the job's arena; records FMT_ERR_NOMEM and returns NULL when exhausted. */
void *fmt_alloc(struct fmt_env *env, uint64_t bytes);

#endif
