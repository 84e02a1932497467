/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DMG: finding and decoding chunks. A plain chunk that is shorter than the sectors it stands for
 * fails to be read where it ends: the reference shows what an earlier chunk left in memory.
 */
#include "codec/adc.h"
#include "codec/bunzip2.h"
#include "codec/deflate.h"
#include "codec/lzfse.h"
#include "dmg.h"

/* The chunk that holds the sector, or DMG_NO_CHUNK; by the reference's search, which takes chunks
 * to be in order: where they are not, both find the same. */
static uint32_t chunk_find(const struct dmg_state *state, uint64_t sector)
{
    uint32_t low = 0, high = state->chunks;

    while (low <= high) {
        uint32_t middle = low + (high - low) / 2;
        if (middle >= state->chunks)
            return DMG_NO_CHUNK;
        const struct dmg_chunk *chunk = &state->chunk[middle];
        if (chunk->sector > sector) {
            if (middle == 0)
                return DMG_NO_CHUNK;
            high = middle - 1;
        } else if (chunk->sector + chunk->sectors > sector) {
            return middle;
        } else {
            low = middle + 1;
        }
    }
    return DMG_NO_CHUNK;
}

static int raw_map(struct fmt_image *image, const struct dmg_chunk *chunk, uint64_t in_chunk,
                   struct fmt_extent *out)
{
    uint64_t there = chunk->length / FMT_SECTOR_BYTES * FMT_SECTOR_BYTES;

    if (in_chunk >= there || !io_range_ok(chunk->offset, chunk->length))
        return -FMT_EIO;
    out->kind = FMT_EXTENT_DATA;
    out->length = min_u64(out->length, there - in_chunk);
    out->device = image->device;
    out->device_off = chunk->offset + in_chunk;
    out->has_offset = true;
    return 0;
}

/* Where a whole chunk is asked for, any vCPU can decode it. */
static void coded_map(struct fmt_image *image, const struct dmg_chunk *chunk, uint64_t in_chunk,
                      struct fmt_extent *out)
{
    out->kind = FMT_EXTENT_CODED;
    if (in_chunk == 0 && out->length == chunk->sectors * FMT_SECTOR_BYTES &&
        io_range_ok(chunk->offset, chunk->length)) {
        out->device = image->device;
        out->device_off = chunk->offset;
        out->coded_bytes = (uint32_t)chunk->length;
    }
}

int dmg_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    const struct dmg_state *state = image->state;
    uint32_t index = chunk_find(state, offset / FMT_SECTOR_BYTES);

    if (index == DMG_NO_CHUNK)
        return -FMT_EIO;
    const struct dmg_chunk *chunk = &state->chunk[index];
    /* The image ends below 2^63 bytes, and so does what is asked for. */
    uint64_t in_chunk = offset - chunk->sector * FMT_SECTOR_BYTES;
    uint64_t sectors = chunk->sectors - in_chunk / FMT_SECTOR_BYTES;
    uint64_t left = min_u64(sectors, FMT_OFFSET_MAX / FMT_SECTOR_BYTES) * FMT_SECTOR_BYTES -
                    in_chunk % FMT_SECTOR_BYTES;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_ZERO, .length = min_u64(left, length)};
    switch (chunk->type) {
    case DMG_ZERO:
    case DMG_IGNORE:
        return 0;
    case DMG_RAW:
        return raw_map(image, chunk, in_chunk, out);
    default:
        coded_map(image, chunk, in_chunk, out);
        return 0;
    }
}

/* Make all of a chunk's bytes. *@context is deflate's. */
static int chunk_decode(const struct dmg_chunk *chunk, struct fmt_arena *arena, void **context,
                        const uint8_t *coded, uint8_t *data)
{
    size_t in_bytes = (size_t)chunk->length;
    size_t bytes = (size_t)chunk->sectors * FMT_SECTOR_BYTES, decoded = bytes;

    if (chunk->type == DMG_BZIP2)
        return bunzip2_decode(arena, coded, in_bytes, data, bytes);
    if (chunk->type == DMG_ADC)
        return adc_decode(coded, in_bytes, data, bytes);
    if (chunk->type == DMG_ZLIB)
        return deflate_decode(arena, context, DEFLATE_ZLIB, coded, in_bytes, data, bytes);
    int r = lzfse_decode(arena, coded, in_bytes, data, &decoded);
    return r == 0 && decoded != bytes ? -FMT_EIO : r;
}

int dmg_decode(const struct fmt_image *image, struct fmt_decoder *decoder, uint64_t offset,
               const struct fmt_extent *extent, const void *coded, void *out)
{
    const struct dmg_state *state = image->state;
    uint32_t index = chunk_find(state, offset / FMT_SECTOR_BYTES);

    (void)extent; /* all of the chunk: see coded_map() */
    int r = index == DMG_NO_CHUNK
                ? -FMT_EIO
                : chunk_decode(&state->chunk[index], decoder->arena, &decoder->context, coded, out);
    return r < 0 ? -FMT_ENOTSUP : 0; /* dmg_read() has more memory, and says what is wrong */
}

static int buffer_take(struct fmt_env *env, uint8_t **buffer, size_t *room, uint64_t bytes)
{
    if (*room >= bytes)
        return 0;
    *buffer = fmt_arena_buffer(env->arena, bytes, 64);
    *room = *buffer ? (size_t)bytes : 0;
    return *buffer ? 0 : -FMT_ENOMEM;
}

static int chunk_read(struct fmt_image *image, struct dmg_state *state,
                      const struct dmg_chunk *chunk)
{
    struct fmt_env *env = image->env;
    int r = buffer_take(env, &state->data, &state->data_room, chunk->sectors * FMT_SECTOR_BYTES);

    if (r == 0)
        r = buffer_take(env, &state->coded, &state->coded_room, chunk->length);
    if (r == 0)
        r = io_read(env, image->device, chunk->offset, state->coded, (size_t)chunk->length);
    return r < 0 ? r : chunk_decode(chunk, env->arena, &state->inflater, state->coded, state->data);
}

static int coded_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    struct dmg_state *state = image->state;
    uint32_t index = chunk_find(state, offset / FMT_SECTOR_BYTES);

    if (index == DMG_NO_CHUNK)
        return -FMT_EIO;
    const struct dmg_chunk *chunk = &state->chunk[index];
    if (state->current != index) {
        state->current = DMG_NO_CHUNK;
        int r = chunk_read(image, state, chunk);
        if (r < 0)
            return r;
        state->current = index;
    }
    memcpy(buffer, state->data + (offset - chunk->sector * FMT_SECTOR_BYTES), length);
    return 0;
}

int dmg_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    uint8_t *to = buffer;

    while (length > 0) {
        struct fmt_extent extent = {0};
        int r = dmg_map(image, offset, length, &extent);
        size_t n = (size_t)extent.length;
        if (r == 0 && extent.kind == FMT_EXTENT_DATA)
            r = io_read(image->env, extent.device, extent.device_off, to, n);
        else if (r == 0 && extent.kind == FMT_EXTENT_CODED)
            r = coded_read(image, offset, to, n);
        else if (r == 0)
            memset(to, 0, n);
        if (r < 0)
            return -FMT_EIO;
        to += n;
        offset += n;
        length -= n;
    }
    return 0;
}
