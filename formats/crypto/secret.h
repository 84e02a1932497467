/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passphrases by the id of the object that holds them. */
#ifndef FORMATS_CRYPTO_SECRET_H
#define FORMATS_CRYPTO_SECRET_H

#include "common/io.h"
#include "common/options.h"

/*
 * The passphrase that the option @prefix followed by "key-secret" names. Returns 0, or a negative
 * errno with the error recorded: no such option, no such object, no secret, no UTF-8.
 */
int crypto_secret_find(struct fmt_env *env, const struct fmt_options *options, const char *prefix,
                       struct fmt_bytes *passphrase);

#endif
