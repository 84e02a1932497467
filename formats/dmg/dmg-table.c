/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DMG: one block table and its chunks. */
#include "dmg.h"

#define MISH_MAGIC UINT32_C(0x6d697368)

enum {
    MISH_BYTES_MIN = 244, /* with one entry */
    OFF_SECTOR = 8,
    OFF_DATA = 24,
    ENTRY_OFF_SECTOR = 8,
    ENTRY_OFF_SECTORS = 16,
    ENTRY_OFF_OFFSET = 24,
    ENTRY_OFF_LENGTH = 32,
    CHUNKS_ROOM_MIN = 64,
};

bool dmg_mish_parse(const struct dmg_state *state, const uint8_t *head, uint64_t bytes,
                    struct dmg_mish *mish)
{
    if (bytes < MISH_BYTES_MIN || be32_load(head) != MISH_MAGIC)
        return false;
    mish->first_sector = be64_load(head + OFF_SECTOR);
    mish->data_off = state->data_fork_off + be64_load(head + OFF_DATA);
    mish->entries = (uint32_t)((bytes - DMG_MISH_BYTES) / DMG_ENTRY_BYTES);
    return true;
}

static bool is_known(uint32_t type)
{
    return type == DMG_ZERO || type == DMG_RAW || type == DMG_IGNORE || type == DMG_ADC ||
           type == DMG_ZLIB || type == DMG_BZIP2 || type == DMG_LZFSE;
}

/* Chunks that cannot be read are left out: their sectors belong to no chunk then. */
static void unknown_tell(struct fmt_image *image, struct dmg_state *state, uint32_t type)
{
    if (type == DMG_COMMENT || type == DMG_LAST || state->warned_type)
        return;
    state->warned_type = true;
    fmt_message(image->env, FMT_MESSAGE_WARNING, FMT_ERR_DMG_CHUNK_TYPE, FMT_NUM(type));
}

static int room_make(struct fmt_env *env, struct dmg_state *state)
{
    uint32_t room = state->chunks_room ? state->chunks_room * 2 : CHUNKS_ROOM_MIN;

    if (state->chunks < state->chunks_room)
        return 0;
    if (room < state->chunks_room)
        return fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    struct dmg_chunk *more = fmt_alloc(env, (uint64_t)room * sizeof(*more));
    if (!more)
        return -FMT_ENOMEM;
    if (state->chunks)
        memcpy(more, state->chunk, state->chunks * sizeof(*more));
    state->chunk = more;
    state->chunks_room = room;
    return 0;
}

/* Zeroes need no memory, and may be of any length. */
static int chunk_check(struct fmt_image *image, const struct dmg_state *state,
                       const struct dmg_chunk *chunk)
{
    bool is_zero = chunk->type == DMG_ZERO || chunk->type == DMG_IGNORE;

    if (!is_zero && chunk->sectors > DMG_SECTORS_MAX) {
        fmt_message(image->env, FMT_MESSAGE_ERROR, FMT_ERR_DMG_SECTORS, FMT_NUM(chunk->sectors),
                    FMT_NUM(state->chunks), FMT_NUM(DMG_SECTORS_MAX));
        return -FMT_EINVAL;
    }
    if (chunk->length > DMG_LENGTH_MAX) {
        fmt_message(image->env, FMT_MESSAGE_ERROR, FMT_ERR_DMG_LENGTH, FMT_NUM(chunk->length),
                    FMT_NUM(state->chunks), FMT_NUM(DMG_LENGTH_MAX));
        return -FMT_EINVAL;
    }
    return 0;
}

static int entry_add(struct fmt_image *image, struct dmg_state *state, const struct dmg_mish *mish,
                     const uint8_t *entry)
{
    const struct dmg_chunk chunk = {
        .type = be32_load(entry),
        .sector = be64_load(entry + ENTRY_OFF_SECTOR) + mish->first_sector,
        .sectors = be64_load(entry + ENTRY_OFF_SECTORS),
        .offset = be64_load(entry + ENTRY_OFF_OFFSET) + mish->data_off,
        .length = be64_load(entry + ENTRY_OFF_LENGTH),
    };

    if (!is_known(chunk.type)) {
        unknown_tell(image, state, chunk.type);
        return 0;
    }
    int r = chunk_check(image, state, &chunk);
    if (r == 0)
        r = room_make(image->env, state);
    if (r == 0)
        state->chunk[state->chunks++] = chunk;
    return r;
}

int dmg_entries_add(struct fmt_image *image, struct dmg_state *state, const struct dmg_mish *mish,
                    const uint8_t *entries, uint32_t count)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < count; i++)
        r = entry_add(image, state, mish, entries + (size_t)i * DMG_ENTRY_BYTES);
    return r;
}
