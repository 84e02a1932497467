/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: where the disk's bytes lie, by L1 and L2 tables. */
#include "qcow2-map.h"
#include "common/mapread.h"
#include "qcow2-refcount.h"

/* An entry that makes no sense: the reference says so at once, and only once. */
static int corrupt(struct fmt_image *image, enum fmt_error_code code,
                   const struct fmt_error_arg *args, unsigned count)
{
    struct qcow2_state *state = image->state;

    if (!state->corruption_told)
        image->env->io->message(image->env->io_ctx, FMT_MESSAGE_PLAIN, code, args, count);
    state->corruption_told = true;
    return -FMT_EIO;
}

/* Where an L2 entry lies. */
struct l2_place {
    uint64_t l2_off; /* of its table; 0: there is none */
    uint64_t index;
};

static int l2_find(struct fmt_image *image, uint64_t offset, struct l2_place *place)
{
    struct qcow2_state *state = image->state;
    unsigned bits = state->header.cluster_bits;
    uint64_t l1_index = offset >> (bits + state->l2_bits), entry = 0;
    int r = 0;

    /* A snapshot of a smaller disk has a smaller table. */
    if (state->l1)
        entry = state->l1[l1_index];
    else if (l1_index < state->header.l1_entries)
        r = fmt_cache_be64(&state->tables, state->header.l1_off + l1_index * QCOW2_ENTRY_BYTES,
                           &entry);
    if (r < 0)
        return r;
    place->l2_off = entry & QCOW2_OFFSET_MASK;
    place->index = offset >> bits & ((UINT64_C(1) << state->l2_bits) - 1);
    if (place->l2_off % state->cluster_bytes != 0)
        return corrupt(image, FMT_ERR_QCOW2_BAD_L2_OFFSET,
                       FMT_ARGS(FMT_NUM(place->l2_off), FMT_NUM(l1_index)));
    return 0;
}

enum qcow2_type qcow2_type_of(const struct qcow2_state *state, const struct qcow2_entry *entry,
                              unsigned sub)
{
    bool extended = state->header.incompatible & QCOW2_EXTENDED_L2;
    bool placed =
        entry->value & QCOW2_OFFSET_MASK || (state->has_data_file && entry->value & QCOW2_COPIED);

    if (entry->value & QCOW2_COMPRESSED)
        return QCOW2_TYPE_COMPRESSED;
    if (!extended && entry->value & QCOW2_ZERO)
        return entry->value & QCOW2_OFFSET_MASK ? QCOW2_TYPE_ZERO_PLACED : QCOW2_TYPE_ZERO;
    if (!extended)
        return placed ? QCOW2_TYPE_NORMAL : QCOW2_TYPE_UNALLOCATED;
    bool allocated = entry->bitmap >> sub & 1, zero = entry->bitmap >> (32 + sub) & 1;
    if (allocated && (zero || !placed))
        return QCOW2_TYPE_INVALID;
    if (zero)
        return placed ? QCOW2_TYPE_ZERO_PLACED : QCOW2_TYPE_ZERO;
    if (allocated)
        return QCOW2_TYPE_NORMAL;
    return placed ? QCOW2_TYPE_UNALLOCATED_PLACED : QCOW2_TYPE_UNALLOCATED;
}

static int entry_check(struct fmt_image *image, uint64_t offset, const struct l2_place *place,
                       const struct qcow2_entry *entry)
{
    const struct qcow2_state *state = image->state;
    uint64_t host_off = entry->value & QCOW2_OFFSET_MASK;
    bool zero = entry->type == QCOW2_TYPE_ZERO || entry->type == QCOW2_TYPE_ZERO_PLACED;

    if (state->header.version < 3 && zero)
        return corrupt(image, FMT_ERR_QCOW2_ZERO_IN_V2,
                       FMT_ARGS(FMT_NUM(place->l2_off), FMT_NUM(place->index)));
    if (entry->type == QCOW2_TYPE_COMPRESSED && state->has_data_file)
        return corrupt(image, FMT_ERR_QCOW2_COMPRESSED_OUTSIDE,
                       FMT_ARGS(FMT_NUM(place->l2_off), FMT_NUM(place->index)));
    if (entry->type == QCOW2_TYPE_INVALID)
        return corrupt(image, FMT_ERR_QCOW2_BAD_L2_ENTRY,
                       FMT_ARGS(FMT_NUM(place->l2_off), FMT_NUM(place->index)));
    if (!qcow2_type_placed(entry->type))
        return 0;
    if (host_off % state->cluster_bytes != 0)
        return corrupt(image, FMT_ERR_QCOW2_BAD_CLUSTER_OFFSET,
                       FMT_ARGS(FMT_NUM(host_off), FMT_NUM(place->l2_off), FMT_NUM(place->index)));
    if (state->has_data_file && host_off != offset - offset % state->cluster_bytes)
        return corrupt(image, FMT_ERR_QCOW2_BAD_DATA_FILE_OFFSET,
                       FMT_ARGS(FMT_NUM(host_off), FMT_NUM(offset - offset % state->cluster_bytes),
                                FMT_NUM(place->index)));
    return 0;
}

/* The entry as it stands in its table. */
static int entry_load(struct fmt_image *image, uint64_t offset, const struct l2_place *place,
                      struct qcow2_entry *entry)
{
    struct qcow2_state *state = image->state;
    bool extended = state->header.incompatible & QCOW2_EXTENDED_L2;
    uint64_t in_table = place->index * state->l2_entry_bytes;
    uint64_t rest = (UINT64_C(1) << state->l2_bits) - place->index - 1;
    uint64_t at = place->l2_off + in_table, in_page = at % FMT_CACHE_PAGE_BYTES;
    const uint8_t *table =
        qcow2_ahead_table(image, offset >> (state->header.cluster_bits + state->l2_bits));

    if (table) {
        entry->at = table + in_table;
        entry->more = rest;
        entry->value = be64_load(entry->at);
        if (extended)
            entry->bitmap = be64_load(entry->at + QCOW2_ENTRY_BYTES);
        return 0;
    }
    int r = fmt_cache_be64(&state->tables, at, &entry->value);
    if (r == 0 && extended)
        r = fmt_cache_be64(&state->tables, at + QCOW2_ENTRY_BYTES, &entry->bitmap);
    entry->at = r == 0 ? fmt_cache_hit(&state->tables, at, state->l2_entry_bytes) : NULL;
    entry->more = min_u64(rest, (FMT_CACHE_PAGE_BYTES - in_page) / state->l2_entry_bytes - 1);
    return r;
}

int qcow2_entry_find(struct fmt_image *image, uint64_t offset, struct qcow2_entry *entry)
{
    struct qcow2_state *state = image->state;
    uint64_t sub_bytes = qcow2_subcluster_bytes(state);
    uint64_t in_cluster = offset % state->cluster_bytes;
    unsigned sub = (unsigned)(in_cluster / sub_bytes), end = sub + 1;
    unsigned subs = (unsigned)(state->cluster_bytes / sub_bytes);
    struct l2_place place;

    *entry = (struct qcow2_entry){.type = QCOW2_TYPE_UNALLOCATED};
    int r = l2_find(image, offset, &place);
    if (r < 0)
        return r;
    uint64_t l2_reach = state->cluster_bytes << state->l2_bits;
    entry->length = l2_reach - offset % l2_reach;
    if (place.l2_off == 0)
        return 0;
    r = entry_load(image, offset, &place, entry);
    if (r < 0)
        return r;
    entry->type = qcow2_type_of(state, entry, sub);
    while (end < subs && (entry->type == QCOW2_TYPE_COMPRESSED ||
                          qcow2_type_of(state, entry, end) == entry->type))
        end++;
    entry->length = end * sub_bytes - in_cluster;
    return entry_check(image, offset, &place, entry);
}

/* Whether the image's clusters seem to have had their places before they were written: more of them
 * are in use than the file takes space. The reference's rule, thresholds included. */
static bool preallocated(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_file file = {image->env, image->device, state};
    struct fmt_device facts;
    uint64_t used;

    if (state->prealloc_known)
        return state->preallocated;
    state->prealloc_known = true;
    if (qcow2_refcounts_load(&file) < 0 || io_facts(image->env, image->device, &facts) < 0)
        return false;
    uint64_t real = facts.allocated_bytes / state->cluster_bytes;
    uint64_t threshold = real + 2 > real * 10 / 9 ? real + 2 : real * 10 / 9;
    uint64_t clusters = div_up_u64(facts.size_bytes, state->cluster_bytes);
    if (qcow2_clusters_used(&file, clusters, threshold, &used) < 0)
        return false;
    state->preallocated = used >= threshold;
    return state->preallocated;
}

/* Bytes of the clusters behind the entry's whose entries say the same, and that are adjacent in the
 * file where they have a place: as far as the table is at hand. */
static uint64_t run_behind(const struct qcow2_state *state, const struct qcow2_entry *entry)
{
    uint64_t step = qcow2_type_placed(entry->type) ? state->cluster_bytes : 0, run = 0;

    if (!entry->at || entry->type == QCOW2_TYPE_COMPRESSED ||
        state->header.incompatible & QCOW2_EXTENDED_L2)
        return 0;
    while (run < entry->more) {
        uint64_t expected = entry->value + (run + 1) * step;
        uint64_t value = be64_load(entry->at + (run + 1) * QCOW2_ENTRY_BYTES);
        if ((value ^ expected) & ~QCOW2_COPIED)
            break;
        run++;
    }
    return run * state->cluster_bytes;
}

static int extent_at(struct fmt_image *image, uint64_t offset, struct fmt_extent *out)
{
    const struct qcow2_state *state = image->state;
    struct qcow2_entry entry;
    size_t bytes;

    int r = qcow2_entry_find(image, offset, &entry);
    if (r < 0)
        return r;
    bool placed = qcow2_type_placed(entry.type), coded = image->facts.encrypted;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_UNALLOCATED,
                               .length = entry.length + run_behind(state, &entry)};
    if (placed && !coded) {
        out->device = state->data_device;
        out->device_off = (entry.value & QCOW2_OFFSET_MASK) + offset % state->cluster_bytes;
        out->has_offset = true;
    }
    switch (entry.type) {
    case QCOW2_TYPE_ZERO:
    case QCOW2_TYPE_ZERO_PLACED:
        out->kind = FMT_EXTENT_ZERO;
        out->zero_allocated = placed;
        break;
    case QCOW2_TYPE_NORMAL:
        out->kind = coded ? FMT_EXTENT_CODED : FMT_EXTENT_DATA;
        out->coded_in_place = coded && offset % CRYPTO_SECTOR_BYTES == 0 && state->volume;
        if (coded) {
            out->device = state->data_device;
            out->device_off = (entry.value & QCOW2_OFFSET_MASK) + offset % state->cluster_bytes;
        }
        out->preallocated = !coded && preallocated(image);
        break;
    case QCOW2_TYPE_COMPRESSED:
        out->kind = FMT_EXTENT_CODED;
        out->compressed = true;
        out->device = image->device;
        qcow2_coded_place(state, entry.value, &out->device_off, &bytes);
        out->coded_bytes = (uint32_t)bytes;
        break;
    default:
        break;
    }
    return 0;
}

int qcow2_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    return fmt_extents_map(image, extent_at, offset, length, out);
}
