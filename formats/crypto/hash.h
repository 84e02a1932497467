/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashes and PBKDF2 (RFC 8018, with HMAC), a thin layer over nettle. */
#ifndef FORMATS_CRYPTO_HASH_H
#define FORMATS_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

enum crypto_hash {
    CRYPTO_HASH_MD5,
    CRYPTO_HASH_SHA1,
    CRYPTO_HASH_SHA224,
    CRYPTO_HASH_SHA256,
    CRYPTO_HASH_SHA384,
    CRYPTO_HASH_SHA512,
    CRYPTO_HASH_RIPEMD160,
    CRYPTO_HASH_SM3,
};

enum { CRYPTO_DIGEST_MAX_BYTES = 64 };

/* Names by enum crypto_hash, NULL-terminated. */
extern const char *const crypto_hash_names[];

size_t crypto_digest_bytes(enum crypto_hash hash);
/* The digest of @a followed by @b (which may be empty) at @digest, crypto_digest_bytes() long. */
void crypto_hash_digest(enum crypto_hash hash, struct fmt_bytes a, struct fmt_bytes b,
                        uint8_t *digest);

/* A digest of bytes that come piece by piece. */
enum { CRYPTO_DIGEST_STATE_BYTES = 256 };
struct crypto_digest {
    enum crypto_hash hash;
    _Alignas(16) uint8_t state[CRYPTO_DIGEST_STATE_BYTES];
};
void crypto_digest_begin(struct crypto_digest *digest, enum crypto_hash hash);
void crypto_digest_update(struct crypto_digest *digest, const void *data, size_t length);
/* Writes crypto_digest_bytes() at @to; returns how many that are. */
size_t crypto_digest_end(struct crypto_digest *digest, uint8_t *to);

/* @key_bytes bytes of key from @secret. @iterations is at least 1. */
void crypto_pbkdf2(enum crypto_hash hash, struct fmt_bytes secret, struct fmt_bytes salt,
                   uint32_t iterations, uint8_t *key, size_t key_bytes);

#endif
