/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallels: find and repair what is wrong with the header and the BAT. */
#include "parallels.h"

enum {
    OFF_DATA_SECTOR = 48,
    USED_CLUSTERS_MAX = 1 << 27, /* clusters behind these are not looked at for duplicates */
};

struct bat_check {
    struct fmt_image *image;
    struct parallels_state *state;
    struct fmt_check *result;
    unsigned fix;
    uint64_t file_bytes;
    uint8_t *used; /* one bit for each cluster from data_off on */
    uint64_t used_clusters;
    bool ends_shared; /* the last entry that is in use shares its cluster with another */
};

/* Tell of a finding, which begins with what is done about it. */
static void finding(struct bat_check *c, enum fmt_error_code code, unsigned fix, uint64_t number)
{
    const char *verb = c->fix & fix ? "Repairing" : "ERROR";

    c->result->finding(c->result->finding_ctx, code, FMT_ARGS(FMT_TXT(verb), FMT_NUM(number)));
}

static void unclean_check(struct bat_check *c)
{
    if (!c->state->unclean)
        return;
    finding(c, FMT_ERR_PARALLELS_UNCLEAN, FMT_FIX_ERRORS, 0);
    c->result->corruptions++;
    if (c->fix & FMT_FIX_ERRORS) {
        c->result->corruptions_fixed++; /* done by finish() */
        c->state->unclean = false;
    }
}

static int data_sector_check(struct bat_check *c)
{
    struct parallels_state *state = c->state;
    uint8_t bytes[4];
    uint32_t right;

    if (parallels_data_sector_test(state, c->file_bytes / FMT_SECTOR_BYTES, &right))
        return 0;
    c->result->corruptions++;
    if (c->fix & FMT_FIX_ERRORS) {
        le32_store(bytes, right);
        int r = fmt_cache_write(&state->bat, OFF_DATA_SECTOR, bytes, sizeof(bytes));
        if (r < 0)
            return r;
        state->header.data_sector = right;
        state->data_off = (uint64_t)right * FMT_SECTOR_BYTES;
        c->result->corruptions_fixed++;
    }
    finding(c, FMT_ERR_PARALLELS_DATA_OFF, FMT_FIX_ERRORS, 0);
    return 0;
}

static int outside_report(struct bat_check *c, uint32_t index)
{
    finding(c, FMT_ERR_PARALLELS_OUTSIDE, FMT_FIX_ERRORS, index);
    c->result->corruptions++;
    if (!(c->fix & FMT_FIX_ERRORS))
        return 0;
    c->result->corruptions_fixed++;
    return parallels_entry_write(c->state, index, 0);
}

/* Clusters past the file's end. Also finds where the image ends. */
static int outside_check(struct bat_check *c)
{
    struct parallels_state *state = c->state;
    uint64_t highest = 0, offset;

    for (uint32_t i = 0; i < state->header.bat_entries; i++) {
        int r = parallels_cluster_off(state, i, &offset);
        if (r == 0 && offset + state->cluster_bytes > c->file_bytes)
            r = outside_report(c, i);
        else if (highest < offset)
            highest = offset;
        if (r < 0)
            return r;
    }
    if (highest)
        state->end_off = highest + state->cluster_bytes;
    c->result->image_end_offset = state->end_off;
    c->result->has_image_end_offset = state->end_off != 0;
    return 0;
}

static int leak_check(struct bat_check *c)
{
    uint64_t end = c->result->image_end_offset;

    if (c->file_bytes <= end)
        return 0;
    uint64_t count = div_up_u64(c->file_bytes - end, c->state->cluster_bytes);
    finding(c, FMT_ERR_PARALLELS_LEAK, FMT_FIX_LEAKS, c->file_bytes - end);
    c->result->leaks += count;
    if (!(c->fix & FMT_FIX_LEAKS))
        return 0;
    int r = io_truncate(c->image->env, c->image->device, end, FMT_PREALLOC_OFF);
    if (r < 0) {
        c->result->check_errors++;
        return r;
    }
    c->result->leaks_fixed += count;
    c->file_bytes = end;
    return 0;
}

/* Mark the cluster at @offset as used. Returns 1 if it was already, 0 if not; -1: it lies outside
 * of the clusters. */
static int used_mark(struct bat_check *c, uint64_t offset)
{
    const struct parallels_state *state = c->state;
    bool before = offset < state->data_off;
    uint64_t distance = before ? state->data_off - offset : offset - state->data_off;
    uint64_t index = distance / state->cluster_bytes; /* of both sides, the reference's rounding */

    if (index >= c->used_clusters || (before && index > 0))
        return -1;
    uint8_t bit = (uint8_t)(1u << index % 8);
    bool was = c->used[index / 8] & bit;
    c->used[index / 8] |= bit;
    return was;
}

/* A place for the copy of a cluster that two entries share: a hole, else the end. */
static int place_find(struct bat_check *c, uint64_t *offset)
{
    struct parallels_state *state = c->state;

    for (uint64_t i = 0; i < c->used_clusters; i++) {
        if (c->used[i / 8] >> (i % 8) & 1)
            continue;
        *offset = state->data_off + i * state->cluster_bytes;
        c->used[i / 8] |= (uint8_t)(1u << i % 8);
        return 0;
    }
    return parallels_clusters_take(c->image, 1, offset);
}

static int cluster_copy(struct bat_check *c, uint64_t from, uint64_t to)
{
    enum { PIECE_BYTES = 64 << 10 };
    struct fmt_env *env = c->image->env;
    size_t mark = fmt_arena_mark(env->arena);
    uint8_t *piece = fmt_alloc(env, PIECE_BYTES);
    int r = piece ? 0 : -FMT_ENOMEM;

    for (uint64_t at = 0; r == 0 && at < c->state->cluster_bytes; at += PIECE_BYTES) {
        size_t n = (size_t)min_u64(PIECE_BYTES, c->state->cluster_bytes - at);
        r = io_read(env, c->image->device, from + at, piece, n);
        if (r == 0)
            r = io_write(env, c->image->device, to + at, piece, n);
    }
    fmt_arena_release(env->arena, mark);
    return r;
}

/* Give the entry a copy of the cluster that it shares with an earlier one. */
static int duplicate_repair(struct bat_check *c, uint32_t index, uint64_t offset)
{
    struct parallels_state *state = c->state;
    uint64_t place;

    int r = place_find(c, &place);
    if (r == 0)
        r = cluster_copy(c, offset, place);
    if (r == 0)
        r = parallels_entry_write(state, index, place);
    if (r < 0) {
        c->result->check_errors++;
        return r;
    }
    if (place + state->cluster_bytes > c->result->image_end_offset)
        c->result->image_end_offset = place + state->cluster_bytes;
    c->result->corruptions_fixed++;
    return 0;
}

/* All that BAT entries name is marked first: holes are what nothing names. */
static int used_fill(struct bat_check *c)
{
    uint64_t offset;

    for (uint32_t i = 0; i < c->state->header.bat_entries; i++) {
        int r = parallels_cluster_off(c->state, i, &offset);
        if (r < 0)
            return r;
        if (offset)
            used_mark(c, offset);
    }
    return 0;
}

static int entry_check(struct bat_check *c, uint8_t *seen, uint32_t index)
{
    uint8_t *used = c->used;
    uint64_t offset;

    int r = parallels_cluster_off(c->state, index, &offset);
    if (r < 0 || offset == 0)
        return r;
    c->used = seen;
    int marked = used_mark(c, offset);
    c->used = used;
    c->ends_shared = marked > 0;
    if (marked == 0)
        return 0;
    /* Entries that name the header or the BAT make the reference abort. */
    if (marked < 0)
        return offset < c->state->data_off ? outside_report(c, index) : 0;
    finding(c, FMT_ERR_PARALLELS_DUPLICATE, FMT_FIX_ERRORS, index);
    c->result->corruptions++;
    return c->fix & FMT_FIX_ERRORS ? duplicate_repair(c, index, offset) : 0;
}

static int duplicate_check(struct bat_check *c)
{
    struct parallels_state *state = c->state;
    uint64_t end = c->result->image_end_offset;
    size_t mark = fmt_arena_mark(c->image->env->arena);

    if (end <= state->data_off)
        return 0;
    c->used_clusters =
        min_u64(USED_CLUSTERS_MAX, div_up_u64(end - state->data_off, state->cluster_bytes));
    c->used = fmt_alloc(c->image->env, c->used_clusters / 8 + 1);
    uint8_t *seen = fmt_alloc(c->image->env, c->used_clusters / 8 + 1);
    int r = c->used && seen ? used_fill(c) : -FMT_ENOMEM;
    for (uint32_t i = 0; r == 0 && i < state->header.bat_entries; i++)
        r = entry_check(c, seen, i);
    fmt_arena_release(c->image->env->arena, mark);
    /* The reference's own: it forgets the status only with the next entry. */
    return r == 0 && c->ends_shared && !(c->fix & FMT_FIX_ERRORS) ? -FMT_EBUSY : r;
}

static int statistics_collect(struct bat_check *c)
{
    const struct parallels_state *state = c->state;
    uint64_t previous = 0, offset;

    c->result->total_clusters = state->header.bat_entries;
    for (uint32_t i = 0; i < state->header.bat_entries; i++) {
        int r = parallels_cluster_off(c->state, i, &offset);
        if (r < 0)
            return r;
        if (offset == 0 || offset + state->cluster_bytes > c->result->image_end_offset) {
            previous = 0;
            continue;
        }
        if (previous && previous + state->cluster_bytes != offset)
            c->result->fragmented_clusters++;
        previous = offset;
        c->result->allocated_clusters++;
    }
    return 0;
}

int parallels_check(struct fmt_image *image, struct fmt_check *check, unsigned fix)
{
    struct bat_check c = {.image = image, .state = image->state, .result = check, .fix = fix};

    int r = io_sector_bytes(image->env, image->device, &c.file_bytes);
    if (r < 0) {
        check->check_errors++;
        return r;
    }
    unclean_check(&c);
    r = data_sector_check(&c);
    if (r == 0)
        r = outside_check(&c);
    if (r == 0)
        r = leak_check(&c);
    if (r == 0)
        r = duplicate_check(&c);
    if (r == 0)
        r = statistics_collect(&c);
    if (r == 0 && fix)
        r = parallels_finish(image);
    return r;
}
