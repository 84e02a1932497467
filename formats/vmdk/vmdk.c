/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: recognising and opening an image, and what info says of it. */
#include "vmdk.h"

/* ---- probing ---- */

/* Behind a run of spaces there may be nothing but the line's end. */
static bool blank_skip(const char **at, const char *end)
{
    while (*at < end && **at == ' ')
        ++*at;
    if (*at < end && **at == '\r')
        ++*at;
    if (*at == end || **at != '\n')
        return false;
    ++*at;
    return true;
}

static bool is_version_line(const char *at, const char *end)
{
    static const char *const versions[] = {"version=1", "version=2", "version=3"};

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        size_t length = strlen(versions[i]);
        if ((size_t)(end - at) <= length || memcmp(at, versions[i], length) != 0)
            continue;
        if (at[length] == '\n' ||
            (at[length] == '\r' && (size_t)(end - at) > length + 1 && at[length + 1] == '\n'))
            return true;
    }
    return false;
}

/* Comments and blank lines, then the version: that is a descriptor. */
static unsigned vmdk_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    const char *at = (const char *)head, *end = at + length;

    (void)filename;
    if (length < 4)
        return 0;
    if (be32_load(head) == VMDK_MAGIC_COWD || be32_load(head) == VMDK_MAGIC_HOSTED)
        return FMT_PROBE_MAX;
    while (at < end && (*at == '#' || *at == ' ')) {
        if (*at == ' ') {
            if (!blank_skip(&at, end))
                return 0;
            continue;
        }
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    return at < end && is_version_line(at, end) ? FMT_PROBE_MAX : 0;
}

/* ---- opening ---- */

/* The parent's name. A descriptor that names none has none. */
static int parent_read(struct fmt_image *image, struct fmt_bytes text)
{
    enum { NAME_BYTES_MAX = 4095 };

    if (vmdk_text_find(text, "parentFileNameHint") == SIZE_MAX)
        return 0;
    if (!vmdk_text_value(text, "parentFileNameHint", NAME_BYTES_MAX, &image->facts.backing_name))
        return -FMT_EINVAL;
    image->facts.backing_present = image->facts.backing_name.length > 0;
    image->facts.backing_format = fmt_bytes_of("vmdk");
    return 0;
}

/* What the descriptor's first 20 sectors say, as texts of their own. */
static int identity_read(struct fmt_image *image, struct vmdk_state *state, uint64_t offset)
{
    struct fmt_env *env = image->env;
    char *data = fmt_alloc(env, VMDK_DESCRIPTOR_BYTES);

    if (!data)
        return -FMT_ENOMEM;
    int r = io_read(env, image->device, offset, data, VMDK_DESCRIPTOR_BYTES);
    if (r < 0)
        return r;
    const char *end = memchr(data, '\0', VMDK_DESCRIPTOR_BYTES);
    size_t length = end ? (size_t)(end - data) : VMDK_DESCRIPTOR_BYTES;
    r = parent_read(image, (struct fmt_bytes){data, length});
    if (r < 0)
        return r;
    struct fmt_bytes text = {data, (size_t)min_u64(length, VMDK_DESCRIPTOR_BYTES - 1)};
    if (!vmdk_text_cid(text, "CID", &state->cid) ||
        !vmdk_text_cid(text, "parentCID", &state->parent_cid))
        return -FMT_EINVAL;
    return 0;
}

/* Further files as info lists them: the one opened last comes first. */
static int children_publish(struct fmt_image *image, const struct vmdk_state *state)
{
    if (state->children == 0)
        return 0;
    image->child = fmt_alloc(image->env, state->children * sizeof(*image->child));
    if (!image->child)
        return -FMT_ENOMEM;
    for (uint32_t i = 0; i < state->children; i++)
        image->child[i] = state->child[state->children - 1 - i];
    image->child_count = state->children;
    return 0;
}

/* Whether a property of the first extent's is one of all. */
static bool extents_alike(const struct vmdk_state *state)
{
    const struct vmdk_extent *first = &state->extent[0];

    for (uint32_t i = 1; i < state->extents; i++) {
        const struct vmdk_extent *other = &state->extent[i];
        bool flat = first->kind == VMDK_FLAT;
        if ((other->kind == VMDK_FLAT) != flat || other->compressed != first->compressed ||
            (!flat && other->cluster_sectors != first->cluster_sectors))
            return false;
    }
    return true;
}

static void facts_fill(struct fmt_image *image, const struct vmdk_state *state)
{
    struct fmt_facts *facts = &image->facts;

    fmt_sectors_set(facts, state->end_sector);
    facts->no_dirty_flag = !extents_alike(state);
    if (!facts->no_dirty_flag) {
        facts->cluster_bytes = state->extent[0].cluster_sectors * FMT_SECTOR_BYTES;
        facts->compressed = state->extent[0].compressed;
    }
}

static int extents_open(struct fmt_image *image, struct vmdk_state *state, uint64_t *identity_off)
{
    struct fmt_bytes text;
    uint32_t magic;

    int r = vmdk_magic_read(image->env, state, image->device, &magic);
    if (r < 0)
        return r;
    *identity_off = 0;
    if (magic == VMDK_MAGIC_COWD || magic == VMDK_MAGIC_HOSTED) {
        *identity_off = VMDK_EMBEDDED_OFF;
        state->embedded = true;
        return vmdk_sparse_open(image, state, image->device, image->filename);
    }
    r = vmdk_descriptor_load(image->env, image->device, 0, &text);
    return r < 0 ? r : vmdk_descriptor_open(image, state, text);
}

static int vmdk_open(struct fmt_image *image)
{
    struct vmdk_state *state = fmt_alloc(image->env, sizeof(*state));
    uint64_t identity_off;

    if (!state)
        return -FMT_ENOMEM;
    image->state = state;
    int r = extents_open(image, state, &identity_off);
    if (r == 0)
        r = identity_read(image, state, identity_off);
    if (r < 0)
        return r;
    /* A disk without any extent would crash the reference. */
    if (state->extents == 0)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_VMDK_DESCRIPTOR);
    facts_fill(image, state);
    fmt_cache_init(&state->cache, image->env, image->device, VMDK_CACHE_PAGES);
    return children_publish(image, state);
}

/* ---- info ---- */

static void extent_info(const struct fmt_info *out, const struct vmdk_extent *extent)
{
    info_dict(out, NULL);
    info_bytes(out, "filename", extent->filename);
    info_bytes(out, "format", extent->type);
    info_number(out, "virtual-size", (int64_t)(extent->sectors * FMT_SECTOR_BYTES));
    if (extent->kind == VMDK_SPARSE || extent->kind == VMDK_SESPARSE)
        info_number(out, "cluster-size", (int64_t)(extent->cluster_sectors * FMT_SECTOR_BYTES));
    if (extent->compressed)
        info_bool(out, "compressed", true);
    info_end(out);
}

static int vmdk_info(struct fmt_image *image, const struct fmt_info *out)
{
    const struct vmdk_state *state = image->state;

    info_bytes(out, "create-type", state->create_type);
    info_number(out, "cid", state->cid);
    info_number(out, "parent-cid", state->parent_cid);
    info_list(out, "extents");
    for (uint32_t i = 0; i < state->extents; i++)
        extent_info(out, &state->extent[i]);
    info_end(out);
    return 0;
}

const struct fmt_driver fmt_vmdk_driver = {
    .name = "vmdk",
    .probe = vmdk_probe,
    .open = vmdk_open,
    .info = vmdk_info,
    .create_check = vmdk_create_check,
    .create = vmdk_create,
    .map = vmdk_map,
    .backing_check = vmdk_backing_check,
    .read = vmdk_read,
    .check = vmdk_check,
    .allocate = vmdk_allocate,
    .write = vmdk_write,
    .write_zeroes = vmdk_write_zeroes,
    .write_compressed = vmdk_write,
    .compress = vmdk_compress,
    .write_coded = vmdk_write_coded,
    .decode = vmdk_decode,
    .finish = vmdk_finish,
    .tells_writes = true,
    .has_format_specific = true,
    .supports_backing = true,
    .map_by_unit = true,
};
