/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS 1: the header as bytes, and reading and writing of its area. */
#include "luks.h"

/* Offsets of the specification's section 3. */
enum {
    VERSION_OFF = 6,
    CIPHER_NAME_OFF = 8,
    CIPHER_MODE_OFF = 40,
    HASH_NAME_OFF = 72,
    PAYLOAD_OFF = 104,
    KEY_BYTES_OFF = 108,
    DIGEST_OFF = 112,
    DIGEST_SALT_OFF = 132,
    DIGEST_ITERATIONS_OFF = 164,
    UUID_OFF = 168,
    SLOTS_OFF = 208,
    SLOT_BYTES = 48,
    SLOT_ITERATIONS_OFF = 4,
    SLOT_SALT_OFF = 8,
    SLOT_KEY_OFF = 40,
    SLOT_STRIPES_OFF = 44,
};

_Static_assert(SLOTS_OFF + SLOT_STRIPES_OFF == LUKS_STRIPES_OFF, "header layout");
_Static_assert(SLOTS_OFF + LUKS_SLOTS * SLOT_BYTES == LUKS_HEADER_BYTES, "header layout");

void luks_header_parse(const uint8_t *bytes, struct luks_header *header)
{
    memcpy(header->magic, bytes, LUKS_MAGIC_BYTES);
    header->version = be16_load(bytes + VERSION_OFF);
    memcpy(header->cipher_name, bytes + CIPHER_NAME_OFF, LUKS_NAME_BYTES);
    memcpy(header->cipher_mode, bytes + CIPHER_MODE_OFF, LUKS_NAME_BYTES);
    memcpy(header->hash_name, bytes + HASH_NAME_OFF, LUKS_NAME_BYTES);
    header->payload_sector = be32_load(bytes + PAYLOAD_OFF);
    header->key_bytes = be32_load(bytes + KEY_BYTES_OFF);
    memcpy(header->digest, bytes + DIGEST_OFF, LUKS_DIGEST_BYTES);
    memcpy(header->digest_salt, bytes + DIGEST_SALT_OFF, LUKS_SALT_BYTES);
    header->digest_iterations = be32_load(bytes + DIGEST_ITERATIONS_OFF);
    memcpy(header->uuid, bytes + UUID_OFF, LUKS_UUID_BYTES);
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        const uint8_t *from = bytes + SLOTS_OFF + i * SLOT_BYTES;
        struct luks_slot *slot = &header->slot[i];
        slot->state = be32_load(from);
        slot->iterations = be32_load(from + SLOT_ITERATIONS_OFF);
        memcpy(slot->salt, from + SLOT_SALT_OFF, LUKS_SALT_BYTES);
        slot->key_sector = be32_load(from + SLOT_KEY_OFF);
        slot->stripes = be32_load(from + SLOT_STRIPES_OFF);
    }
}

void luks_header_format(const struct luks_header *header, uint8_t *bytes)
{
    memcpy(bytes, header->magic, LUKS_MAGIC_BYTES);
    be16_store(bytes + VERSION_OFF, header->version);
    memcpy(bytes + CIPHER_NAME_OFF, header->cipher_name, LUKS_NAME_BYTES);
    memcpy(bytes + CIPHER_MODE_OFF, header->cipher_mode, LUKS_NAME_BYTES);
    memcpy(bytes + HASH_NAME_OFF, header->hash_name, LUKS_NAME_BYTES);
    be32_store(bytes + PAYLOAD_OFF, header->payload_sector);
    be32_store(bytes + KEY_BYTES_OFF, header->key_bytes);
    memcpy(bytes + DIGEST_OFF, header->digest, LUKS_DIGEST_BYTES);
    memcpy(bytes + DIGEST_SALT_OFF, header->digest_salt, LUKS_SALT_BYTES);
    be32_store(bytes + DIGEST_ITERATIONS_OFF, header->digest_iterations);
    memcpy(bytes + UUID_OFF, header->uuid, LUKS_UUID_BYTES);
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        uint8_t *to = bytes + SLOTS_OFF + i * SLOT_BYTES;
        const struct luks_slot *slot = &header->slot[i];
        be32_store(to, slot->state);
        be32_store(to + SLOT_ITERATIONS_OFF, slot->iterations);
        memcpy(to + SLOT_SALT_OFF, slot->salt, LUKS_SALT_BYTES);
        be32_store(to + SLOT_KEY_OFF, slot->key_sector);
        be32_store(to + SLOT_STRIPES_OFF, slot->stripes);
    }
}

uint32_t luks_slot_sectors(uint32_t key_bytes, uint32_t stripes)
{
    enum { ALIGN_SECTORS = LUKS_SLOT_ALIGN_BYTES / CRYPTO_SECTOR_BYTES };
    /* Computed in 32 bits, as others do: only a header that is refused anyway overflows. */
    uint32_t bytes = key_bytes * stripes;

    return (uint32_t)round_up_u64(div_up_u64(bytes, CRYPTO_SECTOR_BYTES), ALIGN_SECTORS);
}

uint64_t luks_payload_bytes(const struct luks *luks)
{
    return (uint64_t)luks->header.payload_sector * CRYPTO_SECTOR_BYTES;
}

/* Whether an area of the extension ends where the extension does, at most. */
static bool room_ok(const struct luks_place *place, uint64_t offset, size_t length)
{
    return !place->extension ||
           (offset <= place->room_bytes && length <= place->room_bytes - offset);
}

int luks_area_read(struct fmt_env *env, const struct luks_place *place, uint64_t offset,
                   void *buffer, size_t length)
{
    if (!room_ok(place, offset, length))
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_OUTSIDE);
    int r = io_read(env, place->device, place->base_off + offset, buffer, length);
    if (r < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_READ, FMT_NUM(-r));
    return 0;
}

int luks_area_write(struct fmt_env *env, const struct luks_place *place, uint64_t offset,
                    const void *buffer, size_t length)
{
    if (!room_ok(place, offset, length))
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_OUTSIDE);
    int r = io_write(env, place->device, place->base_off + offset, buffer, length);
    if (r < 0) /* of an extension, the reference says that it cannot be read */
        return fmt_fail(env, FMT_EIO, place->extension ? FMT_ERR_LUKS_READ : FMT_ERR_LUKS_WRITE,
                        FMT_NUM(-r));
    return 0;
}
