/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encrypted bytes of a device. */
#ifndef FORMATS_CRYPTO_DISK_H
#define FORMATS_CRYPTO_DISK_H

#include "common/io.h"
#include "volume.h"

/* A run of encrypted bytes: sectors are numbered by @iv_off, which need not be where they lie. */
struct crypto_run {
    uint32_t device;
    uint64_t device_off;
    uint64_t iv_off;
};

/* Read and decrypt; the offsets need not be whole sectors. Returns 0 or a negative errno. */
int crypto_disk_read(struct fmt_env *env, const struct crypto_volume *volume,
                     const struct crypto_run *run, void *buffer, size_t length);
/* Encrypt and write whole sectors; @buffer NULL: zeroes. -FMT_EINVAL if they are not whole. */
int crypto_disk_write(struct fmt_env *env, const struct crypto_volume *volume,
                      const struct crypto_run *run, const void *buffer, uint64_t length);

#endif
