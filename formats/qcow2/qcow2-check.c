/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: what a check goes through, in the reference's order; see qcow2-check.h. */
#include "qcow2-check.h"
#include "qcow2-refcount.h"

enum { BITMAP_ENTRY_BYTES = 8 };

static int snapshot_count(struct qcow2_checker *c, const struct qcow2_snapshot *snapshot)
{
    const struct fmt_snapshot *facts = &snapshot->facts;

    if (snapshot->l1_off % c->state->cluster_bytes != 0) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_SNAPSHOT_L1_OFFSET, FMT_STR(facts->id),
                      FMT_STR(facts->name), FMT_NUM(snapshot->l1_off));
        c->result->corruptions++;
        return 0;
    }
    if (snapshot->l1_entries > QCOW2_L1_BYTES_MAX / QCOW2_ENTRY_BYTES) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_SNAPSHOT_L1_SIZE, FMT_STR(facts->id),
                      FMT_STR(facts->name), FMT_NUM(snapshot->l1_entries));
        c->result->corruptions++;
        return 0;
    }
    return qcow2_l1_check(c, snapshot->l1_off, snapshot->l1_entries, false);
}

static int snapshots_count(struct qcow2_checker *c)
{
    const struct qcow2_header *h = &c->state->header;
    int r = 0;

    if (c->state->has_data_file && h->snapshot_count) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_SNAPSHOTS_DATA_FILE, FMT_NUM(h->snapshot_count));
        c->result->corruptions++;
    }
    for (uint32_t i = 0; r == 0 && i < h->snapshot_count; i++)
        r = snapshot_count(c, &c->state->snapshot[i]);
    return r < 0 ? r : qcow2_range_count(c, h->snapshots_off, c->state->snapshots_bytes);
}

/* The clusters of a bitmap. Its table must be right as a whole before they are counted. */
static int bitmap_count(struct qcow2_checker *c, const struct qcow2_bitmap *bitmap)
{
    struct fmt_cache *tables = &c->state->tables;
    uint64_t entry;

    int r = qcow2_range_count(c, bitmap->table_off,
                              (uint64_t)bitmap->table_entries * BITMAP_ENTRY_BYTES);
    if (r < 0)
        return r;
    r = qcow2_bitmap_table_check(c->image, bitmap);
    if (r < 0) {
        c->result->corruptions++;
        return r;
    }
    for (uint32_t i = 0; r == 0 && i < bitmap->table_entries; i++) {
        r = fmt_cache_be64(tables, bitmap->table_off + (uint64_t)i * BITMAP_ENTRY_BYTES, &entry);
        if (r == 0 && entry & QCOW2_OFFSET_MASK)
            r = qcow2_range_count(c, entry & QCOW2_OFFSET_MASK, c->state->cluster_bytes);
    }
    return r;
}

static int bitmaps_count(struct qcow2_checker *c)
{
    const struct qcow2_state *state = c->state;

    if (state->bitmap_count == 0)
        return 0;
    int r = qcow2_range_count(c, state->bitmap_directory_off, state->bitmap_directory_bytes);
    for (uint32_t i = 0; r == 0 && i < state->bitmap_count; i++)
        r = bitmap_count(c, &state->bitmap[i]);
    return r;
}

static int references_count(struct qcow2_checker *c)
{
    const struct qcow2_state *state = c->state;
    const struct qcow2_header *h = &state->header;
    const struct qcow2_refcounts *refcounts = &state->refcounts;

    int r = qcow2_range_count(c, 0, state->cluster_bytes);
    if (r == 0)
        r = qcow2_l1_check(c, h->l1_off, h->l1_entries, true);
    if (r == 0)
        r = snapshots_count(c);
    if (r == 0)
        r = qcow2_range_count(c, refcounts->table_off,
                              refcounts->table_entries * QCOW2_ENTRY_BYTES);
    if (r == 0)
        r = qcow2_range_count(c, state->crypto_off, state->crypto_bytes);
    if (r == 0)
        r = bitmaps_count(c);
    return r < 0 ? r : qcow2_blocks_check(c);
}

/* What is needed before anything can be counted. */
static int checker_init(struct qcow2_checker *c)
{
    struct qcow2_state *state = c->state;
    const struct qcow2_file file = {c->image->env, c->image->device, state};

    int r = io_sector_bytes(c->image->env, c->image->device, &c->file_bytes);
    if (r < 0)
        return r;
    c->clusters = div_up_u64(c->file_bytes, state->cluster_bytes);
    if (c->clusters > QCOW2_CHECK_CLUSTERS_MAX)
        return -FMT_EFBIG;
    c->result->total_clusters = div_up_u64(c->image->facts.virtual_bytes, state->cluster_bytes);
    c->entries_left = QCOW2_CHECK_ENTRIES_MAX;
    if (!state->has_data_file)
        c->plain_mask = QCOW2_COPIED | (QCOW2_OFFSET_MASK & ~(state->cluster_bytes - 1));
    c->buffer = fmt_arena_buffer(c->image->env->arena, QCOW2_CHECK_BUFFER_BYTES, 4096);
    if (!c->buffer)
        return -FMT_ENOMEM;
    r = state->refcounts.table_entries ? qcow2_refcounts_load(&file) : 0;
    return r < 0 ? r : qcow2_counts_init(c);
}

/* Count what is there once more, against refcounts that were just made. */
static int rebuilt_check(struct qcow2_checker *c, const struct fmt_check *before)
{
    struct fmt_check *result = c->result, saved;
    unsigned fix = c->fix;

    result->corruptions = 0;
    result->leaks = 0;
    c->rebuild = false;
    c->entries_left = QCOW2_CHECK_ENTRIES_MAX;
    qcow2_counts_clear(c);
    int r = io_sector_bytes(c->image->env, c->image->device, &c->file_bytes);
    if (r < 0)
        return r;
    c->fix = 0; /* nothing but the old refcounts, which are leaked now, is mended */
    r = references_count(c);
    c->fix = fix;
    if (r < 0)
        return r;
    saved = *result;
    qcow2_counts_compare(c, FMT_FIX_LEAKS);
    if (c->rebuild)
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_REBUILD_BROKEN);
    uint64_t fresh_leaks = result->leaks - saved.leaks;
    *result = saved;
    if (result->corruptions < before->corruptions)
        result->corruptions_fixed += before->corruptions - result->corruptions;
    if (result->leaks < before->leaks)
        result->leaks_fixed += before->leaks - result->leaks;
    result->leaks += fresh_leaks;
    return 0;
}

/* Mend refcounts, where that is asked for. @counted: the result before they were compared. */
static int refcounts_fix(struct qcow2_checker *c, const struct fmt_check *counted)
{
    struct fmt_check before = *c->result;

    if (c->rebuild && c->fix & FMT_FIX_ERRORS) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_REBUILD);
        int r = qcow2_refcounts_rebuild(c);
        return r < 0 ? r : rebuilt_check(c, &before);
    }
    if (c->rebuild) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_REBUILD_NEEDED);
        c->result->check_errors++;
        return -FMT_EIO;
    }
    if (before.leaks || before.corruptions) {
        *c->result = *counted;
        qcow2_counts_compare(c, c->fix);
    }
    return 0;
}

static int refcounts_check(struct qcow2_checker *c)
{
    int r = checker_init(c);
    if (r < 0) {
        c->result->check_errors++;
        return r;
    }
    r = references_count(c);
    if (r < 0)
        return r;
    struct fmt_check counted = *c->result;
    qcow2_counts_compare(c, 0);
    if (c->fix)
        r = refcounts_fix(c, &counted);
    if (r == 0 && (c->copied_doubtful || c->fix))
        r = qcow2_copied_check(c);
    if (r < 0)
        return r;
    c->result->image_end_offset = (c->highest + 1) * c->state->cluster_bytes;
    c->result->has_image_end_offset = true;
    return 0;
}

/* What a part of the check has counted, into the whole. */
static void result_add(struct fmt_check *to, const struct fmt_check *part)
{
    to->corruptions += part->corruptions;
    to->leaks += part->leaks;
    to->check_errors += part->check_errors;
    to->corruptions_fixed += part->corruptions_fixed;
    to->leaks_fixed += part->leaks_fixed;
}

int qcow2_check(struct fmt_image *image, struct fmt_check *check, unsigned fix)
{
    struct qcow2_checker *c = fmt_alloc(image->env, sizeof(*c));
    struct fmt_check snapshots = {.finding = check->finding, .finding_ctx = check->finding_ctx};

    if (((struct qcow2_state *)image->state)->unusable)
        return -FMT_ENOMEDIUM;
    if (!c)
        return -FMT_ENOMEM;
    *c = (struct qcow2_checker){
        .image = image, .state = image->state, .result = &snapshots, .fix = fix};
    int r = qcow2_snapshots_check(c);
    c->result = check;
    if (r == 0)
        r = refcounts_check(c);
    c->result = &snapshots;
    if (r == 0)
        r = qcow2_snapshots_mend(c);
    c->result = check;
    result_add(check, &snapshots);
    if (r == 0 && fix && !check->check_errors && !check->corruptions)
        return qcow2_marks_clear(c);
    int flushed = fix ? fmt_cache_flush(&c->state->tables) : 0;
    return r < 0 ? r : flushed;
}
