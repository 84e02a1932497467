/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The anti-forensic splitter (LUKS 1 specification, section 2.4): a key spread over stripes. */
#ifndef FORMATS_CRYPTO_AFSPLIT_H
#define FORMATS_CRYPTO_AFSPLIT_H

#include "hash.h"

/* Fill the last of @stripes stripes so that merging gives @key; the caller has filled those before
 * it with random bytes. Each stripe is @key_bytes long, at most CRYPTO_KEY_MAX_BYTES. */
void crypto_af_split(enum crypto_hash hash, const uint8_t *key, size_t key_bytes, uint32_t stripes,
                     uint8_t *split);
void crypto_af_merge(enum crypto_hash hash, const uint8_t *split, size_t key_bytes,
                     uint32_t stripes, uint8_t *key);

#endif
