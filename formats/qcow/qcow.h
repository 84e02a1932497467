/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's first copy-on-write format (qcow, version 1): an L1 table, L2 tables, clusters, which may
 * be compressed (raw deflate) or encrypted (AES-CBC). All fields are big-endian.
 */
#ifndef FORMATS_QCOW_QCOW_H
#define FORMATS_QCOW_QCOW_H

#include "common/append.h"
#include "common/cache.h"
#include "common/format.h"
#include "crypto/disk.h"

#define QCOW_MAGIC 0x514649fbu /* "QFI\xfb" */
#define QCOW_COMPRESSED (UINT64_C(1) << 63)

enum {
    QCOW_VERSION = 1,
    QCOW_CLUSTER_BITS_OFF = 32, /* one byte of the header */
    QCOW_HEADER_BYTES = 48,
    QCOW_BACKING_BYTES_MAX = 1023,
    QCOW_CACHE_PAGES = 16,
    QCOW_WINDOW_BITS = 12, /* of compressed clusters */
};

enum qcow_crypt { QCOW_CRYPT_NONE = 0, QCOW_CRYPT_AES = 1 };

struct qcow_header {
    uint32_t magic;
    uint32_t version;
    uint64_t backing_off;
    uint32_t backing_bytes;
    uint64_t disk_bytes;
    uint8_t cluster_bits;
    uint8_t l2_bits;
    uint32_t crypt; /* enum qcow_crypt */
    uint64_t l1_off;
};

struct qcow_state {
    struct qcow_header header;
    uint32_t cluster_bytes;
    uint32_t l2_entries;
    uint64_t l1_entries;
    struct fmt_cache tables; /* L1 and L2 */
    uint8_t *cluster;        /* the last decompressed cluster; NULL until needed */
    uint8_t *coded;          /* its compressed bytes */
    uint64_t cluster_entry;  /* its L2 entry; 0: none */
    struct fmt_append append;
    struct crypto_volume *volume; /* NULL: not encrypted, or opened for its facts only */
};

/* L2 entry of the cluster at @offset of the disk, 0 if there is none. Returns 0 or a negative
 * errno. */
int qcow_entry(struct qcow_state *state, uint64_t offset, uint64_t *entry);

/* Make state->cluster and state->coded. Returns 0, or -FMT_ENOMEM with the error recorded. */
int qcow_buffers_make(struct fmt_image *image);

int qcow_create_check(struct fmt_env *env, const struct fmt_create *create);
int qcow_create(struct fmt_env *env, const struct fmt_create *create);
int qcow_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out);
int qcow_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);
int qcow_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                  struct fmt_extent *out);
void qcow_encrypt(const struct fmt_image *image, uint64_t offset, uint64_t device_off, void *buffer,
                  size_t length);
int qcow_write(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length);
int qcow_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length, bool may_unmap);
int qcow_write_compressed(struct fmt_image *image, uint64_t offset, const void *buffer,
                          size_t length);
int qcow_finish(struct fmt_image *image);

#endif
