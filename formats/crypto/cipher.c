/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block ciphers and modes; see cipher.h. */
#include "cipher.h"

#include <nettle/cbc.h>
#include <nettle/ctr.h>
#include <nettle/memxor.h>

#include "common/bytes.h"
#include "wipe.h"

const char *const crypto_mode_names[] = {
    [CRYPTO_ECB] = "ecb", [CRYPTO_CBC] = "cbc",    [CRYPTO_XTS] = "xts",
    [CRYPTO_CTR] = "ctr", [CRYPTO_CTR + 1] = NULL,
};

const char *const crypto_alg_names[] = {
    [CRYPTO_AES_128] = "aes-128",
    [CRYPTO_AES_192] = "aes-192",
    [CRYPTO_AES_256] = "aes-256",
    [CRYPTO_DES] = "des",
    [CRYPTO_3DES] = "3des",
    [CRYPTO_CAST5_128] = "cast5-128",
    [CRYPTO_SERPENT_128] = "serpent-128",
    [CRYPTO_SERPENT_192] = "serpent-192",
    [CRYPTO_SERPENT_256] = "serpent-256",
    [CRYPTO_TWOFISH_128] = "twofish-128",
    [CRYPTO_TWOFISH_192] = "twofish-192",
    [CRYPTO_TWOFISH_256] = "twofish-256",
    [CRYPTO_SM4] = "sm4",
    [CRYPTO_ALGS] = NULL,
};

static const struct nettle_cipher *const algs[CRYPTO_ALGS] = {
    [CRYPTO_AES_128] = &nettle_aes128,
    [CRYPTO_AES_192] = &nettle_aes192,
    [CRYPTO_AES_256] = &nettle_aes256,
    [CRYPTO_CAST5_128] = &nettle_cast128,
    [CRYPTO_SERPENT_128] = &nettle_serpent128,
    [CRYPTO_SERPENT_192] = &nettle_serpent192,
    [CRYPTO_SERPENT_256] = &nettle_serpent256,
    [CRYPTO_TWOFISH_128] = &nettle_twofish128,
    [CRYPTO_TWOFISH_192] = &nettle_twofish192,
    [CRYPTO_TWOFISH_256] = &nettle_twofish256,
    [CRYPTO_SM4] = &crypto_sm4,
};

size_t crypto_alg_key_bytes(enum crypto_alg alg)
{
    return algs[alg] ? algs[alg]->key_size : 0;
}

size_t crypto_alg_block_bytes(enum crypto_alg alg)
{
    return algs[alg] ? algs[alg]->block_size : 0;
}

bool crypto_mode_ok(enum crypto_alg alg, enum crypto_mode mode)
{
    if (!algs[alg] || (alg == CRYPTO_SM4 && mode != CRYPTO_ECB))
        return false;
    return mode != CRYPTO_XTS || algs[alg]->block_size == CRYPTO_BLOCK_MAX_BYTES;
}

size_t crypto_key_bytes(enum crypto_alg alg, enum crypto_mode mode)
{
    return crypto_alg_key_bytes(alg) * (mode == CRYPTO_XTS ? 2 : 1);
}

void crypto_cipher_init(struct crypto_cipher *cipher, enum crypto_alg alg, enum crypto_mode mode,
                        const uint8_t *key)
{
    const struct nettle_cipher *c = algs[alg];

    cipher->alg = c;
    cipher->mode = mode;
    c->set_encrypt_key(&cipher->encrypt, key);
    c->set_decrypt_key(&cipher->decrypt, key);
    if (mode == CRYPTO_XTS)
        c->set_encrypt_key(&cipher->tweak, key + c->key_size);
}

/*
 * The tweaks of @length bytes of blocks: each is the one before times x in GF(2^128), as IEEE 1619
 * counts bits. @iv is the first one, and then the one behind the last.
 */
static void tweaks_fill(uint8_t *iv, uint8_t *tweaks, size_t length)
{
    uint64_t low = le64_load(iv), high = le64_load(iv + 8);

    for (size_t at = 0; at < length; at += CRYPTO_BLOCK_MAX_BYTES) {
        uint64_t carry = high >> 63;
        le64_store(tweaks + at, low);
        le64_store(tweaks + at + 8, high);
        high = high << 1 | low >> 63;
        low = low << 1 ^ carry * 0x87;
    }
    le64_store(iv, low);
    le64_store(iv + 8, high);
}

/*
 * XTS in pieces of a sector, all blocks of which go through the cipher at once: nettle's own works
 * block by block and leaves the processor idle between them.
 */
static void xts_crypt(const struct crypto_cipher *cipher, const void *schedule,
                      nettle_cipher_func *crypt, uint8_t *iv, uint8_t *data, size_t length)
{
    enum { PIECE_BLOCKS = 32 };
    uint8_t tweaks[PIECE_BLOCKS * CRYPTO_BLOCK_MAX_BYTES];

    cipher->alg->encrypt(&cipher->tweak, CRYPTO_BLOCK_MAX_BYTES, iv, iv);
    while (length > 0) {
        size_t n = (size_t)min_u64(length, sizeof(tweaks));
        tweaks_fill(iv, tweaks, n);
        memxor(data, tweaks, n);
        crypt(schedule, n, data, data);
        memxor(data, tweaks, n);
        data += n;
        length -= n;
    }
    crypto_wipe(tweaks, sizeof(tweaks));
}

void crypto_cipher_encrypt(const struct crypto_cipher *cipher, uint8_t *iv, uint8_t *data,
                           size_t length)
{
    const struct nettle_cipher *c = cipher->alg;

    switch (cipher->mode) {
    case CRYPTO_ECB:
        c->encrypt(&cipher->encrypt, length, data, data);
        break;
    case CRYPTO_CBC:
        cbc_encrypt(&cipher->encrypt, c->encrypt, c->block_size, iv, length, data, data);
        break;
    case CRYPTO_XTS:
        xts_crypt(cipher, &cipher->encrypt, c->encrypt, iv, data, length);
        break;
    case CRYPTO_CTR:
        ctr_crypt(&cipher->encrypt, c->encrypt, c->block_size, iv, length, data, data);
        break;
    }
}

void crypto_cipher_decrypt(const struct crypto_cipher *cipher, uint8_t *iv, uint8_t *data,
                           size_t length)
{
    const struct nettle_cipher *c = cipher->alg;

    switch (cipher->mode) {
    case CRYPTO_ECB:
        c->decrypt(&cipher->decrypt, length, data, data);
        break;
    case CRYPTO_CBC:
        cbc_decrypt(&cipher->decrypt, c->decrypt, c->block_size, iv, length, data, data);
        break;
    case CRYPTO_XTS:
        xts_crypt(cipher, &cipher->decrypt, c->decrypt, iv, data, length);
        break;
    case CRYPTO_CTR:
        ctr_crypt(&cipher->encrypt, c->encrypt, c->block_size, iv, length, data, data);
        break;
    }
}
