/* SPDX-License-Identifier: GPL-2.0-or-later */
/* secret - how a secret object gets its bytes; only objects.c needs it. */
#ifndef QIC_LIB_SECRET_H
#define QIC_LIB_SECRET_H

#include "objects.h"

/* What data=, file= or serial= (a key of the kernel's keyring) holds, as it stands. */
GBytes *secret_data_load(const Value *properties, GError **error);

/* The data as format= says: raw, or base64 undone. */
GBytes *secret_decode(const Value *properties, GBytes *data, GError **error);

/* The data decrypted with the key and iv=, and without its padding. */
GBytes *secret_decrypt(const Value *properties, GBytes *data, GBytes *key, ObjectsDecrypt decrypt,
                       GError **error);

#endif
