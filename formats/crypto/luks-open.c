/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS 1: reading, checking and understanding a header. */
#include "luks.h"

enum { SLOT_ALIGN_SECTORS = LUKS_SLOT_ALIGN_BYTES / CRYPTO_SECTOR_BYTES };

bool luks_probe(const uint8_t *head, size_t length)
{
    enum { PROBED_BYTES = 8 };

    return length >= PROBED_BYTES && memcmp(head, LUKS_MAGIC, LUKS_MAGIC_BYTES) == 0 &&
           be16_load(head + LUKS_MAGIC_BYTES) == LUKS_VERSION;
}

/* Sector ranges by their last sectors, as the reference compares them: an empty one that begins
 * at 0 counts as endless. */
static bool overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a <= b + b_length - 1 && b <= a + a_length - 1;
}

static int slot_check(struct fmt_env *env, const struct luks_header *h, unsigned i, bool detached)
{
    const struct luks_slot *slot = &h->slot[i];
    uint32_t sectors = luks_slot_sectors(h->key_bytes, slot->stripes);

    if (slot->stripes != LUKS_STRIPES)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_STRIPES, FMT_NUM(i),
                        FMT_NUM((int32_t)slot->stripes), FMT_NUM(LUKS_STRIPES));
    if (slot->state != LUKS_SLOT_DISABLED && slot->state != LUKS_SLOT_ENABLED)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_SLOT_STATE, FMT_NUM(i));
    if (slot->state == LUKS_SLOT_ENABLED && slot->iterations == 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_SLOT_ITERATIONS, FMT_NUM(i));
    if (slot->key_sector < SLOT_ALIGN_SECTORS)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_SLOT_HEADER, FMT_NUM(i));
    if (!detached && slot->key_sector + sectors > h->payload_sector)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_SLOT_PAYLOAD, FMT_NUM(i));
    for (unsigned j = i + 1; j < LUKS_SLOTS; j++) {
        const struct luks_slot *other = &h->slot[j];
        if (overlap(slot->key_sector, sectors, other->key_sector,
                    luks_slot_sectors(h->key_bytes, other->stripes)))
            return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_SLOTS, FMT_NUM(i), FMT_NUM(j));
    }
    return 0;
}

static int header_check(struct fmt_env *env, const struct luks_header *h, bool detached)
{
    if (memcmp(h->magic, LUKS_MAGIC, LUKS_MAGIC_BYTES) != 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_MAGIC);
    if (h->version != LUKS_VERSION)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_VERSION, FMT_NUM(h->version));
    if (!memchr(h->cipher_name, '\0', LUKS_NAME_BYTES))
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_UNTERMINATED, FMT_TXT("cipher name"));
    if (!memchr(h->cipher_mode, '\0', LUKS_NAME_BYTES))
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_UNTERMINATED, FMT_TXT("cipher mode"));
    if (!memchr(h->hash_name, '\0', LUKS_NAME_BYTES))
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_UNTERMINATED, FMT_TXT("hash spec"));
    if (!detached && h->payload_sector < SLOT_ALIGN_SECTORS)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_PAYLOAD);
    if (h->digest_iterations == 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_ITERATIONS);
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        int r = slot_check(env, h, i, detached);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Position of @name among @names, or -1. */
static int name_find(const char *const *names, struct fmt_bytes name)
{
    for (int i = 0; names[i]; i++) {
        if (fmt_bytes_equal(name, names[i]))
            return i;
    }
    return -1;
}

/* The cipher by its family's name and the size of its key. */
static int alg_find(struct fmt_env *env, struct luks *luks)
{
    static const struct {
        const char *name;
        enum crypto_alg first, last;
    } families[] = {
        {"aes",     CRYPTO_AES_128,     CRYPTO_AES_256    },
        {"cast5",   CRYPTO_CAST5_128,   CRYPTO_CAST5_128  },
        {"serpent", CRYPTO_SERPENT_128, CRYPTO_SERPENT_256},
        {"twofish", CRYPTO_TWOFISH_128, CRYPTO_TWOFISH_256},
        {"sm4",     CRYPTO_SM4,         CRYPTO_SM4        },
    };
    struct fmt_bytes name = fmt_bytes_of(luks->header.cipher_name);
    uint32_t key_bytes = luks->header.key_bytes;

    if (luks->spec.mode == CRYPTO_XTS)
        key_bytes /= 2;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (!fmt_bytes_equal(name, families[i].name))
            continue;
        for (enum crypto_alg alg = families[i].first; alg <= families[i].last; alg++) {
            if (crypto_alg_key_bytes(alg) == key_bytes) {
                luks->spec.alg = alg;
                return 0;
            }
        }
    }
    return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_ALGORITHM, FMT_STR(name),
                    FMT_NUM((int32_t)key_bytes));
}

static struct fmt_bytes bytes_before(struct fmt_bytes text, char end, struct fmt_bytes *rest)
{
    const char *at = text.length ? memchr(text.data, end, text.length) : NULL;

    *rest = (struct fmt_bytes){0};
    if (!at)
        return text;
    size_t length = (size_t)(at - text.data);
    *rest = (struct fmt_bytes){at + 1, text.length - length - 1};
    return (struct fmt_bytes){text.data, length};
}

int luks_essiv_set(struct fmt_env *env, struct crypto_spec *spec)
{
    const char *family = spec->alg <= CRYPTO_AES_256       ? "AES"
                         : spec->alg <= CRYPTO_SERPENT_256 ? "Serpent"
                                                           : "Twofish";
    int r = crypto_essiv_choose(spec->alg, spec->essiv_hash, &spec->essiv_alg);

    if (r == -1)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_ESSIV_SIZE, FMT_TXT(family),
                        FMT_NUM(crypto_digest_bytes(spec->essiv_hash)));
    if (r < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_ESSIV, FMT_TXT(crypto_alg_names[spec->alg]));
    return 0;
}

/* Names to numbers, in the reference's order: it decides which error is told. */
static int names_read(struct fmt_env *env, struct luks *luks)
{
    struct fmt_bytes whole = fmt_bytes_of(luks->header.cipher_mode), rest, iv_hash;
    struct fmt_bytes mode = bytes_before(whole, '-', &rest);
    struct fmt_bytes hash = fmt_bytes_of(luks->header.hash_name);
    int found;

    if (!rest.data)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_MODE_FORMAT, FMT_STR(whole));
    struct fmt_bytes ivgen = bytes_before(rest, ':', &iv_hash);
    found = iv_hash.data ? name_find(crypto_hash_names, iv_hash) : 0;
    if (found < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_HASH, FMT_STR(iv_hash));
    luks->spec.essiv_hash = (enum crypto_hash)found;
    found = name_find(crypto_mode_names, mode);
    if (found < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_MODE, FMT_STR(mode));
    luks->spec.mode = (enum crypto_mode)found;
    int r = alg_find(env, luks);
    if (r < 0)
        return r;
    found = name_find(crypto_hash_names, hash);
    if (found < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_HASH, FMT_STR(hash));
    luks->hash = (enum crypto_hash)found;
    found = name_find(crypto_ivgen_names, ivgen);
    if (found < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_IVGEN, FMT_STR(ivgen));
    luks->spec.ivgen = (enum crypto_ivgen)found;
    if (luks->spec.ivgen != CRYPTO_IV_ESSIV)
        return 0;
    if (!iv_hash.data)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_NO_IV_HASH);
    return luks_essiv_set(env, &luks->spec);
}

int luks_load(struct fmt_env *env, const struct luks_place *place, bool detached, struct luks *luks)
{
    uint8_t bytes[LUKS_HEADER_BYTES];

    *luks = (struct luks){0};
    int r = luks_area_read(env, place, 0, bytes, sizeof(bytes));
    if (r < 0)
        return r;
    luks_header_parse(bytes, &luks->header);
    r = header_check(env, &luks->header, detached);
    return r < 0 ? r : names_read(env, luks);
}

static void slot_info(const struct luks_slot *slot, const struct fmt_info *out)
{
    bool active = slot->state == LUKS_SLOT_ENABLED;

    info_dict(out, NULL);
    info_bool(out, "active", active);
    if (active) {
        info_number(out, "iters", slot->iterations);
        info_number(out, "stripes", slot->stripes);
    }
    info_number(out, "key-offset", (int64_t)slot->key_sector * CRYPTO_SECTOR_BYTES);
    info_end(out);
}

void luks_info(const struct luks *luks, const struct fmt_info *out)
{
    const struct luks_header *h = &luks->header;
    const char *end = memchr(h->uuid, '\0', LUKS_UUID_BYTES);
    struct fmt_bytes uuid = {h->uuid, end ? (size_t)(end - h->uuid) : LUKS_UUID_BYTES};

    info_text(out, "cipher-alg", crypto_alg_names[luks->spec.alg]);
    info_text(out, "cipher-mode", crypto_mode_names[luks->spec.mode]);
    info_text(out, "ivgen-alg", crypto_ivgen_names[luks->spec.ivgen]);
    if (luks->spec.ivgen == CRYPTO_IV_ESSIV)
        info_text(out, "ivgen-hash-alg", crypto_hash_names[luks->spec.essiv_hash]);
    info_text(out, "hash-alg", crypto_hash_names[luks->hash]);
    info_bool(out, "detached-header", h->payload_sector == 0);
    info_number(out, "payload-offset", (int64_t)luks_payload_bytes(luks));
    info_number(out, "master-key-iters", h->digest_iterations);
    info_bytes(out, "uuid", uuid);
    info_list(out, "slots");
    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        slot_info(&h->slot[i], out);
    info_end(out);
}
