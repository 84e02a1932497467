/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cipher of secrets, by nettle; see secret-cipher.h. */
#include "secret-cipher.h"

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <string.h>

void secret_cipher_decrypt(const guint8 *key, const guint8 *iv, const guint8 *cipher, gsize length,
                           guint8 *plain)
{
    struct CBC_CTX(struct aes256_ctx, AES_BLOCK_SIZE) cbc;

    aes256_set_decrypt_key(&cbc.ctx, key);
    CBC_SET_IV(&cbc, iv);
    CBC_DECRYPT(&cbc, aes256_decrypt, length, plain, cipher);
    explicit_bzero(&cbc, sizeof(cbc));
}
