/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: preallocation; see qcow2-prealloc.h. Order and sizes of steps are the reference's. */
#include "qcow2-prealloc.h"

#include "common/newfile.h"

/* The reference handles at most so many bytes of the disk at once. */
#define STEP_BYTES_MAX UINT64_C(0x7fffffff)
#define REQUEST_BYTES_MAX UINT64_C(0x7ffffe00)

enum { PIECE_ENTRIES = 512 };

static uint64_t l2_entries(const struct qcow2_state *state)
{
    return UINT64_C(1) << state->l2_bits;
}

/* The L2 table for the disk's @offset, made if there is none. */
static int l2_ensure(const struct qcow2_file *file, uint64_t offset, uint64_t *l2_off)
{
    struct qcow2_state *state = file->state;
    uint64_t index = offset >> (state->header.cluster_bits + state->l2_bits);
    uint64_t entry_off = state->header.l1_off + index * QCOW2_ENTRY_BYTES;
    uint8_t entry[QCOW2_ENTRY_BYTES];

    int r = fmt_cache_be64(&state->tables, entry_off, l2_off);
    *l2_off &= QCOW2_OFFSET_MASK;
    if (r < 0 || *l2_off != 0)
        return r;
    r = qcow2_clusters_take(file, state->cluster_bytes, l2_off);
    if (r == 0)
        r = qcow2_zeroes_write(file, *l2_off, state->cluster_bytes);
    be64_store(entry, *l2_off | QCOW2_COPIED);
    return r < 0 ? r : fmt_cache_write(&state->tables, entry_off, entry, sizeof(entry));
}

/* Enter clusters at @host_off as those of the disk's @offset, all within one L2 table. */
static int l2_fill(const struct qcow2_file *file, uint64_t offset, uint64_t host_off,
                   uint64_t clusters)
{
    struct qcow2_state *state = file->state;
    uint64_t index = offset >> state->header.cluster_bits & (l2_entries(state) - 1), l2_off;
    uint8_t entries[PIECE_ENTRIES * 16];

    int r = l2_ensure(file, offset, &l2_off);
    while (r == 0 && clusters > 0) {
        uint64_t count = min_u64(clusters, PIECE_ENTRIES);
        memset(entries, 0, sizeof(entries));
        for (uint64_t i = 0; i < count; i++, host_off += state->cluster_bytes)
            be64_store(entries + i * state->l2_entry_bytes, host_off | QCOW2_COPIED);
        r = fmt_cache_write(&state->tables, l2_off + index * state->l2_entry_bytes, entries,
                            (size_t)count * state->l2_entry_bytes);
        index += count;
        clusters -= count;
    }
    return r;
}

/* Clusters for up to @bytes bytes at @offset, within one L2 table; at @*host_off if that is not
 * UINT64_MAX, then maybe none. Sets *@got to the bytes that have a place now. */
static int step_take(const struct qcow2_file *file, uint64_t offset, uint64_t bytes,
                     uint64_t *host_off, uint64_t *got)
{
    struct qcow2_state *state = file->state;
    unsigned bits = state->header.cluster_bits;
    uint64_t index = offset >> bits & (l2_entries(state) - 1), l2_off;
    uint64_t clusters = div_up_u64(bytes, state->cluster_bytes);

    clusters = min_u64(clusters, l2_entries(state) - index);
    clusters = min_u64(clusters, REQUEST_BYTES_MAX >> bits);
    int r = l2_ensure(file, offset, &l2_off);
    if (r == 0 && state->has_data_file)
        *host_off = offset;
    else if (r == 0 && *host_off == UINT64_MAX)
        r = qcow2_clusters_take(file, clusters << bits, host_off);
    else if (r == 0)
        r = qcow2_clusters_take_at(file, *host_off, clusters, &clusters);
    *got = min_u64(bytes, clusters << bits);
    return r < 0 ? r : l2_fill(file, offset, *host_off, clusters);
}

/* As many adjacent clusters as there are for up to @bytes bytes at @offset. */
static int adjacent_take(const struct qcow2_file *file, uint64_t offset, uint64_t bytes,
                         uint64_t *host_off, uint64_t *got)
{
    uint64_t next_off = UINT64_MAX, part;
    int r = 0;

    for (*got = 0; r == 0 && *got < bytes; *got += part) {
        r = step_take(file, offset + *got, bytes - *got, &next_off, &part);
        if (*got == 0)
            *host_off = next_off;
        if (r < 0 || part == 0)
            break;
        next_off += part;
    }
    return r;
}

static int metadata_preallocate(const struct qcow2_file *file, enum fmt_prealloc data_mode)
{
    struct qcow2_state *state = file->state;
    uint64_t step_max = STEP_BYTES_MAX & ~(state->cluster_bytes - 1);
    uint64_t host_off = 0, got = 0;
    struct fmt_device facts;
    int r = 0;

    for (uint64_t offset = 0; offset < state->header.disk_bytes; offset += got) {
        uint64_t bytes = min_u64(state->header.disk_bytes - offset, step_max);
        r = adjacent_take(file, offset, bytes, &host_off, &got);
        if (r < 0)
            return fmt_fail(file->env, -r, FMT_ERR_QCOW2_ALLOCATE, FMT_NUM(-r));
    }
    r = qcow2_refcounts_flush(file);
    if (r == 0)
        r = io_facts(file->env, state->data_device, &facts);
    if (r < 0)
        return fmt_fail(file->env, -r, FMT_ERR_QCOW2_FILE_SIZE, FMT_NUM(-r));
    uint64_t end_off = round_up_u64(host_off + got, qcow2_subcluster_bytes(state));
    /* The reference fills the last cluster's rest from the backing file that there is not. */
    if (end_off > host_off + got)
        r = newfile_zeroes_write(file->env, state->data_device, host_off + got,
                                 end_off - host_off - got);
    if (r == 0)
        r = io_facts(file->env, state->data_device, &facts);
    if (r == 0 && end_off > facts.size_bytes)
        r = io_truncate(file->env, state->data_device, end_off, data_mode);
    return r < 0 ? fmt_fail(file->env, -r, newfile_resize_code(data_mode), FMT_NUM(-r)) : 0;
}

/* All data clusters in one piece, behind refcounts that are there for all of them. */
static int data_preallocate(const struct qcow2_file *file, enum fmt_prealloc mode)
{
    struct qcow2_state *state = file->state;
    unsigned bits = state->header.cluster_bits;
    uint64_t clusters = div_up_u64(state->header.disk_bytes, state->cluster_bytes);
    uint64_t tables = div_up_u64(clusters, l2_entries(state)) + 1;
    uint64_t used = state->refcounts.free_cluster, start_off, taken;

    int r = qcow2_refcount_area(file, used << bits, clusters + tables, true, 0, 0, &start_off);
    if (r < 0)
        return fmt_fail(file->env, -r, FMT_ERR_QCOW2_RESIZE_REFCOUNTS, FMT_NUM(-r));
    r = qcow2_clusters_take_at(file, start_off, clusters, &taken);
    if (r == 0 && taken != clusters)
        r = -FMT_EIO;
    if (r < 0)
        return fmt_fail(file->env, -r, FMT_ERR_QCOW2_ALLOCATE_DATA, FMT_NUM(-r));
    r = qcow2_refcounts_flush(file);
    if (r == 0)
        r = io_truncate(file->env, file->device, start_off + (clusters << bits), mode);
    if (r < 0) {
        fmt_fail(file->env, -r, newfile_resize_code(mode), FMT_NUM(-r));
        return fmt_fail(file->env, -r, FMT_ERR_QCOW2_RESIZE_FILE);
    }
    for (uint64_t at = 0; r == 0 && at < clusters; at += taken) {
        taken = min_u64(clusters - at, l2_entries(state));
        r = l2_fill(file, at << bits, start_off + (at << bits), taken);
    }
    return r < 0 ? fmt_fail(file->env, -r, FMT_ERR_QCOW2_UPDATE_L2, FMT_NUM(-r)) : 0;
}

int qcow2_preallocate(const struct qcow2_file *file, enum qcow2_prealloc mode)
{
    static const enum fmt_prealloc file_modes[] = {
        [QCOW2_PREALLOC_OFF] = FMT_PREALLOC_OFF,
        [QCOW2_PREALLOC_METADATA] = FMT_PREALLOC_OFF,
        [QCOW2_PREALLOC_FALLOC] = FMT_PREALLOC_FALLOC,
        [QCOW2_PREALLOC_FULL] = FMT_PREALLOC_FULL,
    };

    if (mode == QCOW2_PREALLOC_METADATA || file->state->has_data_file)
        return metadata_preallocate(file, file_modes[mode]);
    return data_preallocate(file, file_modes[mode]);
}
