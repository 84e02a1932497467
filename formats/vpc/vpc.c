/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD: recognising an image, its footer, its dynamic disk header, its size. */
#include "vpc.h"

#include "common/mapread.h"

const char vpc_footer_cookie[VPC_COOKIE_BYTES] = {'c', 'o', 'n', 'e', 'c', 't', 'i', 'x'};
const char vpc_header_cookie[VPC_COOKIE_BYTES] = {'c', 'x', 's', 'p', 'a', 'r', 's', 'e'};

enum { OFF_CHECKSUM = 64, OFF_LOCATORS = 576, LOCATOR_BYTES = 24 };

enum size_rule { SIZE_BY_CREATOR, SIZE_BY_GEOMETRY, SIZE_BY_FOOTER };

static unsigned vpc_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)filename;
    if (length < VPC_COOKIE_BYTES || memcmp(head, vpc_footer_cookie, VPC_COOKIE_BYTES) != 0)
        return 0;
    return FMT_PROBE_MAX;
}

uint32_t vpc_checksum(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += bytes[i];
    return ~sum;
}

static void footer_parse(const uint8_t *bytes, struct vpc_footer *footer)
{
    footer->header_off = be64_load(bytes + 16);
    memcpy(footer->creator_app, bytes + 28, sizeof(footer->creator_app));
    footer->current_bytes = be64_load(bytes + 48);
    footer->geometry = (struct vpc_geometry){be16_load(bytes + 56), bytes[58], bytes[59]};
    footer->type = be32_load(bytes + 60);
    memcpy(footer->uuid, bytes + 68, sizeof(footer->uuid));
}

static bool footer_checksum_ok(const uint8_t *bytes)
{
    uint8_t copy[VPC_FOOTER_BYTES];

    memcpy(copy, bytes, sizeof(copy));
    be32_store(copy + OFF_CHECKSUM, 0);
    return vpc_checksum(copy, sizeof(copy)) == be32_load(bytes + OFF_CHECKSUM);
}

static int size_rule_read(struct fmt_image *image, enum size_rule *rule)
{
    static const char *const names[] = {"chs", "current_size", NULL};
    int found = fmt_option_enum(image->options, "force_size_calc", names, 2);

    if (found < 0)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_VPC_SIZE_CALC,
                        FMT_STR(fmt_option_text(image->options, "force_size_calc")));
    *rule = found == 0 ? SIZE_BY_GEOMETRY : found == 1 ? SIZE_BY_FOOTER : SIZE_BY_CREATOR;
    return 0;
}

/* Only fixed images may have the footer at their end alone; *@fixed tells that it was there. */
static int footer_read(struct fmt_image *image, struct vpc_state *state, bool *fixed)
{
    struct fmt_env *env = image->env;
    uint8_t *bytes = state->footer_bytes;
    uint64_t file_bytes;

    int r = io_read(env, image->device, 0, bytes, VPC_FOOTER_BYTES);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_VPC_READ_FOOTER);
    *fixed = memcmp(bytes, vpc_footer_cookie, VPC_COOKIE_BYTES) != 0;
    if (*fixed) {
        r = io_sector_bytes(env, image->device, &file_bytes);
        if (r < 0)
            return fmt_fail(env, -r, FMT_ERR_VPC_FILE_SIZE);
        if (file_bytes < VPC_FOOTER_BYTES)
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_FILE_TOO_SMALL);
        r = io_read(env, image->device, file_bytes - VPC_FOOTER_BYTES, bytes, VPC_FOOTER_BYTES);
        if (r < 0)
            return r;
    }
    footer_parse(bytes, &state->footer);
    if (*fixed && (memcmp(bytes, vpc_footer_cookie, VPC_COOKIE_BYTES) != 0 ||
                   state->footer.type != VPC_FIXED))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_INVALID);
    if (!footer_checksum_ok(bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_CHECKSUM);
    return 0;
}

/* Virtual PC and old QEMUs show the disk by its geometry, everyone else by the size noted. A
 * geometry at its maximum cannot tell the size. */
static uint64_t virtual_sectors(const struct vpc_footer *footer, enum size_rule rule)
{
    static const char by_geometry[][4] = {
        {'v', 'p', 'c', ' '},
        {'q', 'e', 'm', 'u'}
    };
    uint64_t sectors = vpc_geometry_sectors(&footer->geometry);
    bool geometry = rule == SIZE_BY_GEOMETRY;

    for (size_t i = 0; i < sizeof(by_geometry) / sizeof(by_geometry[0]); i++)
        geometry |= memcmp(footer->creator_app, by_geometry[i], sizeof(by_geometry[i])) == 0;
    if (geometry && sectors != VPC_GEOMETRY_MAX && rule != SIZE_BY_FOOTER)
        return sectors;
    return footer->current_bytes / FMT_SECTOR_BYTES;
}

static void header_parse(const uint8_t *bytes, struct vpc_header *header)
{
    header->bat_off = be64_load(bytes + 16);
    header->bat_entries = be32_load(bytes + 28);
    header->block_bytes = be32_load(bytes + 32);
    memcpy(header->parent_uuid, bytes + 40, sizeof(header->parent_uuid));
    for (unsigned i = 0; i < VPC_LOCATORS; i++) {
        const uint8_t *at = bytes + OFF_LOCATORS + (size_t)i * LOCATOR_BYTES;
        header->locator[i] = (struct vpc_locator){
            .platform = be32_load(at),
            .length_bytes = be32_load(at + 8),
            .offset = be64_load(at + 16),
        };
    }
}

static int header_check(struct fmt_env *env, const struct vpc_header *h, uint64_t virtual_bytes)
{
    if (!is_power_of_two(h->block_bytes) || h->block_bytes < FMT_SECTOR_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_BLOCK_SIZE, FMT_NUM(h->block_bytes));
    if (virtual_bytes / h->block_bytes > UINT32_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_TOO_MANY_BLOCKS);
    /* The reference counts in signed numbers: past INT32_MAX no table is too small for it. */
    if (h->bat_entries <= INT32_MAX && (uint64_t)h->bat_entries * h->block_bytes < virtual_bytes)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_TABLE_TOO_SMALL);
    if (h->bat_entries > INT32_MAX / 4)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_TABLE_TOO_LARGE,
                        FMT_NUM((int64_t)(int32_t)h->bat_entries));
    return 0;
}

/* Find the end of the last block, which must lie in the file. */
static int blocks_check(struct fmt_image *image, struct vpc_state *state)
{
    const struct vpc_header *h = &state->header;
    uint64_t block_bytes = (uint64_t)state->bitmap_bytes + h->block_bytes;
    uint64_t file_bytes;
    uint32_t entry;

    if (!io_range_ok(h->bat_off, (uint64_t)h->bat_entries * 4))
        return fmt_fail(image->env, FMT_EIO, FMT_ERR_VPC_READ_TABLE);
    state->end_off = round_up_u64(h->bat_off + (uint64_t)h->bat_entries * 4, FMT_SECTOR_BYTES);
    int r = io_sector_bytes(image->env, image->device, &file_bytes);
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_VPC_LEARN_SIZE, FMT_NUM(-r));
    /* A table that does not end in the file is not read: up to 2 GiB of it would not be there. */
    for (uint32_t i = 0; i < h->bat_entries && state->end_off <= file_bytes; i++) {
        r = vpc_entry(state, i, &entry);
        if (r < 0)
            return fmt_fail(image->env, -r, FMT_ERR_VPC_READ_TABLE);
        uint64_t next = (uint64_t)entry * FMT_SECTOR_BYTES + block_bytes;
        if (entry != VPC_UNALLOCATED && next > state->end_off)
            state->end_off = next;
    }
    if (state->end_off > file_bytes)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_VPC_TRUNCATED);
    return 0;
}

static int dynamic_open(struct fmt_image *image, struct vpc_state *state)
{
    struct fmt_env *env = image->env;
    struct vpc_header *header = &state->header;
    uint8_t bytes[VPC_HEADER_BYTES];

    int r = io_read(env, image->device, state->footer.header_off, bytes, sizeof(bytes));
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_VPC_READ_HEADER);
    if (memcmp(bytes, vpc_header_cookie, VPC_COOKIE_BYTES) != 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VPC_HEADER_MAGIC);
    header_parse(bytes, header);
    r = header_check(env, header, image->facts.virtual_bytes);
    if (r < 0)
        return r;
    state->bitmap_bytes =
        (uint32_t)round_up_u64(header->block_bytes / FMT_SECTOR_BYTES / 8, FMT_SECTOR_BYTES);
    fmt_cache_init(&state->bat, env, image->device, VPC_CACHE_PAGES);
    fmt_cache_init(&state->bitmaps, env, image->device, VPC_CACHE_PAGES);
    r = blocks_check(image, state);
    if (r < 0 || state->footer.type != VPC_DIFFERENCING)
        return r;
    /* The reference reads such an image as if it had no parent. */
    image->facts.backing_present = true;
    image->facts.backing_format = fmt_bytes_of("vpc");
    return vpc_parent_name(image, bytes, &image->facts.backing_name);
}

static int vpc_open(struct fmt_image *image)
{
    struct vpc_state *state = fmt_alloc(image->env, sizeof(*state));
    enum size_rule rule = SIZE_BY_CREATOR;
    bool fixed;

    if (!state)
        return -FMT_ENOMEM;
    int r = size_rule_read(image, &rule);
    if (r == 0)
        r = footer_read(image, state, &fixed);
    if (r < 0)
        return r;
    uint64_t sectors = virtual_sectors(&state->footer, rule);
    if (sectors > VPC_SECTORS_MAX)
        return -FMT_EFBIG;
    image->state = state;
    image->facts.virtual_bytes = sectors * FMT_SECTOR_BYTES;
    if (!fixed)
        r = dynamic_open(image, state);
    if (state->footer.type != VPC_FIXED)
        image->facts.cluster_bytes = state->header.block_bytes;
    return r;
}

const struct fmt_driver fmt_vpc_driver = {
    .name = "vpc",
    .probe = vpc_probe,
    .open = vpc_open,
    .info = fmt_info_nothing,
    .create = vpc_create,
    .map = vpc_map,
    .read = fmt_mapped_read,
    .allocate = vpc_allocate,
    .write = fmt_allocated_write,
    .write_zeroes = fmt_allocated_write_zeroes,
    .finish = vpc_finish,
};
