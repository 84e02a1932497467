/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The LUKS 1 header (LUKS On-Disk Format Specification 1.2.1): at the start of a LUKS volume, in
 * a file of its own, or within a qcow2 image. All fields are big-endian.
 *
 * Messages about the option names of a qcow2 image begin with the prefix "encrypt.".
 */
#ifndef FORMATS_CRYPTO_LUKS_H
#define FORMATS_CRYPTO_LUKS_H

#include "common/format.h"
#include "volume.h"

enum {
    LUKS_MAGIC_BYTES = 6,
    LUKS_VERSION = 1,
    LUKS_HEADER_BYTES = 592,
    LUKS_NAME_BYTES = 32, /* of cipher, mode and hash */
    LUKS_DIGEST_BYTES = 20,
    LUKS_SALT_BYTES = 32,
    LUKS_UUID_BYTES = 40,
    LUKS_SLOTS = 8,
    LUKS_STRIPES = 4000,
    LUKS_STRIPES_OFF = 252,       /* in the header: how many stripes the first slot has */
    LUKS_SLOT_ALIGN_BYTES = 4096, /* also where the first slot's key material begins */
    LUKS_ITERATIONS_MIN = 1000,
    LUKS_ITER_TIME_DEFAULT_MS = 2000,
};

#define LUKS_MAGIC "LUKS\xba\xbe"
#define LUKS_SLOT_DISABLED 0x0000deadu
#define LUKS_SLOT_ENABLED 0x00ac71f3u

struct luks_slot {
    uint32_t state; /* LUKS_SLOT_* */
    uint32_t iterations;
    uint8_t salt[LUKS_SALT_BYTES];
    uint32_t key_sector;
    uint32_t stripes;
};

struct luks_header {
    uint8_t magic[LUKS_MAGIC_BYTES];
    uint16_t version;
    char cipher_name[LUKS_NAME_BYTES];
    char cipher_mode[LUKS_NAME_BYTES];
    char hash_name[LUKS_NAME_BYTES];
    uint32_t payload_sector;
    uint32_t key_bytes;
    uint8_t digest[LUKS_DIGEST_BYTES]; /* of the master key */
    uint8_t digest_salt[LUKS_SALT_BYTES];
    uint32_t digest_iterations;
    char uuid[LUKS_UUID_BYTES];
    struct luks_slot slot[LUKS_SLOTS];
};

/* Where a header lies. */
struct luks_place {
    uint32_t device;
    uint64_t base_off;
    bool extension;      /* in a qcow2 image, whose texts differ */
    uint64_t room_bytes; /* of the extension */
};

struct luks {
    struct luks_header header;
    struct crypto_spec spec;
    enum crypto_hash hash; /* of PBKDF2 and the splitter */
};

/* ---- luks-header.c ---- */

void luks_header_parse(const uint8_t *bytes, struct luks_header *header);
void luks_header_format(const struct luks_header *header, uint8_t *bytes);
/* Sectors that the material of one slot takes, with the gap behind it. */
uint32_t luks_slot_sectors(uint32_t key_bytes, uint32_t stripes);
/* Read @length bytes of the header area. Returns 0 or a negative errno, recorded. */
int luks_area_read(struct fmt_env *env, const struct luks_place *place, uint64_t offset,
                   void *buffer, size_t length);
int luks_area_write(struct fmt_env *env, const struct luks_place *place, uint64_t offset,
                    const void *buffer, size_t length);
/* Bytes in front of the encrypted disk. */
uint64_t luks_payload_bytes(const struct luks *luks);

/* ---- luks-open.c ---- */

/* Whether these first bytes of a file are a LUKS 1 header's. */
bool luks_probe(const uint8_t *head, size_t length);
/* Read and check the header. @detached: the disk lies in another file. Errors are recorded. */
int luks_load(struct fmt_env *env, const struct luks_place *place, bool detached,
              struct luks *luks);
/* Choose ESSIV's cipher for the spec's hash. */
int luks_essiv_set(struct fmt_env *env, struct crypto_spec *spec);
/* Members of ImageInfoSpecific (QCryptoBlockInfoLUKS). */
void luks_info(const struct luks *luks, const struct fmt_info *out);

/* ---- luks-unlock.c ---- */

/* Find the slot that @passphrase opens, and set up @volume with its key. */
int luks_unlock(struct fmt_env *env, const struct luks_place *place, const struct luks *luks,
                struct fmt_bytes passphrase, struct crypto_volume *volume);

/* The key of a slot from a passphrase, encrypting and decrypting the slot's stripes. */
void luks_slot_volume(const struct luks *luks, unsigned slot, struct fmt_bytes passphrase,
                      struct crypto_volume *volume);
/* The master key's digest as the header keeps it. */
void luks_digest(const struct luks *luks, const uint8_t *key, uint8_t *digest);
/* Bytes of a slot's stripes, in whole sectors. */
size_t luks_split_bytes(const struct luks *luks);

/* ---- luks-create.c ---- */

/* What options ask for. */
struct luks_plan {
    struct crypto_spec spec;
    enum crypto_hash hash;
    bool names_essiv_hash; /* it was given, or is needed: recorded in the header */
    uint64_t iter_time_ms;
};

/* Read the options called @prefix followed by "cipher-alg", "cipher-mode", "ivgen-alg",
 * "ivgen-hash-alg", "hash-alg", "iter-time". Refuses what is not a value of theirs at all. */
int luks_plan_read(struct fmt_env *env, const struct fmt_options *options, const char *prefix,
                   struct luks_plan *plan);
/* Refuse what the reference refuses only when it makes the header, and choose ESSIV's cipher. */
int luks_plan_check(struct fmt_env *env, struct luks_plan *plan);
/* Bytes of the header area: header and key slots. */
uint64_t luks_area_bytes(const struct luks_plan *plan);

struct luks_create {
    struct fmt_bytes passphrase;
    bool detached;
    /* Make room for the header area of @bytes bytes and say where. Errors are recorded. */
    int (*room)(void *ctx, uint64_t bytes, struct luks_place *place);
    void *ctx;
};

/* Make a header by a checked plan, with a new master key in slot 0, and write it. @volume, if not
 * NULL, is set up. */
int luks_create(struct fmt_env *env, const struct luks_plan *plan, const struct luks_create *create,
                struct crypto_volume *volume);

#endif
