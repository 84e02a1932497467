/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: encryption, by LUKS or by the older AES. */
#include "qcow2-crypt.h"

#include "crypto/options.h"
#include "crypto/secret.h"

static const char prefix[] = "encrypt.";

/* Memory for the volume, and the passphrase to set it up with; none where only facts are wanted. */
static int volume_begin(struct fmt_image *image, struct fmt_bytes *passphrase)
{
    struct qcow2_state *state = image->state;

    if (image->flags & FMT_OPEN_NO_DATA)
        return 0;
    int r = crypto_secret_find(image->env, image->options, prefix, passphrase);
    if (r < 0)
        return r;
    state->volume = fmt_alloc(image->env, sizeof(*state->volume));
    return state->volume ? 0 : -FMT_ENOMEM;
}

int qcow2_luks_open(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    const struct luks_place place = {.device = image->device,
                                     .base_off = state->crypto_off,
                                     .extension = true,
                                     .room_bytes = state->crypto_bytes};
    struct fmt_bytes passphrase = {0};

    int r = volume_begin(image, &passphrase);
    if (r < 0)
        return r;
    state->luks = fmt_alloc(image->env, sizeof(*state->luks));
    if (!state->luks)
        return -FMT_ENOMEM;
    r = luks_load(image->env, &place, false, state->luks);
    if (r == 0 && state->volume)
        r = luks_unlock(image->env, &place, state->luks, passphrase, state->volume);
    return r;
}

int qcow2_crypt_open(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct fmt_bytes passphrase = {0};
    int r = 0;

    if (state->header.crypt_method == QCOW2_CRYPT_LUKS && !state->luks)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QCOW2_NO_CRYPTO_HEADER,
                        FMT_NUM(state->header.crypt_method));
    if (state->header.crypt_method == QCOW2_CRYPT_AES) {
        r = volume_begin(image, &passphrase);
        if (r == 0 && state->volume)
            crypto_volume_init_aes(state->volume, passphrase);
    }
    return r;
}

void qcow2_crypt_info(const struct qcow2_state *state, const struct fmt_info *out)
{
    bool aes = state->header.crypt_method == QCOW2_CRYPT_AES;

    if (!aes && !state->luks)
        return;
    info_dict(out, "encrypt");
    info_text(out, "format", aes ? "aes" : "luks");
    if (!aes)
        luks_info(state->luks, out);
    info_end(out);
}

int qcow2_crypt_create_check(struct fmt_env *env, const struct fmt_create *create)
{
    return crypto_format_check(env, create->options);
}

/* Options of LUKS with a format that has none but the passphrase. */
static int unexpected_check(struct fmt_env *env, const struct fmt_create *create)
{
    static const char *const names[] = {"encrypt.cipher-alg",
                                        "encrypt.cipher-mode",
                                        "encrypt.ivgen-alg",
                                        "encrypt.ivgen-hash-alg",
                                        "encrypt.hash-alg",
                                        "encrypt.iter-time",
                                        NULL};

    for (size_t i = 0; names[i]; i++) {
        if (fmt_option_find(create->options, names[i]))
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_CRYPTO_UNEXPECTED, FMT_TXT(names[i]));
    }
    return 0;
}

int qcow2_crypt_plan_read(struct fmt_env *env, const struct fmt_create *create,
                          struct qcow2_crypt_plan *plan)
{
    struct fmt_bytes format;
    int r = crypto_format_read(env, create->options, &format);

    plan->method = QCOW2_CRYPT_NONE;
    if (r < 0 || format.length == 0)
        return r;
    if (fmt_bytes_equal(format, "luks")) {
        plan->method = QCOW2_CRYPT_LUKS;
        return luks_plan_read(env, create->options, prefix, &plan->luks);
    }
    plan->method = QCOW2_CRYPT_AES;
    return unexpected_check(env, create);
}

/* Clusters for the header, all zeroes: seven of its eight slots stay empty. */
static int room_make(void *ctx, uint64_t bytes, struct luks_place *place)
{
    const struct qcow2_file *file = ctx;
    struct qcow2_state *state = file->state;
    uint64_t whole_bytes = round_up_u64(bytes, state->cluster_bytes);

    int r = qcow2_clusters_take(file, bytes, &state->crypto_off);
    if (r < 0)
        return fmt_fail(file->env, FMT_EINVAL, FMT_ERR_LUKS_CLUSTERS, FMT_NUM(bytes), FMT_NUM(-r));
    state->crypto_bytes = bytes;
    *place = (struct luks_place){.device = file->device,
                                 .base_off = state->crypto_off,
                                 .extension = true,
                                 .room_bytes = bytes};
    r = io_zero(file->env, file->device, state->crypto_off, whole_bytes, false);
    return r < 0 ? fmt_fail(file->env, FMT_EINVAL, FMT_ERR_LUKS_ZEROES, FMT_NUM(-r)) : 0;
}

int qcow2_crypt_make(const struct qcow2_file *file, const struct fmt_create *create,
                     struct qcow2_crypt_plan *plan)
{
    struct qcow2_file place = *file;
    struct luks_create header = {.room = room_make, .ctx = &place};

    if (plan->method == QCOW2_CRYPT_NONE)
        return 0;
    file->state->header.crypt_method = plan->method;
    int r = crypto_secret_find(file->env, create->options, prefix, &header.passphrase);
    if (r < 0 || plan->method == QCOW2_CRYPT_AES)
        return r;
    r = luks_plan_check(file->env, &plan->luks);
    return r < 0 ? r : luks_create(file->env, &plan->luks, &header, NULL);
}
