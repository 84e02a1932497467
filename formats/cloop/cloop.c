/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cloop: compressed loop devices of version 2, read only. A script of 128 bytes, the block size,
 * the number of blocks, and the big-endian offsets of the zlib streams that the blocks are.
 */
#include "codec/rawdeflate.h"
#include "common/cache.h"
#include "common/format.h"
#include "common/mapread.h"

enum {
    OFF_BLOCK_BYTES = 128,
    OFF_BLOCKS = 132,
    OFF_OFFSETS = 136,
    BLOCK_BYTES_MAX = 64 << 20,
    BLOCK_MIB_MAX = 64,
    OFFSETS_BYTES_MAX = 512 << 20,
    CHECK_BYTES = 64 << 10, /* offsets that are checked at once */
    CACHE_PAGES = 4,
};

#define BLOCKS_MAX ((UINT32_MAX - 1) / 8) /* before the table's length has more than 32 bits */

static const char magic[] = "#!/bin/sh\n#V2.0 Format\n"
                            "modprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n";

struct cloop_state {
    uint32_t block_bytes;
    uint32_t blocks;
    struct fmt_cache offsets;
    uint64_t current; /* number of the block in @block; UINT64_MAX: none */
    uint8_t *block;
    uint8_t *coded;
    size_t coded_room;
};

static unsigned cloop_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    size_t compared = (size_t)min_u64(sizeof(magic) - 1, length);

    (void)filename;
    return memcmp(head, magic, compared) == 0 ? 2 : 0;
}

static int block_size_check(struct fmt_env *env, uint32_t bytes)
{
    if (bytes % FMT_SECTOR_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CLOOP_BLOCK_UNALIGNED, FMT_NUM(bytes));
    if (bytes == 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CLOOP_BLOCK_ZERO);
    if (bytes > BLOCK_BYTES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CLOOP_BLOCK_LARGE, FMT_NUM(bytes),
                        FMT_NUM(BLOCK_MIB_MAX));
    return 0;
}

static int blocks_check(struct fmt_env *env, uint32_t blocks)
{
    if (blocks > BLOCKS_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CLOOP_BLOCKS, FMT_NUM(blocks),
                        FMT_NUM(BLOCKS_MAX));
    if (blocks == BLOCKS_MAX)
        return fmt_fail(env, FMT_ENOMEM, FMT_ERR_CLOOP_TABLE);
    if ((blocks + UINT64_C(1)) * 8 > OFFSETS_BYTES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CLOOP_TOO_MANY);
    return 0;
}

/* One block's place: offsets rise, and no block is longer than any could be. */
static int offset_check(struct fmt_env *env, uint64_t index, uint64_t before, uint64_t offset)
{
    if (offset < before)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CLOOP_ORDER, FMT_NUM(index));
    if (offset - before > 2 * (uint64_t)BLOCK_BYTES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CLOOP_LENGTH, FMT_NUM(index));
    return 0;
}

/* All offsets, once. What lies behind the file's end is 0, and need not be looked at. */
static int offsets_check(struct fmt_image *image, const struct cloop_state *state)
{
    struct fmt_env *env = image->env;
    uint64_t file_bytes, count = state->blocks + UINT64_C(1), before = 0;
    uint8_t *piece = fmt_alloc(env, CHECK_BYTES);

    if (!piece)
        return -FMT_ENOMEM;
    int r = io_sector_bytes(env, image->device, &file_bytes);
    for (uint64_t i = 0; r == 0 && i < count; i += CHECK_BYTES / 8) {
        uint64_t n = min_u64(count - i, CHECK_BYTES / 8), at = OFF_OFFSETS + i * 8;
        if (at >= file_bytes)
            return before ? offset_check(env, i, before, 0) : 0;
        r = io_read(env, image->device, at, piece, (size_t)n * 8);
        for (uint64_t k = 0; r == 0 && k < n; k++) {
            uint64_t offset = be64_load(piece + k * 8);
            r = i + k == 0 ? 0 : offset_check(env, i + k, before, offset);
            before = offset;
        }
    }
    return r;
}

static int cloop_open(struct fmt_image *image)
{
    struct fmt_env *env = image->env;
    struct cloop_state *state = fmt_alloc(env, sizeof(*state));
    uint8_t sizes[OFF_OFFSETS - OFF_BLOCK_BYTES];

    if (!state)
        return -FMT_ENOMEM;
    if (image->flags & FMT_OPEN_WRITABLE)
        return fmt_fail(env, FMT_EACCES, FMT_ERR_IMAGE_READ_ONLY);
    image->state = state;
    int r = io_read(env, image->device, OFF_BLOCK_BYTES, sizes, sizeof(sizes));
    if (r < 0)
        return r;
    *state = (struct cloop_state){
        .block_bytes = be32_load(sizes), .blocks = be32_load(sizes + 4), .current = UINT64_MAX};
    r = block_size_check(env, state->block_bytes);
    if (r == 0)
        r = blocks_check(env, state->blocks);
    if (r == 0)
        r = offsets_check(image, state);
    if (r < 0)
        return r;
    image->facts.virtual_bytes = (uint64_t)state->blocks * state->block_bytes;
    fmt_cache_init(&state->offsets, env, image->device, CACHE_PAGES);
    return 0;
}

/* Room for @bytes coded bytes, and for a block. */
static int buffers_take(struct fmt_env *env, struct cloop_state *state, uint64_t bytes)
{
    if (!state->block)
        state->block = fmt_arena_buffer(env->arena, state->block_bytes, 64);
    if (state->block && state->coded_room < bytes) {
        state->coded = fmt_arena_buffer(env->arena, bytes, 64);
        state->coded_room = state->coded ? (size_t)bytes : 0;
    }
    return state->block && state->coded_room >= bytes ? 0 : -FMT_EIO;
}

static int block_load(struct fmt_image *image, struct cloop_state *state, uint64_t index)
{
    struct fmt_env *env = image->env;
    uint64_t start = 0, end = 0;

    if (state->current == index)
        return 0;
    int r = fmt_cache_be64(&state->offsets, OFF_OFFSETS + index * 8, &start);
    if (r == 0)
        r = fmt_cache_be64(&state->offsets, OFF_OFFSETS + (index + 1) * 8, &end);
    if (r == 0 && (end < start || end - start > 2 * (uint64_t)BLOCK_BYTES_MAX))
        r = -FMT_EIO;
    if (r == 0)
        r = buffers_take(env, state, end - start);
    state->current = UINT64_MAX;
    if (r == 0)
        r = io_read(env, image->device, start, state->coded, (size_t)(end - start));
    if (r < 0)
        return r;
    size_t bytes = state->block_bytes;
    r = zlib_decode(env->arena, state->coded, (size_t)(end - start), state->block, &bytes);
    if (r < 0 || bytes != state->block_bytes)
        return -FMT_EIO;
    state->current = index;
    return 0;
}

static int cloop_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                     struct fmt_extent *out)
{
    (void)image;
    (void)offset;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_CODED, .length = length};
    return 0;
}

static int block_read(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    struct cloop_state *state = image->state;
    size_t in_block = (size_t)(offset % state->block_bytes);

    if (block_load(image, state, offset / state->block_bytes) < 0)
        return -FMT_EIO;
    *length = (size_t)min_u64(*length, state->block_bytes - in_block);
    memcpy(to, state->block + in_block, *length);
    return 0;
}

static int cloop_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    return fmt_pieces_read(image, offset, buffer, length, block_read);
}

const struct fmt_driver fmt_cloop_driver = {
    .name = "cloop",
    .probe = cloop_probe,
    .open = cloop_open,
    .info = fmt_info_nothing,
    .map = cloop_map,
    .read = cloop_read,
    .no_dirty_flag = true,
    .map_opaque = true,
};
