/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sector by sector; see volume.h. */
#include "volume.h"

#include "wipe.h"

const char *const crypto_ivgen_names[] = {
    [CRYPTO_IV_PLAIN] = "plain",
    [CRYPTO_IV_PLAIN64] = "plain64",
    [CRYPTO_IV_ESSIV] = "essiv",
    [CRYPTO_IV_ESSIV + 1] = NULL,
};

int crypto_essiv_choose(enum crypto_alg alg, enum crypto_hash hash, enum crypto_alg *essiv_alg)
{
    static const enum crypto_alg families[] = {CRYPTO_AES_128, CRYPTO_SERPENT_128,
                                               CRYPTO_TWOFISH_128};
    size_t digest_bytes = crypto_digest_bytes(hash);

    *essiv_alg = alg;
    if (crypto_alg_key_bytes(alg) == digest_bytes)
        return 0;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (alg < families[i] || alg > families[i] + 2)
            continue;
        for (*essiv_alg = families[i]; *essiv_alg <= families[i] + 2; ++*essiv_alg) {
            if (crypto_alg_key_bytes(*essiv_alg) == digest_bytes)
                return 0;
        }
        return -1;
    }
    return -2;
}

void crypto_volume_init(struct crypto_volume *volume, const struct crypto_spec *spec,
                        const uint8_t *key)
{
    volume->spec = *spec;
    crypto_cipher_init(&volume->cipher, spec->alg, spec->mode, key);
    if (spec->ivgen != CRYPTO_IV_ESSIV)
        return;
    uint8_t digest[CRYPTO_DIGEST_MAX_BYTES];
    struct fmt_bytes whole = {(const char *)key, crypto_key_bytes(spec->alg, spec->mode)};
    crypto_hash_digest(spec->essiv_hash, whole, (struct fmt_bytes){0}, digest);
    crypto_cipher_init(&volume->essiv, spec->essiv_alg, CRYPTO_ECB, digest);
    crypto_wipe(digest, sizeof(digest));
}

void crypto_volume_init_aes(struct crypto_volume *volume, struct fmt_bytes passphrase)
{
    static const struct crypto_spec spec = {
        .alg = CRYPTO_AES_128, .mode = CRYPTO_CBC, .ivgen = CRYPTO_IV_PLAIN64};
    uint8_t key[16] = {0};

    memcpy(key, passphrase.data, (size_t)min_u64(passphrase.length, sizeof(key)));
    crypto_volume_init(volume, &spec, key);
    crypto_wipe(key, sizeof(key));
}

/* The sector's initialization vector, of one block; little-endian numbers, zeroes behind. */
static void iv_make(const struct crypto_volume *volume, uint64_t sector, uint8_t *iv)
{
    memset(iv, 0, CRYPTO_BLOCK_MAX_BYTES);
    le64_store(iv, volume->spec.ivgen == CRYPTO_IV_PLAIN ? sector & UINT32_MAX : sector);
    if (volume->spec.ivgen == CRYPTO_IV_ESSIV)
        crypto_cipher_encrypt(&volume->essiv, NULL, iv, volume->essiv.alg->block_size);
}

/* Sector by sector, each with its own initialization vector. */
static void sectors_crypt(const struct crypto_volume *volume, uint64_t sector, void *data,
                          size_t length,
                          void (*crypt)(const struct crypto_cipher *, uint8_t *, uint8_t *, size_t))
{
    uint8_t iv[CRYPTO_BLOCK_MAX_BYTES], *at = data;

    for (size_t n; length > 0; length -= n, at += n, sector++) {
        n = (size_t)min_u64(length, CRYPTO_SECTOR_BYTES);
        iv_make(volume, sector, iv);
        crypt(&volume->cipher, iv, at, n);
    }
    crypto_wipe(iv, sizeof(iv));
}

void crypto_volume_encrypt(const struct crypto_volume *volume, uint64_t sector, void *data,
                           size_t length)
{
    sectors_crypt(volume, sector, data, length, crypto_cipher_encrypt);
}

void crypto_volume_decrypt(const struct crypto_volume *volume, uint64_t sector, void *data,
                           size_t length)
{
    sectors_crypt(volume, sector, data, length, crypto_cipher_decrypt);
}
