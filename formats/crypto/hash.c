/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashes and PBKDF2; see hash.h. */
#include "hash.h"

#include <nettle/hmac.h>
#include <nettle/nettle-meta.h>
#include <nettle/pbkdf2.h>
#include <nettle/ripemd160.h>
#include <nettle/sm3.h>

#include "wipe.h"

const char *const crypto_hash_names[] = {
    [CRYPTO_HASH_MD5] = "md5",
    [CRYPTO_HASH_SHA1] = "sha1",
    [CRYPTO_HASH_SHA224] = "sha224",
    [CRYPTO_HASH_SHA256] = "sha256",
    [CRYPTO_HASH_SHA384] = "sha384",
    [CRYPTO_HASH_SHA512] = "sha512",
    [CRYPTO_HASH_RIPEMD160] = "ripemd160",
    [CRYPTO_HASH_SM3] = "sm3",
    NULL,
};

static const struct nettle_hash *const hashes[] = {
    [CRYPTO_HASH_MD5] = &nettle_md5,
    [CRYPTO_HASH_SHA1] = &nettle_sha1,
    [CRYPTO_HASH_SHA224] = &nettle_sha224,
    [CRYPTO_HASH_SHA256] = &nettle_sha256,
    [CRYPTO_HASH_SHA384] = &nettle_sha384,
    [CRYPTO_HASH_SHA512] = &nettle_sha512,
    [CRYPTO_HASH_RIPEMD160] = &nettle_ripemd160,
    [CRYPTO_HASH_SM3] = &nettle_sm3,
};

union hash_state {
    struct md5_ctx md5;
    struct sha1_ctx sha1;
    struct sha256_ctx sha256;
    struct sha512_ctx sha512;
    struct ripemd160_ctx ripemd160;
    struct sm3_ctx sm3;
};

_Static_assert(sizeof(union hash_state) <= CRYPTO_DIGEST_STATE_BYTES, "room for any hash");

/* HMAC of any of the hashes. */
struct mac {
    const struct nettle_hash *hash;
    union hash_state outer, inner, state;
};

size_t crypto_digest_bytes(enum crypto_hash hash)
{
    return hashes[hash]->digest_size;
}

void crypto_hash_digest(enum crypto_hash hash, struct fmt_bytes a, struct fmt_bytes b,
                        uint8_t *digest)
{
    const struct nettle_hash *h = hashes[hash];
    union hash_state state;

    h->init(&state);
    h->update(&state, a.length, (const uint8_t *)a.data);
    h->update(&state, b.length, (const uint8_t *)b.data);
    h->digest(&state, h->digest_size, digest);
    crypto_wipe(&state, sizeof(state));
}

void crypto_digest_begin(struct crypto_digest *digest, enum crypto_hash hash)
{
    digest->hash = hash;
    hashes[hash]->init(digest->state);
}

void crypto_digest_update(struct crypto_digest *digest, const void *data, size_t length)
{
    hashes[digest->hash]->update(digest->state, length, data);
}

size_t crypto_digest_end(struct crypto_digest *digest, uint8_t *to)
{
    const struct nettle_hash *h = hashes[digest->hash];

    h->digest(digest->state, h->digest_size, to);
    return h->digest_size;
}

static void mac_update(void *ctx, size_t length, const uint8_t *data)
{
    struct mac *mac = ctx;

    mac->hash->update(&mac->state, length, data);
}

static void mac_digest(void *ctx, size_t length, uint8_t *digest)
{
    struct mac *mac = ctx;

    hmac_digest(&mac->outer, &mac->inner, &mac->state, mac->hash, length, digest);
}

void crypto_pbkdf2(enum crypto_hash hash, struct fmt_bytes secret, struct fmt_bytes salt,
                   uint32_t iterations, uint8_t *key, size_t key_bytes)
{
    struct mac mac = {.hash = hashes[hash]};

    hmac_set_key(&mac.outer, &mac.inner, &mac.state, mac.hash, secret.length,
                 (const uint8_t *)secret.data);
    pbkdf2(&mac, mac_update, mac_digest, mac.hash->digest_size, iterations, salt.length,
           (const uint8_t *)salt.data, key_bytes, key);
    crypto_wipe(&mac, sizeof(mac));
}
