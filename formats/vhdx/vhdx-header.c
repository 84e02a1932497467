/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: the two headers, of which the valid one with the larger sequence number counts. */
#include "vhdx.h"

enum {
    OFF_CHECKSUM = 4,
    OFF_SEQUENCE = 8,
    OFF_FILE_GUID = 16,
    OFF_DATA_GUID = 32,
    OFF_LOG_GUID = 48,
    FIELDS_BYTES = 80,
    VERSION = 1,
};

#define SIGNATURE 0x64616568u /* "head" */

const uint8_t vhdx_null_guid[VHDX_GUID_BYTES];

uint32_t vhdx_checksum(const struct vhdx_state *state, const uint8_t *bytes, size_t length,
                       size_t field)
{
    static const uint8_t zero[4];
    const size_t behind = field + sizeof(zero);
    uint32_t c = crc32c_feed(state->crc, CRC32C_START, bytes, field);

    c = crc32c_feed(state->crc, c, zero, sizeof(zero));
    return ~crc32c_feed(state->crc, c, bytes + behind, length - behind);
}

int vhdx_guid_make(struct fmt_env *env, uint8_t *guid)
{
    int r = env->io->random(env->io_ctx, guid, VHDX_GUID_BYTES);

    /* The bits of version and variant stand where they do in UUIDs: the reference does not mind
     * that the fields before them are stored the other way round here. */
    guid[6] = (uint8_t)((guid[6] & 0x0f) | 0x40);
    guid[8] = (uint8_t)((guid[8] & 0x3f) | 0x80);
    return r;
}

static void header_parse(const uint8_t *bytes, struct vhdx_header *header)
{
    header->sequence = le64_load(bytes + OFF_SEQUENCE);
    memcpy(header->data_write_guid, bytes + OFF_DATA_GUID, VHDX_GUID_BYTES);
    memcpy(header->log_guid, bytes + OFF_LOG_GUID, VHDX_GUID_BYTES);
    header->log_version = le16_load(bytes + 64);
    header->log_bytes = le32_load(bytes + 68);
    header->log_off = le64_load(bytes + 72);
}

static bool header_valid(const struct vhdx_state *state, const uint8_t *bytes)
{
    return le32_load(bytes) == SIGNATURE && le16_load(bytes + 66) == VERSION &&
           vhdx_checksum(state, bytes, VHDX_HEADER_BYTES, OFF_CHECKSUM) ==
               le32_load(bytes + OFF_CHECKSUM);
}

/* 0 or 1: the current header; -1: there is none. Some programs write two equal headers. */
static int header_choose(const struct vhdx_state *state, const uint8_t *first,
                         const uint8_t *second)
{
    bool first_ok = header_valid(state, first), second_ok = header_valid(state, second);

    if (!first_ok || !second_ok)
        return first_ok ? 0 : second_ok ? 1 : -1;
    uint64_t a = le64_load(first + OFF_SEQUENCE), b = le64_load(second + OFF_SEQUENCE);
    if (a != b)
        return a > b ? 0 : 1;
    return memcmp(first, second, FIELDS_BYTES) == 0 ? 0 : -1;
}

int vhdx_header_read(struct fmt_image *image, struct vhdx_state *state)
{
    static const uint64_t offsets[] = {VHDX_HEADER1_OFF, VHDX_HEADER2_OFF};
    struct fmt_env *env = image->env;
    uint8_t *bytes = fmt_alloc(env, 2 * VHDX_HEADER_BYTES);

    if (!bytes)
        return -FMT_ENOMEM;
    for (int i = 0; i < 2; i++) {
        int r = io_read(env, image->device, offsets[i], bytes + (size_t)i * VHDX_HEADER_BYTES,
                        VHDX_HEADER_BYTES);
        if (r < 0)
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_READ_HEADER, FMT_NUM(-r));
    }
    int current = header_choose(state, bytes, bytes + VHDX_HEADER_BYTES);
    if (current < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_NO_HEADER);
    header_parse(bytes + (size_t)current * VHDX_HEADER_BYTES, &state->header);
    state->header_off = offsets[current];
    vhdx_region_add(state, state->header.log_off, state->header.log_bytes);
    return 0;
}

/* Write the current header's bytes, changed, over the other one, which becomes current. */
static int header_renew(struct fmt_image *image, struct vhdx_state *state, uint8_t *bytes)
{
    uint64_t other = state->header_off == VHDX_HEADER1_OFF ? VHDX_HEADER2_OFF : VHDX_HEADER1_OFF;

    le64_store(bytes + OFF_SEQUENCE, state->header.sequence + 1);
    le32_store(bytes + OFF_CHECKSUM, vhdx_checksum(state, bytes, VHDX_HEADER_BYTES, OFF_CHECKSUM));
    int r = io_write(image->env, image->device, other, bytes, VHDX_HEADER_BYTES);
    if (r == 0)
        r = io_flush(image->env, image->device);
    if (r < 0)
        return r;
    state->header.sequence++;
    state->header_off = other;
    return 0;
}

int vhdx_headers_update(struct fmt_image *image, struct vhdx_state *state, bool data_write,
                        const uint8_t *log_guid)
{
    struct fmt_env *env = image->env;
    size_t mark = fmt_arena_mark(env->arena);
    uint8_t *bytes = fmt_alloc(env, VHDX_HEADER_BYTES);

    if (!bytes)
        return -FMT_ENOMEM;
    int r = io_read(env, image->device, state->header_off, bytes, VHDX_HEADER_BYTES);
    if (r == 0)
        r = vhdx_guid_make(env, bytes + OFF_FILE_GUID);
    if (r == 0 && data_write)
        r = vhdx_guid_make(env, bytes + OFF_DATA_GUID);
    if (log_guid)
        memcpy(bytes + OFF_LOG_GUID, log_guid, VHDX_GUID_BYTES);
    for (int i = 0; r == 0 && i < 2; i++)
        r = header_renew(image, state, bytes);
    if (r == 0)
        header_parse(bytes, &state->header);
    fmt_arena_release(env->arena, mark);
    return r;
}
