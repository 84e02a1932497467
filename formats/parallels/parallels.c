/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallels: recognising an image and reading its header. */
#include "parallels.h"

#include "common/mapread.h"

const char parallels_magics[2][16] = {
    {'W', 'i', 't', 'h', 'o', 'u', 't', 'F', 'r', 'e', 'e', 'S', 'p', 'a', 'c', 'e'},
    {'W', 'i', 't', 'h', 'o', 'u', 'F', 'r', 'e', 'S', 'p', 'a', 'c', 'E', 'x', 't'},
};

/* 0: old, 1: new, -1: neither magic. */
static int magic_find(const uint8_t *bytes)
{
    for (int i = 0; i < 2; i++) {
        if (memcmp(bytes, parallels_magics[i], sizeof(parallels_magics[i])) == 0)
            return i;
    }
    return -1;
}

static unsigned parallels_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)filename;
    if (length < PARALLELS_HEADER_BYTES || magic_find(head) < 0 ||
        le32_load(head + 16) != PARALLELS_VERSION)
        return 0;
    return FMT_PROBE_MAX;
}

static int header_parse(struct fmt_env *env, const uint8_t *bytes, struct parallels_header *header)
{
    int magic = magic_find(bytes);

    *header = (struct parallels_header){
        .old_magic = magic == 0,
        .version = le32_load(bytes + 16),
        .cluster_sectors = le32_load(bytes + 28),
        .bat_entries = le32_load(bytes + 32),
        .disk_sectors = le64_load(bytes + 36),
        .in_use = le32_load(bytes + 44),
        .data_sector = le32_load(bytes + 48),
        .ext_sector = le64_load(bytes + 56),
    };
    if (magic < 0 || header->version != PARALLELS_VERSION)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_MAGIC);
    if (header->old_magic)
        header->disk_sectors &= UINT32_MAX;
    return 0;
}

static int header_check(struct fmt_env *env, const struct parallels_header *h)
{
    const uint64_t ext_sector_max = INT64_MAX / FMT_SECTOR_BYTES;

    if (h->cluster_sectors == 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_PARALLELS_NO_TRACKS);
    if (h->cluster_sectors > PARALLELS_CLUSTER_SECTORS_MAX)
        return fmt_fail(env, FMT_EFBIG, FMT_ERR_PARALLELS_CLUSTER);
    if (h->bat_entries > INT32_MAX / sizeof(uint32_t))
        return fmt_fail(env, FMT_EFBIG, FMT_ERR_PARALLELS_CATALOG);
    if (h->ext_sector >= ext_sector_max)
        return fmt_fail(env, FMT_EFBIG, FMT_ERR_PARALLELS_OFFSET);
    return 0;
}

bool parallels_data_sector_test(const struct parallels_state *state, uint64_t file_sectors,
                                uint32_t *right)
{
    const struct parallels_header *h = &state->header;
    uint64_t least = div_up_u64(parallels_entry_off(h->bat_entries), FMT_SECTOR_BYTES);

    /* The reference's rounding, which is one only to powers of two. */
    if (!h->old_magic)
        least = (least + h->cluster_sectors - 1) & -(uint64_t)h->cluster_sectors;
    *right = (uint32_t)least;
    if (h->data_sector == 0 && h->old_magic)
        return true;
    if (h->data_sector < *right || h->data_sector > file_sectors)
        return false;
    *right = h->data_sector;
    return true;
}

/* Where the last cluster ends. */
static int end_find(struct parallels_state *state)
{
    uint64_t offset;

    state->end_off = state->data_off;
    for (uint32_t i = 0; i < state->header.bat_entries; i++) {
        int r = parallels_cluster_off(state, i, &offset);
        if (r < 0)
            return r;
        if (offset + state->cluster_bytes > state->end_off)
            state->end_off = offset + state->cluster_bytes;
    }
    return 0;
}

static void finding_ignore(void *ctx, enum fmt_error_code code, const struct fmt_error_arg *args,
                           unsigned count)
{
    (void)ctx;
    (void)code;
    (void)args;
    (void)count;
}

static void finding_tell(void *ctx, enum fmt_error_code code, const struct fmt_error_arg *args,
                         unsigned count)
{
    struct fmt_env *env = ctx;
    env->io->message(env->io_ctx, FMT_MESSAGE_PLAIN, code, args, count);
}

/* A disk opened for writing is marked so; what is wrong with it is repaired first. */
static int writable_open(struct fmt_image *image, struct parallels_state *state)
{
    struct fmt_check look = {.finding = finding_ignore};
    struct fmt_check repair = {.finding = finding_tell, .finding_ctx = image->env};

    if (state->header.ext_sector)
        fmt_message(image->env, FMT_MESSAGE_WARNING, FMT_ERR_PARALLELS_EXT_IGNORED);
    int r = parallels_in_use_write(image, true);
    if (r < 0 || image->flags & FMT_OPEN_CHECK)
        return r;
    r = parallels_check(image, &look, 0);
    if (r < 0 || look.corruptions == 0)
        return r;
    r = parallels_check(image, &repair, FMT_FIX_LEAKS | FMT_FIX_ERRORS);
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_PARALLELS_REPAIR, FMT_NUM(-r));
    return parallels_in_use_write(image, true);
}

static int parallels_open(struct fmt_image *image)
{
    struct parallels_state *state = fmt_alloc(image->env, sizeof(*state));
    struct parallels_header *h = &state->header;
    struct fmt_env *env = image->env;
    uint8_t bytes[PARALLELS_HEADER_BYTES];
    uint64_t file_bytes;
    uint32_t data_sector;

    if (!state)
        return -FMT_ENOMEM;
    if (io_sector_bytes(env, image->device, &file_bytes) < 0)
        return -FMT_EINVAL;
    int r = io_read(env, image->device, 0, bytes, sizeof(bytes));
    if (r == 0)
        r = header_parse(env, bytes, h);
    if (r == 0)
        r = header_check(env, h);
    if (r < 0)
        return r;
    fmt_cache_init(&state->bat, env, image->device, PARALLELS_CACHE_PAGES);
    state->cluster_bytes = h->cluster_sectors * FMT_SECTOR_BYTES;
    state->entry_sectors = h->old_magic ? 1 : h->cluster_sectors;
    state->unclean = h->in_use == PARALLELS_IN_USE;
    parallels_data_sector_test(state, file_bytes / FMT_SECTOR_BYTES, &data_sector);
    state->data_off = (uint64_t)data_sector * FMT_SECTOR_BYTES;
    fmt_sectors_set(&image->facts, h->disk_sectors);
    image->facts.bitmaps_persist = true;
    image->state = state;
    if (h->ext_sector && !(image->flags & FMT_OPEN_WRITABLE))
        r = parallels_extension_check(image, state);
    if (r == 0 && image->flags & (FMT_OPEN_WRITABLE | FMT_OPEN_CHECK))
        r = end_find(state);
    if (r == 0 && image->flags & FMT_OPEN_WRITABLE)
        r = writable_open(image, state);
    return r;
}

const struct fmt_driver fmt_parallels_driver = {
    .name = "parallels",
    .probe = parallels_probe,
    .open = parallels_open,
    .info = fmt_info_nothing,
    .create = parallels_create,
    .map = parallels_map,
    .read = fmt_mapped_read,
    .check = parallels_check,
    .allocate = parallels_allocate,
    .write = fmt_allocated_write,
    .write_zeroes = fmt_allocated_write_zeroes,
    .finish = parallels_finish,
    .no_dirty_flag = true,
    .supports_backing = true,
};
