/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: checking and mending the table of internal snapshots; see qcow2-check.h. */
#include "qcow2-check.h"
#include "qcow2-counts.h"
#include "qcow2-refcount.h"

enum { EXTRA_V3_BYTES = 16 }; /* that entries of version 3 must have */

/* Tell why the snapshot table cannot be read, which open records as an error. */
static void snapshots_failed(const struct qcow2_checker *c)
{
    struct fmt_env *env = c->image->env;
    const struct fmt_error *error = env->error;

    fmt_message(env, FMT_MESSAGE_FRAGMENT, FMT_ERR_QCOW2_CHECK_SNAPSHOTS_READ);
    for (unsigned i = 0; i < error->frames; i++)
        env->io->message(env->io_ctx, FMT_MESSAGE_PLAIN, error->frame[i].code, error->frame[i].arg,
                         error->frame[i].args);
    fmt_error_clear(env->error);
    c->result->check_errors++;
}

/* Where the table lies, and how long it is. */
static int place_check(struct qcow2_checker *c)
{
    struct qcow2_header *h = &c->state->header;
    struct fmt_env *env = c->image->env;

    if (h->snapshot_count > QCOW2_SNAPSHOTS_MAX && c->fix & FMT_FIX_ERRORS) {
        uint32_t over = h->snapshot_count - QCOW2_SNAPSHOTS_MAX;
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_SNAPSHOTS_OVER, FMT_NUM(over));
        c->result->corruptions += over;
        h->snapshot_count = QCOW2_SNAPSHOTS_MAX;
    }
    if (h->snapshot_count > QCOW2_SNAPSHOTS_MAX) {
        fmt_message(env, FMT_MESSAGE_ERROR, FMT_ERR_QCOW2_CHECK_SNAPSHOTS_SIZE);
        fmt_message(env, FMT_MESSAGE_PLAIN, FMT_ERR_QCOW2_CHECK_SNAPSHOTS_REST,
                    FMT_NUM(h->snapshot_count - QCOW2_SNAPSHOTS_MAX));
        return -FMT_EFBIG;
    }
    if (h->snapshots_off > INT64_MAX - (uint64_t)h->snapshot_count * QCOW2_SNAPSHOT_HEAD_BYTES ||
        h->snapshots_off % c->state->cluster_bytes != 0) {
        fmt_message(env, FMT_MESSAGE_ERROR, FMT_ERR_QCOW2_CHECK_SNAPSHOTS_OFFSET);
        return -FMT_EINVAL;
    }
    return 0;
}

/* The header must not name more snapshots than the check goes by. What the others had is leaked,
 * and found so. */
static int count_write(struct qcow2_checker *c, uint32_t over)
{
    struct fmt_env *env = c->image->env;
    uint8_t bytes[4];

    be32_store(bytes, c->state->header.snapshot_count);
    int r = fmt_cache_write(&c->state->tables, QCOW2_SNAPSHOT_COUNT_OFF, bytes, sizeof(bytes));
    if (r == 0)
        r = fmt_cache_flush(&c->state->tables);
    if (r == 0)
        r = io_flush(env, c->image->device);
    if (r < 0) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_SNAPSHOTS_COUNT, FMT_NUM(-r));
        c->result->check_errors++;
        return r;
    }
    c->result->corruptions -= over;
    c->result->corruptions_fixed += over;
    return 0;
}

int qcow2_snapshots_check(struct qcow2_checker *c)
{
    const struct qcow2_header *h = &c->state->header;
    uint32_t count = h->snapshot_count;

    int r = place_check(c);
    if (r < 0) {
        c->result->check_errors++;
        return r;
    }
    r = qcow2_snapshots_read(c->image, c->fix & FMT_FIX_ERRORS ? c : NULL);
    if (r < 0) {
        snapshots_failed(c);
        return r;
    }
    if (h->snapshot_count < count)
        r = count_write(c, count - h->snapshot_count);
    for (uint32_t i = 0; r == 0 && h->version >= 3 && i < h->snapshot_count; i++) {
        if (c->state->snapshot[i].extra_bytes >= EXTRA_V3_BYTES)
            continue;
        c->result->corruptions++;
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_SNAPSHOT_SHORT, FMT_TXT(qcow2_verb(c, FMT_FIX_ERRORS)),
                      FMT_NUM(i));
    }
    return r;
}

/* ---- mending ---- */

static uint32_t extra_bytes(const struct qcow2_snapshot *snapshot)
{
    return snapshot->extra_bytes > QCOW2_SNAPSHOT_EXTRA_BYTES ? snapshot->extra_bytes
                                                              : QCOW2_SNAPSHOT_EXTRA_BYTES;
}

/* Bytes that the table takes once it is written anew. */
static uint64_t table_bytes(const struct qcow2_state *state)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < state->header.snapshot_count; i++) {
        const struct qcow2_snapshot *snapshot = &state->snapshot[i];
        bytes = round_up_u64(bytes, QCOW2_SNAPSHOT_ALIGN_BYTES) + QCOW2_SNAPSHOT_HEAD_BYTES +
                extra_bytes(snapshot) + snapshot->facts.id.length + snapshot->facts.name.length;
    }
    return bytes;
}

/* Write bytes at *@off, which moves behind them: past the cache, so that the file ends with them.
 */
static int put(const struct qcow2_file *file, uint64_t *off, const void *from, size_t length)
{
    int r = length ? io_write(file->env, file->device, *off, from, length) : 0;
    *off += length;
    return r;
}

/* The head of an entry, and the extra data that is known. */
static void head_make(const struct qcow2_snapshot *snapshot, uint8_t *head)
{
    const struct fmt_snapshot *facts = &snapshot->facts;
    uint8_t *extra = head + QCOW2_SNAPSHOT_HEAD_BYTES;

    be64_store(head, snapshot->l1_off);
    be32_store(head + 8, snapshot->l1_entries);
    be16_store(head + 12, (uint16_t)facts->id.length);
    be16_store(head + 14, (uint16_t)facts->name.length);
    be32_store(head + 16, facts->date_seconds);
    be32_store(head + 20, facts->date_nanoseconds);
    be64_store(head + 24, facts->vm_clock_nanoseconds);
    /* What has no room is 0 here: programs that know nothing else see no VM state. */
    be32_store(head + 32,
               facts->vm_state_bytes <= UINT32_MAX ? (uint32_t)facts->vm_state_bytes : 0);
    be32_store(head + 36, extra_bytes(snapshot));
    be64_store(extra, facts->vm_state_bytes);
    be64_store(extra + 8, facts->virtual_bytes);
    be64_store(extra + 16, (uint64_t)facts->icount);
}

static int entry_write(const struct qcow2_file *file, const struct qcow2_snapshot *snapshot,
                       uint64_t *off)
{
    uint8_t head[QCOW2_SNAPSHOT_HEAD_BYTES + QCOW2_SNAPSHOT_EXTRA_BYTES];
    uint8_t unknown[QCOW2_SNAPSHOT_EXTRA_BYTES_MAX];
    size_t unknown_bytes = extra_bytes(snapshot) - QCOW2_SNAPSHOT_EXTRA_BYTES;

    head_make(snapshot, head);
    int r = put(file, off, head, sizeof(head));
    if (r == 0 && unknown_bytes > 0)
        r = fmt_cache_read(&file->state->tables, snapshot->extra_off, unknown, unknown_bytes);
    if (r == 0 && unknown_bytes > 0)
        r = put(file, off, unknown, unknown_bytes);
    if (r == 0)
        r = put(file, off, snapshot->facts.id.data, snapshot->facts.id.length);
    if (r == 0)
        r = put(file, off, snapshot->facts.name.data, snapshot->facts.name.length);
    return r;
}

/* Have all of it on the disk. */
static int settle(const struct qcow2_file *file)
{
    int r = qcow2_refcounts_flush(file);
    return r < 0 ? r : io_flush(file->env, file->device);
}

/* Write the table to @table_off, then let the header name it. */
static int table_write(const struct qcow2_file *file, uint64_t table_off)
{
    struct qcow2_state *state = file->state;
    uint64_t off = table_off;
    uint8_t place[12];
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < state->header.snapshot_count; i++) {
        off = table_off + round_up_u64(off - table_off, QCOW2_SNAPSHOT_ALIGN_BYTES);
        r = entry_write(file, &state->snapshot[i], &off);
    }
    fmt_cache_drop(&state->tables); /* nothing in it has changed */
    if (r == 0)
        r = settle(file);
    be32_store(place, state->header.snapshot_count);
    be64_store(place + 4, table_off);
    if (r == 0)
        r = fmt_cache_write(&state->tables, QCOW2_SNAPSHOT_COUNT_OFF, place, sizeof(place));
    return r < 0 ? r : settle(file);
}

/* The clusters of the old table, whose space the file system gets back. */
static int old_free(const struct qcow2_file *file, uint64_t offset, uint64_t bytes)
{
    uint64_t cluster_bytes = file->state->cluster_bytes, count;

    int r = qcow2_clusters_free(file, offset, bytes);
    for (uint64_t at = offset; r == 0 && at < offset + bytes; at += cluster_bytes) {
        r = qcow2_count_get(file, at / cluster_bytes, &count);
        if (r == 0 && count == 0)
            file->env->io->discard(file->env->io_ctx, file->device, at, cluster_bytes);
    }
    return r;
}

static int table_replace(struct qcow2_checker *c)
{
    struct qcow2_state *state = c->state;
    const struct qcow2_file file = {c->image->env, c->image->device, state};
    uint64_t bytes = table_bytes(state), table_off;

    if (bytes > QCOW2_SNAPSHOTS_BYTES_MAX)
        return -FMT_EFBIG;
    int r = qcow2_clusters_take(&file, bytes, &table_off);
    if (r < 0)
        return r;
    r = settle(&file);
    if (r == 0 && bytes > 0)
        r = qcow2_write_check(c, table_off, bytes, 0);
    if (r == 0)
        r = table_write(&file, table_off);
    if (r < 0) {
        qcow2_clusters_free(&file, table_off, bytes);
        return r;
    }
    uint64_t old_off = state->header.snapshots_off, old_bytes = state->snapshots_bytes;
    state->header.snapshots_off = table_off;
    state->snapshots_bytes = bytes;
    return old_free(&file, old_off, old_bytes);
}

int qcow2_snapshots_mend(struct qcow2_checker *c)
{
    struct fmt_check *result = c->result;

    if (!(c->fix & FMT_FIX_ERRORS) || result->corruptions == 0)
        return 0;
    int r = table_replace(c);
    if (r < 0) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_SNAPSHOTS_WRITE, FMT_NUM(-r));
        result->check_errors++;
        return r;
    }
    result->corruptions_fixed += result->corruptions;
    result->corruptions = 0;
    return 0;
}
