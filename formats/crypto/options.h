/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options that say how a new image is to be encrypted. */
#ifndef FORMATS_CRYPTO_OPTIONS_H
#define FORMATS_CRYPTO_OPTIONS_H

#include "common/io.h"
#include "common/options.h"

/* The row called @prefix followed by @name, or NULL. */
const struct fmt_option *crypto_option_find(const struct fmt_options *options, const char *prefix,
                                            const char *name);
/* Refuse "encryption" together with "encrypt.format", whose older name it is. */
int crypto_format_check(struct fmt_env *env, const struct fmt_options *options);
/*
 * What the two come to: "luks", "qcow" (AES by the format itself, also called "aes"), or empty for
 * none. Returns 0, or a negative errno with the error recorded.
 */
int crypto_format_read(struct fmt_env *env, const struct fmt_options *options,
                       struct fmt_bytes *format);

#endif
