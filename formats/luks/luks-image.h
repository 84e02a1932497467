/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS volumes: a header (crypto/luks.h), then the encrypted disk; or the two in two files. */
#ifndef FORMATS_LUKS_LUKS_IMAGE_H
#define FORMATS_LUKS_LUKS_IMAGE_H

#include "common/veil.h"
#include "crypto/luks.h"

struct luks_state {
    struct luks luks;
    struct luks_place place;
    uint64_t payload_off;         /* in the image's device */
    struct crypto_volume *volume; /* NULL: opened for its facts only, without a passphrase */
    struct fmt_veil veil;
    struct fmt_child header; /* the file of a detached header */
};

int luks_image_create_check(struct fmt_env *env, const struct fmt_create *create);
int luks_image_create(struct fmt_env *env, const struct fmt_create *create);
int luks_image_measure(struct fmt_env *env, struct fmt_measure *measure);

#endif
