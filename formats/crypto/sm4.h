/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SM4 block cipher (GB/T 32907-2016), which nettle has only since 3.9. */
#ifndef FORMATS_CRYPTO_SM4_H
#define FORMATS_CRYPTO_SM4_H

#include <nettle/nettle-meta.h>

enum { CRYPTO_SM4_ROUNDS = 32 };

struct crypto_sm4_ctx {
    uint32_t round_key[CRYPTO_SM4_ROUNDS]; /* in the order of use */
};

extern const struct nettle_cipher crypto_sm4;

#endif
