/* SPDX-License-Identifier: GPL-2.0-or-later */
/* secret-cipher - the one cipher of the host program: for secrets given with keyid=. */
#ifndef QIC_SECRET_CIPHER_H
#define QIC_SECRET_CIPHER_H

#include "lib/objects.h"

/* AES-256-CBC; see ObjectsDecrypt. */
void secret_cipher_decrypt(const guint8 *key, const guint8 *iv, const guint8 *cipher, gsize length,
                           guint8 *plain);

#endif
