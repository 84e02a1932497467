/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets among the job's; see secret.h. */
#include "secret.h"

#include "options.h"

static const struct fmt_secret *object_find(const struct fmt_env *env, struct fmt_bytes id)
{
    for (size_t i = 0; i < env->secret_count; i++) {
        struct fmt_bytes other = env->secrets[i].id;
        if (other.length == id.length && memcmp(other.data, id.data, id.length) == 0)
            return &env->secrets[i];
    }
    return NULL;
}

int crypto_secret_find(struct fmt_env *env, const struct fmt_options *options, const char *prefix,
                       struct fmt_bytes *passphrase)
{
    const struct fmt_option *id = crypto_option_find(options, prefix, "key-secret");

    if (!id)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CRYPTO_KEY_SECRET, FMT_TXT(prefix));
    const struct fmt_secret *secret = object_find(env, id->text);
    if (!secret)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_SECRET_NONE, FMT_STR(id->text));
    if (secret->kind == FMT_SECRET_OTHER_OBJECT)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_SECRET_OTHER, FMT_STR(id->text));
    if (secret->kind == FMT_SECRET_NOT_UTF8)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_SECRET_NOT_UTF8, FMT_STR(id->text));
    *passphrase = secret->data;
    return 0;
}
