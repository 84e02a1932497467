/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallels: new clusters at the end, and the mark that the disk is in use. */
#include "parallels.h"

enum { OFF_CLUSTER_SECTORS = 28, OFF_IN_USE = 44 };

/* At once, and in the cache, whose pages hold the header, too. */
static int header_field_write(struct fmt_image *image, uint64_t offset, uint32_t value)
{
    struct parallels_state *state = image->state;
    uint8_t bytes[4];

    le32_store(bytes, value);
    int r = fmt_cache_write(&state->bat, offset, bytes, sizeof(bytes));
    return r < 0 ? r : io_write(image->env, image->device, offset, bytes, sizeof(bytes));
}

/* In a new disk, clusters are of a size that cannot be meanwhile: it is refused. */
int parallels_in_use_write(struct fmt_image *image, bool in_use)
{
    const struct parallels_state *state = image->state;
    uint32_t cluster_sectors = state->header.cluster_sectors;

    int r = header_field_write(image, OFF_IN_USE, in_use ? PARALLELS_IN_USE : 0);
    if (r == 0 && image->flags & FMT_OPEN_NEW)
        r = header_field_write(image, OFF_CLUSTER_SECTORS, in_use ? 0 : cluster_sectors);
    return r;
}

int parallels_entry_write(struct parallels_state *state, uint64_t index, uint64_t cluster_off)
{
    uint8_t bytes[4];

    le32_store(bytes, (uint32_t)(cluster_off / FMT_SECTOR_BYTES / state->entry_sectors));
    return fmt_cache_write(&state->bat, parallels_entry_off(index), bytes, sizeof(bytes));
}

/* Clusters of the newer kind are counted in clusters from the file's start. */
static uint64_t cluster_align(const struct parallels_state *state)
{
    return (uint64_t)state->entry_sectors * FMT_SECTOR_BYTES;
}

int parallels_clusters_take(struct fmt_image *image, uint64_t clusters, uint64_t *offset)
{
    struct parallels_state *state = image->state;
    uint64_t entry_max = UINT64_C(0xffffffff) * cluster_align(state);

    int r = fmt_append_begin(image->env, image->device, &state->append, state->end_off);
    if (r == 0)
        r = fmt_append_take(image->env, image->device, &state->append,
                            clusters * state->cluster_bytes, cluster_align(state), offset);
    if (r == 0 && state->append.end_off - state->cluster_bytes > entry_max)
        r = -FMT_EFBIG;
    if (r == 0)
        state->end_off = state->append.end_off;
    return r;
}

/* How many clusters from @index on, at most @most, have no data of their own. */
static int missing_count(struct parallels_state *state, uint64_t index, uint64_t most,
                         uint64_t *count)
{
    uint64_t offset;

    for (*count = 0; *count < most; ++*count) {
        int r = parallels_cluster_off(state, index + *count, &offset);
        if (r < 0 || offset)
            return r;
    }
    return 0;
}

int parallels_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                       struct fmt_extent *out)
{
    struct parallels_state *state = image->state;
    uint64_t index = offset / state->cluster_bytes, in_cluster = offset % state->cluster_bytes;
    uint64_t most = div_up_u64(in_cluster + length, state->cluster_bytes), count, run_off;

    if (index >= state->header.bat_entries)
        return -FMT_EINVAL;
    int r = missing_count(state, index, min_u64(most, state->header.bat_entries - index), &count);
    if (r < 0)
        return r;
    if (count == 0)
        return parallels_map(image, offset, length, out);
    r = parallels_clusters_take(image, count, &run_off);
    for (uint64_t i = 0; r == 0 && i < count; i++)
        r = parallels_entry_write(state, index + i, run_off + i * state->cluster_bytes);
    *out = (struct fmt_extent){.kind = FMT_EXTENT_DATA,
                               .length = min_u64(length, count * state->cluster_bytes - in_cluster),
                               .device = image->device,
                               .device_off = run_off + in_cluster,
                               .has_offset = true};
    return r;
}

int parallels_finish(struct fmt_image *image)
{
    struct parallels_state *state = image->state;

    if (!(image->flags & FMT_OPEN_WRITABLE))
        return 0;
    int r = fmt_cache_flush(&state->bat);
    if (r == 0)
        r = io_flush(image->env, image->device);
    if (r == 0)
        r = parallels_in_use_write(image, false);
    /* The reference cuts off what lies behind the last cluster, and minds no error. */
    if (r == 0)
        io_truncate(image->env, image->device, state->end_off, FMT_PREALLOC_OFF);
    return r;
}
