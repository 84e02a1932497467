/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS 1: from a passphrase to the master key. */
#include "afsplit.h"
#include "luks.h"
#include "wipe.h"

static struct fmt_bytes salt_of(const uint8_t *salt)
{
    return (struct fmt_bytes){(const char *)salt, LUKS_SALT_BYTES};
}

void luks_slot_volume(const struct luks *luks, unsigned slot, struct fmt_bytes passphrase,
                      struct crypto_volume *volume)
{
    const struct luks_slot *s = &luks->header.slot[slot];
    uint8_t key[CRYPTO_KEY_MAX_BYTES];

    crypto_pbkdf2(luks->hash, passphrase, salt_of(s->salt), s->iterations, key,
                  luks->header.key_bytes);
    crypto_volume_init(volume, &luks->spec, key);
    crypto_wipe(key, sizeof(key));
}

void luks_digest(const struct luks *luks, const uint8_t *key, uint8_t *digest)
{
    crypto_pbkdf2(luks->hash, (struct fmt_bytes){(const char *)key, luks->header.key_bytes},
                  salt_of(luks->header.digest_salt), luks->header.digest_iterations, digest,
                  LUKS_DIGEST_BYTES);
}

size_t luks_split_bytes(const struct luks *luks)
{
    return (size_t)round_up_u64((uint64_t)luks->header.key_bytes * LUKS_STRIPES,
                                CRYPTO_SECTOR_BYTES);
}

/* Try one slot: 1 and the master key in @key, 0 if the passphrase is not the slot's, or an error.
 */
static int slot_try(struct fmt_env *env, const struct luks_place *place, const struct luks *luks,
                    unsigned slot, struct fmt_bytes passphrase, uint8_t *split,
                    struct crypto_volume *volume, uint8_t *key)
{
    uint64_t offset = (uint64_t)luks->header.slot[slot].key_sector * CRYPTO_SECTOR_BYTES;
    size_t split_bytes = luks_split_bytes(luks);
    uint8_t digest[LUKS_DIGEST_BYTES];

    luks_slot_volume(luks, slot, passphrase, volume);
    int r = luks_area_read(env, place, offset, split, split_bytes);
    if (r < 0)
        return r;
    crypto_volume_decrypt(volume, 0, split, split_bytes);
    crypto_af_merge(luks->hash, split, luks->header.key_bytes, LUKS_STRIPES, key);
    luks_digest(luks, key, digest);
    return memcmp(digest, luks->header.digest, sizeof(digest)) == 0;
}

/* Whether the header's cipher is one that works, with a key of that length. */
static int cipher_check(struct fmt_env *env, const struct luks *luks)
{
    if (!crypto_mode_ok(luks->spec.alg, luks->spec.mode))
        return fmt_fail(env, FMT_EIO, FMT_ERR_CRYPTO_MODE,
                        FMT_TXT(crypto_mode_names[luks->spec.mode]));
    if (crypto_key_bytes(luks->spec.alg, luks->spec.mode) != luks->header.key_bytes)
        return fmt_fail(env, FMT_EIO, FMT_ERR_CRYPTO_XTS_KEY);
    return 0;
}

int luks_unlock(struct fmt_env *env, const struct luks_place *place, const struct luks *luks,
                struct fmt_bytes passphrase, struct crypto_volume *volume)
{
    size_t mark = fmt_arena_mark(env->arena), split_bytes = luks_split_bytes(luks);
    uint8_t key[CRYPTO_KEY_MAX_BYTES];
    int r = cipher_check(env, luks);

    if (r < 0)
        return r;
    uint8_t *split = fmt_arena_buffer(env->arena, split_bytes, CRYPTO_SECTOR_BYTES);
    if (!split)
        return fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    for (unsigned i = 0; r == 0 && i < LUKS_SLOTS; i++) {
        if (luks->header.slot[i].state == LUKS_SLOT_ENABLED)
            r = slot_try(env, place, luks, i, passphrase, split, volume, key);
    }
    if (r > 0)
        crypto_volume_init(volume, &luks->spec, key);
    else
        crypto_wipe(volume, sizeof(*volume));
    crypto_wipe(key, sizeof(key));
    crypto_wipe(split, split_bytes);
    fmt_arena_release(env->arena, mark);
    if (r == 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_PASSPHRASE);
    return r < 0 ? r : 0;
}
