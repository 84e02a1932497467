/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What encrypts a disk: a cipher and the initialization vector of each sector. */
#ifndef FORMATS_CRYPTO_VOLUME_H
#define FORMATS_CRYPTO_VOLUME_H

#include "cipher.h"
#include "hash.h"

enum crypto_ivgen { CRYPTO_IV_PLAIN, CRYPTO_IV_PLAIN64, CRYPTO_IV_ESSIV };

enum { CRYPTO_SECTOR_BYTES = 512 };

extern const char *const crypto_ivgen_names[];

/* How a volume is encrypted. */
struct crypto_spec {
    enum crypto_alg alg;
    enum crypto_mode mode;
    enum crypto_ivgen ivgen;
    enum crypto_hash essiv_hash; /* ESSIV: the key's digest keys the other cipher */
    enum crypto_alg essiv_alg;
};

struct crypto_volume {
    struct crypto_spec spec;
    struct crypto_cipher cipher;
    struct crypto_cipher essiv;
};

/* The cipher that ESSIV uses: as dm-crypt, of the first one's family, keyed by the whole digest.
 * Returns 0, or -1 if there is none of that size, or -2 if the family is no choice for ESSIV. */
int crypto_essiv_choose(enum crypto_alg alg, enum crypto_hash hash, enum crypto_alg *essiv_alg);

/* @key is crypto_key_bytes(alg, mode) long. */
void crypto_volume_init(struct crypto_volume *volume, const struct crypto_spec *spec,
                        const uint8_t *key);
/* qcow's and qcow2's older way: AES-128-CBC, keyed by the passphrase's first 16 bytes. */
void crypto_volume_init_aes(struct crypto_volume *volume, struct fmt_bytes passphrase);

/* In place: whole sectors, of which the first is number @sector. */
void crypto_volume_encrypt(const struct crypto_volume *volume, uint64_t sector, void *data,
                           size_t length);
void crypto_volume_decrypt(const struct crypto_volume *volume, uint64_t sector, void *data,
                           size_t length);

#endif
