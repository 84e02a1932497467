/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS 1: new headers. */
#include "afsplit.h"
#include "luks.h"
#include "measure.h"
#include "options.h"
#include "wipe.h"

/* One of an option's names; @number stays as it is if the option is not there. */
static int enum_read(struct fmt_env *env, const struct fmt_options *options, const char *prefix,
                     const char *name, const char *const *names, int *number)
{
    const struct fmt_option *option = crypto_option_find(options, prefix, name);

    if (!option)
        return 0;
    for (int i = 0; names[i]; i++) {
        if (fmt_bytes_equal(option->text, names[i])) {
            *number = i;
            return 1;
        }
    }
    return fmt_fail(env, FMT_EINVAL, FMT_ERR_BAD_ENUM, FMT_TXT(name), FMT_STR(option->text));
}

int luks_plan_read(struct fmt_env *env, const struct fmt_options *options, const char *prefix,
                   struct luks_plan *plan)
{
    const struct fmt_option *time = crypto_option_find(options, prefix, "iter-time");
    int alg = CRYPTO_AES_256, mode = CRYPTO_XTS, ivgen = CRYPTO_IV_PLAIN64;
    int iv_hash = CRYPTO_HASH_SHA256, hash = CRYPTO_HASH_SHA256, named = 0;
    int r = enum_read(env, options, prefix, "cipher-alg", crypto_alg_names, &alg);

    if (r >= 0)
        r = enum_read(env, options, prefix, "cipher-mode", crypto_mode_names, &mode);
    if (r >= 0)
        r = enum_read(env, options, prefix, "ivgen-alg", crypto_ivgen_names, &ivgen);
    if (r >= 0)
        r = named = enum_read(env, options, prefix, "ivgen-hash-alg", crypto_hash_names, &iv_hash);
    if (r >= 0)
        r = enum_read(env, options, prefix, "hash-alg", crypto_hash_names, &hash);
    if (r < 0)
        return r;
    if (time && time->number > INT64_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_LUKS_ITER_TIME, FMT_TXT(prefix));
    *plan = (struct luks_plan){
        .spec = {.alg = (enum crypto_alg)alg,
                 .mode = (enum crypto_mode)mode,
                 .ivgen = (enum crypto_ivgen)ivgen,
                 .essiv_hash = (enum crypto_hash)iv_hash,
                 .essiv_alg = (enum crypto_alg)alg},
        .hash = (enum crypto_hash)hash,
        .names_essiv_hash = named || ivgen == CRYPTO_IV_ESSIV,
        .iter_time_ms = time ? time->number : LUKS_ITER_TIME_DEFAULT_MS,
    };
    return 0;
}

uint64_t luks_area_bytes(const struct luks_plan *plan)
{
    size_t key_bytes = crypto_key_bytes(plan->spec.alg, plan->spec.mode);

    return LUKS_SLOT_ALIGN_BYTES +
           LUKS_SLOTS * CRYPTO_SECTOR_BYTES *
               (uint64_t)luks_slot_sectors((uint32_t)key_bytes, LUKS_STRIPES);
}

int luks_plan_check(struct fmt_env *env, struct luks_plan *plan)
{
    struct crypto_spec *spec = &plan->spec;

    if (crypto_alg_key_bytes(spec->alg) == 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_NO_ALGORITHM,
                        FMT_TXT(crypto_alg_names[spec->alg]));
    if (spec->ivgen == CRYPTO_IV_ESSIV) {
        int r = luks_essiv_set(env, spec);
        if (r < 0)
            return r;
    }
    if (!crypto_mode_ok(spec->alg, spec->mode))
        return fmt_fail(env, FMT_EIO, FMT_ERR_CRYPTO_MODE, FMT_TXT(crypto_mode_names[spec->mode]));
    return 0;
}

static char *text_put(char *to, const char *text, size_t length)
{
    memcpy(to, text, length);
    return to + length;
}

/* "xts-plain64", "cbc-essiv:sha256": at most 22 of the field's 32 bytes. */
static void names_put(const struct luks_plan *plan, struct luks_header *h)
{
    const char *alg = crypto_alg_names[plan->spec.alg], *dash = strchr(alg, '-');
    const char *mode = crypto_mode_names[plan->spec.mode];
    const char *ivgen = crypto_ivgen_names[plan->spec.ivgen];
    const char *iv_hash = crypto_hash_names[plan->spec.essiv_hash];
    const char *hash = crypto_hash_names[plan->hash];
    char *at;

    text_put(h->cipher_name, alg, dash ? (size_t)(dash - alg) : strlen(alg));
    at = text_put(h->cipher_mode, mode, strlen(mode));
    at = text_put(at, "-", 1);
    at = text_put(at, ivgen, strlen(ivgen));
    if (plan->names_essiv_hash) {
        at = text_put(at, ":", 1);
        text_put(at, iv_hash, strlen(iv_hash));
    }
    text_put(h->hash_name, hash, strlen(hash));
}

/* A random one (RFC 9562, version 4) as text. */
static int uuid_make(struct fmt_env *env, char *text)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];

    int r = env->io->random(env->io_ctx, bytes, sizeof(bytes));
    if (r < 0)
        return r;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    return 0;
}

static int header_make(struct fmt_env *env, const struct luks_plan *plan, bool detached,
                       struct luks *luks)
{
    struct luks_header *h = &luks->header;

    *luks = (struct luks){.spec = plan->spec, .hash = plan->hash};
    memcpy(h->magic, LUKS_MAGIC, LUKS_MAGIC_BYTES);
    h->version = LUKS_VERSION;
    h->key_bytes = (uint32_t)crypto_key_bytes(plan->spec.alg, plan->spec.mode);
    h->payload_sector = detached ? 0 : (uint32_t)(luks_area_bytes(plan) / CRYPTO_SECTOR_BYTES);
    names_put(plan, h);
    uint32_t sectors = luks_slot_sectors(h->key_bytes, LUKS_STRIPES);
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        h->slot[i] = (struct luks_slot){
            .state = LUKS_SLOT_DISABLED,
            .key_sector = LUKS_SLOT_ALIGN_BYTES / CRYPTO_SECTOR_BYTES + i * sectors,
            .stripes = LUKS_STRIPES,
        };
    }
    int r = uuid_make(env, h->uuid);
    if (r == 0)
        r = env->io->random(env->io_ctx, h->digest_salt, LUKS_SALT_BYTES);
    if (r == 0)
        r = env->io->random(env->io_ctx, h->slot[0].salt, LUKS_SALT_BYTES);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_LUKS_RANDOM, FMT_NUM(-r)) : 0;
}

/* Iterations for @key_bytes bytes of key in @time_ms / @share of the time. */
static int iterations_choose(struct fmt_env *env, const struct luks_plan *plan, uint64_t per_second,
                             size_t key_bytes, unsigned share, uint32_t *iterations)
{
    uint64_t n = per_second / div_up_u64(key_bytes, crypto_digest_bytes(plan->hash));

    if (plan->iter_time_ms && n > UINT64_MAX / plan->iter_time_ms)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_ITERATIONS_SCALE, FMT_NUM(n),
                        FMT_NUM(FMT_ERANGE));
    n = n * plan->iter_time_ms / 1000 / share;
    if (n > UINT32_MAX)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_ITERATIONS_MAX, FMT_NUM(n), FMT_NUM(UINT32_MAX),
                        FMT_NUM(FMT_ERANGE));
    *iterations = n < LUKS_ITERATIONS_MIN ? LUKS_ITERATIONS_MIN : (uint32_t)n;
    return 0;
}

static int all_iterations_choose(struct fmt_env *env, const struct luks_plan *plan,
                                 struct luks_header *h)
{
    enum { DIGEST_SHARE = 8 }; /* as if all slots were tried within the time */
    uint64_t per_second;

    int r = crypto_pbkdf2_measure(env, plan->hash, &per_second);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_CRYPTO_CLOCK);
    r = iterations_choose(env, plan, per_second, LUKS_DIGEST_BYTES, DIGEST_SHARE,
                          &h->digest_iterations);
    if (r == 0)
        r = iterations_choose(env, plan, per_second, h->key_bytes, 1, &h->slot[0].iterations);
    return r;
}

/* Encrypt the master key with the passphrase into slot 0, then write the header. */
static int slot_write(struct fmt_env *env, const struct luks_place *place, struct luks *luks,
                      const uint8_t *key, struct fmt_bytes passphrase)
{
    size_t mark = fmt_arena_mark(env->arena), split_bytes = luks_split_bytes(luks);
    uint8_t *split = fmt_alloc(env, split_bytes), bytes[LUKS_HEADER_BYTES];
    struct luks_slot *slot = &luks->header.slot[0];
    struct crypto_volume volume;

    if (!split)
        return -FMT_ENOMEM;
    int r =
        env->io->random(env->io_ctx, split, (size_t)luks->header.key_bytes * (LUKS_STRIPES - 1));
    if (r < 0) {
        fmt_fail(env, -r, FMT_ERR_LUKS_RANDOM, FMT_NUM(-r));
    } else {
        luks_slot_volume(luks, 0, passphrase, &volume);
        crypto_af_split(luks->hash, key, luks->header.key_bytes, LUKS_STRIPES, split);
        crypto_volume_encrypt(&volume, 0, split, split_bytes);
        crypto_wipe(&volume, sizeof(volume));
        r = luks_area_write(env, place, (uint64_t)slot->key_sector * CRYPTO_SECTOR_BYTES, split,
                            split_bytes);
    }
    crypto_wipe(split, split_bytes);
    fmt_arena_release(env->arena, mark);
    if (r < 0)
        return r;
    slot->state = LUKS_SLOT_ENABLED;
    luks_header_format(&luks->header, bytes);
    return luks_area_write(env, place, 0, bytes, sizeof(bytes));
}

int luks_create(struct fmt_env *env, const struct luks_plan *plan, const struct luks_create *create,
                struct crypto_volume *volume)
{
    struct luks_place place = {0};
    uint8_t key[CRYPTO_KEY_MAX_BYTES];
    struct luks luks;

    int r = header_make(env, plan, create->detached, &luks);
    if (r < 0)
        return r;
    r = env->io->random(env->io_ctx, key, luks.header.key_bytes);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_LUKS_RANDOM, FMT_NUM(-r));
    r = all_iterations_choose(env, plan, &luks.header);
    if (r == 0) {
        luks_digest(&luks, key, luks.header.digest);
        r = create->room(create->ctx, luks_area_bytes(plan), &place);
    }
    if (r == 0)
        r = slot_write(env, &place, &luks, key, create->passphrase);
    if (r == 0 && volume)
        crypto_volume_init(volume, &luks.spec, key);
    crypto_wipe(key, sizeof(key));
    return r;
}
