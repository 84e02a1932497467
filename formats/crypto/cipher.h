/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block ciphers and their modes of operation, a thin layer over nettle. */
#ifndef FORMATS_CRYPTO_CIPHER_H
#define FORMATS_CRYPTO_CIPHER_H

#include <nettle/aes.h>
#include <nettle/cast128.h>
#include <nettle/serpent.h>
#include <nettle/twofish.h>
#include <stdbool.h>

#include "sm4.h"

enum crypto_alg {
    CRYPTO_AES_128,
    CRYPTO_AES_192,
    CRYPTO_AES_256,
    CRYPTO_DES, /* known by name only */
    CRYPTO_3DES,
    CRYPTO_CAST5_128,
    CRYPTO_SERPENT_128,
    CRYPTO_SERPENT_192,
    CRYPTO_SERPENT_256,
    CRYPTO_TWOFISH_128,
    CRYPTO_TWOFISH_192,
    CRYPTO_TWOFISH_256,
    CRYPTO_SM4,
    CRYPTO_ALGS
};

enum crypto_mode { CRYPTO_ECB, CRYPTO_CBC, CRYPTO_XTS, CRYPTO_CTR };

enum { CRYPTO_BLOCK_MAX_BYTES = 16, CRYPTO_KEY_MAX_BYTES = 64 };

/* Names as qemu's options have them, NULL-terminated, by enum. */
extern const char *const crypto_alg_names[];
extern const char *const crypto_mode_names[];

union crypto_schedule {
    struct aes128_ctx aes128;
    struct aes192_ctx aes192;
    struct aes256_ctx aes256;
    struct cast128_ctx cast128;
    struct serpent_ctx serpent;
    struct twofish_ctx twofish;
    struct crypto_sm4_ctx sm4;
};

struct crypto_cipher {
    const struct nettle_cipher *alg;
    enum crypto_mode mode;
    union crypto_schedule encrypt, decrypt, tweak; /* tweak: of XTS */
};

/* 0 for DES and 3DES, which no volume is encrypted with. */
size_t crypto_alg_key_bytes(enum crypto_alg alg);
size_t crypto_alg_block_bytes(enum crypto_alg alg);
/* Whether the pair exists: XTS needs blocks of 16 bytes, SM4 is there in ECB only. */
bool crypto_mode_ok(enum crypto_alg alg, enum crypto_mode mode);
/* Bytes of key for the pair: XTS takes two keys. */
size_t crypto_key_bytes(enum crypto_alg alg, enum crypto_mode mode);

/* Expand the key, crypto_key_bytes() long. The pair has passed crypto_mode_ok(). */
void crypto_cipher_init(struct crypto_cipher *cipher, enum crypto_alg alg, enum crypto_mode mode,
                        const uint8_t *key);
/* In place; @length is a multiple of the block. @iv, of one block, is changed; ECB has none. */
void crypto_cipher_encrypt(const struct crypto_cipher *cipher, uint8_t *iv, uint8_t *data,
                           size_t length);
void crypto_cipher_decrypt(const struct crypto_cipher *cipher, uint8_t *iv, uint8_t *data,
                           size_t length);

#endif
