/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: the table of internal snapshots. */
#include "qcow2-check.h"

/* Reading the table from its start on. */
struct cursor {
    struct fmt_cache *cache;
    uint64_t off;
    uint64_t cut_bytes; /* of extra data, by a repair */
};

static int take(struct cursor *at, void *to, size_t length)
{
    if (!io_range_ok(at->off, length))
        return -FMT_EIO;
    int r = fmt_cache_read(at->cache, at->off, to, length);
    at->off += length;
    return r;
}

/* A text of the entry: it ends at the first NUL. */
static int text_take(struct fmt_env *env, struct cursor *at, size_t length, struct fmt_bytes *text)
{
    char *data = fmt_arena_buffer(env->arena, length + 1, 1);

    if (!data)
        return -FMT_ENOMEM;
    int r = take(at, data, length);
    data[length] = '\0';
    *text = fmt_bytes_of(data);
    return r;
}

/* The fields that later versions added. */
static int extra_take(struct cursor *at, uint32_t bytes, struct fmt_snapshot *facts)
{
    uint8_t extra[QCOW2_SNAPSHOT_EXTRA_BYTES];
    size_t known = (size_t)min_u64(bytes, sizeof(extra));

    int r = take(at, extra, known);
    at->off += bytes - known;
    if (r < 0)
        return r;
    if (bytes >= 8)
        facts->vm_state_bytes = be64_load(extra);
    if (bytes >= 16)
        facts->virtual_bytes = be64_load(extra + 8);
    facts->icount = bytes >= 24 ? (int64_t)be64_load(extra + 16) : -1;
    return 0;
}

/* Extra data that is too long is an error, or cut by a repair. */
static int extra_judge(struct fmt_image *image, struct qcow2_checker *repair, struct cursor *at,
                       uint32_t index, struct qcow2_snapshot *snapshot)
{
    if (snapshot->extra_bytes <= QCOW2_SNAPSHOT_EXTRA_BYTES_MAX)
        return 0;
    if (!repair) {
        fmt_fail(image->env, FMT_EFBIG, FMT_ERR_QCOW2_SNAPSHOT_EXTRA, FMT_NUM(index));
        return fmt_fail(image->env, FMT_EFBIG, FMT_ERR_QCOW2_SNAPSHOT_EXTRA_HINT);
    }
    qcow2_finding(repair, FMT_ERR_QCOW2_CHECK_SNAPSHOT_EXTRA, FMT_NUM(index),
                  FMT_NUM(snapshot->extra_bytes), FMT_NUM(QCOW2_SNAPSHOT_EXTRA_BYTES_MAX));
    repair->result->corruptions++;
    at->cut_bytes += snapshot->extra_bytes - QCOW2_SNAPSHOT_EXTRA_BYTES_MAX;
    snapshot->extra_bytes = QCOW2_SNAPSHOT_EXTRA_BYTES_MAX;
    return 0;
}

static int entry_read(struct fmt_image *image, struct qcow2_checker *repair, struct cursor *at,
                      uint32_t index, struct qcow2_snapshot *snapshot)
{
    uint8_t head[QCOW2_SNAPSHOT_HEAD_BYTES];

    at->off = round_up_u64(at->off, QCOW2_SNAPSHOT_ALIGN_BYTES);
    int r = take(at, head, sizeof(head));
    if (r < 0)
        return r;
    uint32_t extra_bytes = be32_load(head + 36);
    *snapshot = (struct qcow2_snapshot){
        .l1_off = be64_load(head),
        .l1_entries = be32_load(head + 8),
        .extra_bytes = extra_bytes,
        .extra_off = at->off + QCOW2_SNAPSHOT_EXTRA_BYTES,
        .facts = {.date_seconds = be32_load(head + 16),
                  .date_nanoseconds = be32_load(head + 20),
                  .vm_clock_nanoseconds = be64_load(head + 24),
                  .vm_state_bytes = be32_load(head + 32),
                  .virtual_bytes = image->facts.virtual_bytes},
    };
    r = extra_judge(image, repair, at, index, snapshot);
    if (r == 0)
        r = extra_take(at, extra_bytes, &snapshot->facts);
    if (r == 0)
        r = text_take(image->env, at, be16_load(head + 12), &snapshot->facts.id);
    if (r == 0)
        r = text_take(image->env, at, be16_load(head + 14), &snapshot->facts.name);
    return r;
}

/* The table has grown too large with the snapshot at @index: an error, or the table's end. */
static int table_end(struct fmt_image *image, struct qcow2_checker *repair, uint32_t index)
{
    struct qcow2_header *h = &((struct qcow2_state *)image->state)->header;
    uint32_t over = h->snapshot_count - index;

    if (!repair) {
        fmt_fail(image->env, FMT_EFBIG, FMT_ERR_QCOW2_SNAPSHOTS_BIG);
        return fmt_fail(image->env, FMT_EFBIG, FMT_ERR_QCOW2_SNAPSHOTS_BIG_HINT, FMT_NUM(over));
    }
    qcow2_finding(repair, FMT_ERR_QCOW2_CHECK_SNAPSHOTS_OVER_SIZE, FMT_NUM(over));
    repair->result->corruptions += over;
    h->snapshot_count = index;
    return 0;
}

int qcow2_snapshots_read(struct fmt_image *image, struct qcow2_checker *repair)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_header *h = &state->header;
    struct fmt_env *env = image->env;
    struct cursor at = {.cache = &state->tables, .off = h->snapshots_off};
    uint64_t end_off = at.off;
    int r = 0;

    state->snapshots_bytes = 0;
    if (h->snapshot_count == 0)
        return 0;
    state->snapshot = fmt_alloc(env, h->snapshot_count * sizeof(*state->snapshot));
    if (!state->snapshot)
        return -FMT_ENOMEM;
    for (uint32_t i = 0; r == 0 && i < h->snapshot_count; i++) {
        r = entry_read(image, repair, &at, i, &state->snapshot[i]);
        if (r < 0)
            return env->error->frames
                       ? r
                       : fmt_fail(env, -r, FMT_ERR_QCOW2_SNAPSHOTS_READ, FMT_NUM(-r));
        uint64_t bytes = at.off - h->snapshots_off;
        if (bytes > INT32_MAX || bytes - at.cut_bytes > QCOW2_SNAPSHOTS_BYTES_MAX)
            r = table_end(image, repair, i);
        else
            end_off = at.off;
    }
    image->facts.snapshot_count = h->snapshot_count;
    state->snapshots_bytes = end_off - h->snapshots_off;
    return r;
}

int qcow2_snapshot_get(struct fmt_image *image, uint32_t index, struct fmt_snapshot *out)
{
    const struct qcow2_state *state = image->state;
    *out = state->snapshot[index].facts;
    return 0;
}

int qcow2_snapshot_load(struct fmt_image *image, uint32_t index)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_snapshot *snapshot = &state->snapshot[index];
    uint64_t bytes = (uint64_t)snapshot->l1_entries * QCOW2_ENTRY_BYTES;
    struct fmt_env *env = image->env;

    if (bytes > QCOW2_L1_BYTES_MAX)
        return fmt_fail(env, FMT_EFBIG, FMT_ERR_QCOW2_SNAPSHOT_L1_SIZE);
    if (snapshot->l1_off > INT64_MAX - bytes || snapshot->l1_off % state->cluster_bytes != 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_SNAPSHOT_L1_OFFSET);
    if (!io_range_ok(snapshot->l1_off, bytes))
        return fmt_fail(env, FMT_EIO, FMT_ERR_QCOW2_SNAPSHOT_L1_READ);
    /* The disk keeps its present size: what the snapshot does not have reads as zeroes. */
    state->header.l1_off = snapshot->l1_off;
    state->header.l1_entries = snapshot->l1_entries;
    return 0;
}
