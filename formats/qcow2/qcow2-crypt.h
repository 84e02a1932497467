/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encryption of new qcow2 images. */
#ifndef FORMATS_QCOW2_CRYPT_H
#define FORMATS_QCOW2_CRYPT_H

#include "qcow2-refcount.h"

/* What the options ask for. */
struct qcow2_crypt_plan {
    enum qcow2_crypt method;
    struct luks_plan luks; /* LUKS */
};

/* fmt_driver.create_check: the option's two names exclude each other. */
int qcow2_crypt_create_check(struct fmt_env *env, const struct fmt_create *create);
/* Read "encryption" and "encrypt.*"; refuses what is no value. */
int qcow2_crypt_plan_read(struct fmt_env *env, const struct fmt_create *create,
                          struct qcow2_crypt_plan *plan);
/* Set up the encryption: for LUKS, take clusters for its header and write it. Sets the state's
 * method, crypto_off and crypto_bytes. */
int qcow2_crypt_make(const struct qcow2_file *file, const struct fmt_create *create,
                     struct qcow2_crypt_plan *plan);

#endif
