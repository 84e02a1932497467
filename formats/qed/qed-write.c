/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QED: new clusters and L2 tables at the file's end, and zero clusters. */
#include "qed.h"

/* From here on until finish() the file says that it wants a check; a new one is refused. */
static int change_begin(struct fmt_image *image)
{
    struct qed_state *state = image->state;

    if (state->append.ready)
        return 0;
    state->header.features |= QED_F_NEED_CHECK;
    if (image->flags & FMT_OPEN_NEW)
        state->header.features |= QED_F_UNFINISHED;
    int r = qed_header_write(image);
    if (r == 0)
        r = fmt_append_begin(image->env, image->device, &state->append, state->file_bytes);
    return r;
}

static int clusters_take(struct fmt_image *image, uint64_t clusters, uint64_t *offset)
{
    struct qed_state *state = image->state;
    uint64_t cluster_bytes = state->header.cluster_bytes;

    int r = fmt_append_take(image->env, image->device, &state->append, clusters * cluster_bytes,
                            cluster_bytes, offset);
    if (r == 0)
        state->file_bytes = state->append.end_off;
    return r;
}

static int entry_write(struct qed_state *state, uint64_t table_off, uint64_t index, uint64_t value)
{
    uint8_t bytes[8];

    le64_store(bytes, value);
    return fmt_cache_write(&state->tables, table_off + index * sizeof(bytes), bytes, sizeof(bytes));
}

/* The L2 table for @offset, a new one if there is none. */
static int l2_have(struct fmt_image *image, uint64_t offset, uint64_t *l2_off)
{
    struct qed_state *state = image->state;
    uint64_t reach = (uint64_t)state->table_entries * state->header.cluster_bytes;

    int r = qed_l2_find(image, offset, l2_off);
    if (r < 0 || *l2_off != QED_UNALLOCATED)
        return r;
    r = clusters_take(image, state->header.table_clusters, l2_off);
    return r < 0 ? r : entry_write(state, state->header.l1_off, offset / reach, *l2_off);
}

/* How many clusters from @offset on, of those that [offset, offset + length) touches and the L2
 * table at @l2_off covers, have no data of their own. */
static int missing_count(struct qed_state *state, uint64_t l2_off, uint64_t offset, uint64_t length,
                         uint64_t *count)
{
    uint64_t cluster_bytes = state->header.cluster_bytes;
    uint64_t index = offset / cluster_bytes % state->table_entries;
    uint64_t most = div_up_u64(offset % cluster_bytes + length, cluster_bytes);
    uint64_t entry = 0;
    int r = 0;

    most = min_u64(most, state->table_entries - index);
    for (*count = 0; l2_off && *count < most; ++*count) {
        r = fmt_cache_le64(&state->tables, l2_off + (index + *count) * 8, &entry);
        if (r < 0 || (entry != QED_UNALLOCATED && entry != QED_ZERO))
            return r;
    }
    *count = most;
    return r;
}

/* New clusters for a run without any; data first, then its L2 table, as the reference lays them. */
static int run_add(struct fmt_image *image, uint64_t offset, uint64_t length, uint64_t clusters,
                   uint64_t *run_off)
{
    struct qed_state *state = image->state;
    uint64_t cluster_bytes = state->header.cluster_bytes, l2_off;
    uint64_t start = offset - offset % cluster_bytes, end = start + clusters * cluster_bytes;
    uint64_t index = start / cluster_bytes % state->table_entries;

    int r = change_begin(image);
    if (r == 0)
        r = clusters_take(image, clusters, run_off);
    if (r == 0)
        r = fmt_backing_copy(image, &state->append, start, offset, image->device, *run_off);
    if (r == 0 && offset + length < end)
        r = fmt_backing_copy(image, &state->append, offset + length, end, image->device,
                             *run_off + (offset + length - start));
    if (r == 0)
        r = fmt_allocated_fill(image, image->device, *run_off + (offset - start), length);
    if (r == 0)
        r = l2_have(image, offset, &l2_off);
    for (uint64_t i = 0; r == 0 && i < clusters; i++)
        r = entry_write(state, l2_off, index + i, *run_off + i * cluster_bytes);
    return r;
}

int qed_allocate(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    struct qed_state *state = image->state;
    uint64_t in_cluster = offset % state->header.cluster_bytes, l2_off, count = 0, run_off = 0;

    int r = qed_l2_find(image, offset, &l2_off);
    if (r == 0)
        r = missing_count(state, l2_off, offset, length, &count);
    if (r < 0)
        return r;
    if (count == 0)
        return qed_map(image, offset, length, out);
    length = min_u64(length, count * state->header.cluster_bytes - in_cluster);
    r = run_add(image, offset, length, count, &run_off);
    *out = (struct fmt_extent){.kind = FMT_EXTENT_DATA,
                               .length = length,
                               .device = image->device,
                               .device_off = run_off + in_cluster,
                               .has_offset = true};
    return r;
}

/* Mark one cluster as zeroes; the caller knows that it has no data, which would be leaked. */
static int zero_mark(struct fmt_image *image, uint64_t offset)
{
    struct qed_state *state = image->state;
    uint64_t l2_off;

    int r = change_begin(image);
    if (r == 0)
        r = l2_have(image, offset, &l2_off);
    if (r < 0)
        return r;
    return entry_write(state, l2_off, offset / state->header.cluster_bytes % state->table_entries,
                       QED_ZERO);
}

int qed_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length, bool may_unmap)
{
    const struct qed_state *state = image->state;
    uint64_t cluster_bytes = state->header.cluster_bytes;

    while (length > 0) {
        uint64_t n = min_u64(length, cluster_bytes - offset % cluster_bytes);
        /* The disk's last cluster may be cut. */
        bool whole = offset % cluster_bytes == 0 &&
                     (n == cluster_bytes || offset + n == image->facts.virtual_bytes);
        struct fmt_extent extent;
        int r = qed_map(image, offset, n, &extent);
        if (r == 0 && whole && extent.kind != FMT_EXTENT_DATA)
            r = zero_mark(image, offset);
        else if (r == 0)
            r = fmt_allocated_write_zeroes(image, offset, n, may_unmap);
        if (r < 0)
            return r;
        offset += n;
        length -= n;
    }
    return 0;
}

int qed_finish(struct fmt_image *image)
{
    struct qed_state *state = image->state;

    if (!state->append.ready)
        return 0;
    int r = fmt_append_finish(image->env, image->device, &state->append);
    if (r == 0)
        r = fmt_cache_flush(&state->tables);
    if (r == 0)
        r = io_flush(image->env, image->device);
    state->header.features &= ~(QED_F_NEED_CHECK | QED_F_UNFINISHED);
    return r < 0 ? r : qed_header_write(image);
}
