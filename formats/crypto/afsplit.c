/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The anti-forensic splitter; see afsplit.h. */
#include "afsplit.h"

#include <nettle/memxor.h>

#include "cipher.h"
#include "wipe.h"

/* H1 of the specification: each piece of a digest's length becomes the digest of its number and
 * itself. */
static void diffuse(enum crypto_hash hash, uint8_t *block, size_t length)
{
    size_t digest_bytes = crypto_digest_bytes(hash);
    uint8_t digest[CRYPTO_DIGEST_MAX_BYTES], number[4];

    for (uint32_t i = 0; length > 0; i++) {
        size_t n = (size_t)min_u64(length, digest_bytes);
        be32_store(number, i);
        crypto_hash_digest(hash, (struct fmt_bytes){(const char *)number, sizeof(number)},
                           (struct fmt_bytes){(const char *)block, n}, digest);
        memcpy(block, digest, n);
        block += n;
        length -= n;
    }
    crypto_wipe(digest, sizeof(digest));
}

/* What all stripes but the last come to. */
static void fold(enum crypto_hash hash, const uint8_t *split, size_t key_bytes, uint32_t stripes,
                 uint8_t *folded)
{
    memset(folded, 0, key_bytes);
    for (uint32_t i = 0; i + 1 < stripes; i++) {
        memxor(folded, split + i * key_bytes, key_bytes);
        diffuse(hash, folded, key_bytes);
    }
}

void crypto_af_split(enum crypto_hash hash, const uint8_t *key, size_t key_bytes, uint32_t stripes,
                     uint8_t *split)
{
    uint8_t folded[CRYPTO_KEY_MAX_BYTES];

    fold(hash, split, key_bytes, stripes, folded);
    memxor3(split + (stripes - 1) * key_bytes, key, folded, key_bytes);
    crypto_wipe(folded, sizeof(folded));
}

void crypto_af_merge(enum crypto_hash hash, const uint8_t *split, size_t key_bytes,
                     uint32_t stripes, uint8_t *key)
{
    fold(hash, split, key_bytes, stripes, key);
    memxor(key, split + (stripes - 1) * key_bytes, key_bytes);
}
