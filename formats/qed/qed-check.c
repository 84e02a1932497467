/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QED: whether tables and clusters lie in the file and are used once; bad entries can be cleared.
 */
#include "qed.h"

struct table_check {
    struct fmt_image *image;
    struct qed_state *state;
    struct fmt_check *result;
    bool fix;
    uint8_t *used; /* one bit for each cluster */
    uint64_t clusters;
    int last_error;
};

/* The reference divides by one less than the cluster size, and so finds a cluster too many, a leak,
 * in files of that many clusters. */
static uint64_t cluster_number(const struct qed_state *state, uint64_t offset)
{
    return round_up_u64(offset, state->header.cluster_bytes) / (state->header.cluster_bytes - 1);
}

/* Mark clusters as used; false if one of them was already. */
static bool used_mark(struct table_check *c, uint64_t offset, uint32_t clusters)
{
    uint64_t number = cluster_number(c->state, offset);
    bool first = true;

    for (uint64_t n = number; n < number + clusters && n < c->clusters; n++) {
        uint8_t bit = (uint8_t)(1u << n % 8);
        if (c->used[n / 8] & bit) {
            c->result->corruptions++;
            first = false;
        }
        c->used[n / 8] |= bit;
    }
    return first;
}

/* An offset that cannot be right: count it, or clear it in its table. */
static int entry_refuse(struct table_check *c, uint64_t entry_off)
{
    const uint8_t none[8] = {0};

    if (!c->fix) {
        c->result->corruptions++;
        return 0;
    }
    c->result->corruptions_fixed++;
    return fmt_cache_write(&c->state->tables, entry_off, none, sizeof(none));
}

static void error_count(struct table_check *c, int r)
{
    c->result->check_errors++;
    c->last_error = r;
}

static int l2_check(struct table_check *c, uint64_t l2_off)
{
    struct qed_state *state = c->state;
    uint64_t last = 0, entry;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < state->table_entries; i++) {
        uint64_t entry_off = l2_off + i * UINT64_C(8);
        r = fmt_cache_le64(&state->tables, entry_off, &entry);
        if (r < 0 || entry == QED_UNALLOCATED || entry == QED_ZERO)
            continue;
        c->result->allocated_clusters++;
        if (last && last + state->header.cluster_bytes != entry)
            c->result->fragmented_clusters++;
        last = entry;
        if (qed_cluster_off_ok(state, entry))
            used_mark(c, entry, 1);
        else
            r = entry_refuse(c, entry_off);
    }
    return r;
}

static void l1_check(struct table_check *c)
{
    struct qed_state *state = c->state;
    uint64_t entry;

    used_mark(c, state->header.l1_off, state->header.table_clusters);
    for (uint32_t i = 0; i < state->table_entries; i++) {
        uint64_t entry_off = state->header.l1_off + i * UINT64_C(8);
        int r = fmt_cache_le64(&state->tables, entry_off, &entry);
        if (r == 0 && entry == QED_UNALLOCATED)
            continue;
        if (r == 0 && !qed_table_off_ok(state, entry))
            r = entry_refuse(c, entry_off);
        else if (r == 0 && used_mark(c, entry, state->header.table_clusters))
            r = l2_check(c, entry);
        if (r < 0)
            error_count(c, r);
    }
    int r = c->fix ? fmt_cache_flush(&state->tables) : 0;
    if (r < 0)
        error_count(c, r);
}

static void leaks_count(struct table_check *c)
{
    for (uint64_t n = c->state->header.header_clusters; n < c->clusters; n++)
        c->result->leaks += !(c->used[n / 8] >> (n % 8) & 1);
}

/* A file that was looked at no longer wants a check: what is wrong with it and cannot be mended, a
 * cluster that is used twice, no further check will mend either. */
static int clean_mark(struct table_check *c)
{
    struct qed_header *h = &c->state->header;

    if (c->result->check_errors || !(h->features & QED_F_NEED_CHECK))
        return 0;
    int r = io_flush(c->image->env, c->image->device);
    h->features &= ~QED_F_NEED_CHECK;
    return r < 0 ? r : qed_header_write(c->image);
}

int qed_check(struct fmt_image *image, struct fmt_check *check, unsigned fix)
{
    struct table_check c = {
        .image = image, .state = image->state, .result = check, .fix = fix != 0};
    struct qed_state *state = c.state;
    size_t mark = fmt_arena_mark(image->env->arena);

    c.clusters = cluster_number(state, state->file_bytes);
    c.used = fmt_alloc(image->env, c.clusters / 8 + 1);
    if (!c.used)
        return -FMT_ENOMEM;
    check->total_clusters = div_up_u64(state->header.disk_bytes, state->header.cluster_bytes);
    l1_check(&c);
    if (c.last_error == 0) {
        leaks_count(&c);
        if (c.fix)
            c.last_error = clean_mark(&c);
    }
    fmt_arena_release(image->env->arena, mark);
    return c.last_error;
}
