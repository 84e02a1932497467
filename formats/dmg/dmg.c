/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DMG: recognising and opening an image by its trailer. */
#include "dmg.h"

enum {
    /* The trailer has 512 bytes; files need not end in whole sectors, lengths here do. */
    TRAILER_SEARCH_BYTES = 511 + 512,
    TRAILER_FIND_BYTES = 515,
    TRAILER_BYTES = 512,
    OFF_DATA_FORK = 0x18,
    OFF_RESOURCE_FORK = 0x28,
    OFF_RESOURCE_FORK_LENGTH = 0x30,
    OFF_PLIST = 0xd8,
    OFF_PLIST_LENGTH = 0xe0,
    OFF_SECTORS = 0x1ec,
};

/* Nothing in the first bytes tells: the name has to. */
static unsigned dmg_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)head;
    (void)length;
    return filename.length > 4 && memcmp(filename.data + filename.length - 4, ".dmg", 4) == 0 ? 2
                                                                                              : 0;
}

static int trailer_find(struct fmt_image *image, uint64_t *offset)
{
    struct fmt_env *env = image->env;
    uint8_t bytes[TRAILER_FIND_BYTES];
    uint64_t length;

    int r = io_sector_bytes(env, image->device, &length);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_DMG_FILE_SIZE, FMT_NUM(-r));
    if (length < FMT_SECTOR_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_DMG_TOO_SMALL);
    *offset = length > TRAILER_SEARCH_BYTES ? length - TRAILER_SEARCH_BYTES : 0;
    length = min_u64(length, sizeof(bytes));
    r = io_read(env, image->device, *offset, bytes, (size_t)length);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_DMG_READ_TRAILER, FMT_NUM(-r));
    for (size_t i = 0; i + 3 < length; i++) {
        if (memcmp(bytes + i, "koly", 4) == 0) {
            *offset += i;
            return 0;
        }
    }
    return fmt_fail(env, FMT_EINVAL, FMT_ERR_DMG_NO_TRAILER);
}

/* Whether [offset, offset + length) lies before the trailer. */
static bool is_before(uint64_t trailer, uint64_t offset, uint64_t length)
{
    return offset < trailer && length <= trailer - offset;
}

static int trailer_parse(struct fmt_image *image, struct dmg_state *state, uint64_t at,
                         const uint8_t *trailer)
{
    uint64_t fork = be64_load(trailer + OFF_RESOURCE_FORK);
    uint64_t fork_length = be64_load(trailer + OFF_RESOURCE_FORK_LENGTH);
    uint64_t plist = be64_load(trailer + OFF_PLIST);
    uint64_t plist_length = be64_load(trailer + OFF_PLIST_LENGTH);
    uint64_t sectors = be64_load(trailer + OFF_SECTORS);

    state->data_fork_off = be64_load(trailer + OFF_DATA_FORK);
    if (state->data_fork_off > at || !is_before(at, fork, fork_length) ||
        !is_before(at, plist, plist_length) || sectors > INT64_MAX)
        return -FMT_EINVAL;
    fmt_sectors_set(&image->facts, sectors);
    int r = 0;
    if (fork_length != 0)
        r = dmg_resource_fork_read(image, state, fork, fork_length);
    else if (plist_length != 0)
        r = dmg_plist_read(image, state, plist, plist_length);
    return r == 0 && state->chunks == 0 ? -FMT_EINVAL : r;
}

static int dmg_open(struct fmt_image *image)
{
    struct fmt_env *env = image->env;
    struct dmg_state *state = fmt_alloc(env, sizeof(*state));
    uint8_t trailer[TRAILER_BYTES];
    uint64_t at = 0;

    if (!state)
        return -FMT_ENOMEM;
    if (image->flags & FMT_OPEN_WRITABLE)
        return fmt_fail(env, FMT_EACCES, FMT_ERR_IMAGE_READ_ONLY);
    image->state = state;
    state->current = DMG_NO_CHUNK;
    int r = trailer_find(image, &at);
    if (r == 0)
        r = io_read(env, image->device, at, trailer, sizeof(trailer));
    return r < 0 ? r : trailer_parse(image, state, at, trailer);
}

const struct fmt_driver fmt_dmg_driver = {
    .name = "dmg",
    .probe = dmg_probe,
    .open = dmg_open,
    .info = fmt_info_nothing,
    .map = dmg_map,
    .read = dmg_read,
    .decode = dmg_decode,
    .no_dirty_flag = true,
    .map_opaque = true,
};
