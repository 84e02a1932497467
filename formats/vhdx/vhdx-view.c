/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX: the replayed log in memory; see vhdx-view.h.
 *
 * The bounds of all changes cut the file into pieces, each of which the newest change that covers
 * it owns. Changes may be many and overlap: so the pieces are given out newest first, and those
 * that are given already are skipped.
 */
#include "vhdx-view.h"

#define NOBODY UINT32_MAX

struct vhdx_view {
    struct fmt_env env;
    struct vhdx_log *log;
    uint64_t file_bytes;      /* that there are, in whole sectors of 512 bytes */
    uint64_t last_file_bytes; /* that there will be */
    struct vhdx_log_change *change;
    uint32_t changes;
    uint64_t *bound; /* sorted; piece i is [bound[i], bound[i + 1]) */
    size_t bounds;
    uint32_t *owner; /* of each piece: a change, or NOBODY */
};

/* ---- the pieces ---- */

static void heap_sift(uint64_t *heap, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child] < heap[child + 1])
            child++;
        if (heap[root] >= heap[child])
            return;
        uint64_t larger = heap[child];
        heap[child] = heap[root];
        heap[root] = larger;
    }
}

static void bounds_sort(uint64_t *bound, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        heap_sift(bound, i, count);
    for (size_t i = count; i-- > 1;) {
        uint64_t largest = bound[0];
        bound[0] = bound[i];
        bound[i] = largest;
        heap_sift(bound, 0, i);
    }
}

static size_t bounds_unique(uint64_t *bound, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || bound[i] != bound[kept - 1])
            bound[kept++] = bound[i];
    }
    return kept;
}

/* How many bounds there are at or before @offset. */
static size_t bounds_before(const struct vhdx_view *view, uint64_t offset)
{
    size_t low = 0, high = view->bounds;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->bound[middle] <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first piece from @piece on that is not given yet. */
static uint32_t piece_free(uint32_t *next, uint32_t piece)
{
    while (next[piece] != piece) {
        next[piece] = next[next[piece]];
        piece = next[piece];
    }
    return piece;
}

/* @next: for each bound, a piece from it on that may be free, at first itself. */
static void pieces_give(struct vhdx_view *view, uint32_t *next)
{
    for (uint32_t i = 0; i < view->bounds; i++) {
        next[i] = i;
        view->owner[i] = NOBODY;
    }
    for (uint32_t i = view->changes; i-- > 0;) {
        const struct vhdx_log_change *change = &view->change[i];
        uint32_t piece = (uint32_t)bounds_before(view, change->offset) - 1;
        uint32_t end = (uint32_t)bounds_before(view, change->offset + change->length) - 1;

        while ((piece = piece_free(next, piece)) < end) {
            view->owner[piece] = i;
            next[piece] = piece + 1;
        }
    }
}

static int change_keep(void *ctx, const struct vhdx_log_change *change)
{
    struct vhdx_view *view = ctx;

    if (change->length == 0)
        return 0;
    if (view->changes == VHDX_VIEW_CHANGES_MAX)
        return -FMT_EIO; /* the file changes meanwhile */
    view->change[view->changes++] = *change;
    return 0;
}

static int pieces_make(struct vhdx_view *view, const struct vhdx_log_sequence *sequence)
{
    struct fmt_env *env = view->log->image->env;
    size_t room = (size_t)sequence->descriptors + 1; /* no allocation of nothing */

    view->change = fmt_alloc(env, room * sizeof(*view->change));
    view->bound = fmt_alloc(env, 2 * room * sizeof(*view->bound));
    view->owner = fmt_alloc(env, 2 * room * sizeof(*view->owner));
    if (!view->change || !view->bound || !view->owner)
        return -FMT_ENOMEM;
    int r = vhdx_log_walk(view->log, sequence, change_keep, view);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < view->changes; i++) {
        view->bound[view->bounds++] = view->change[i].offset;
        view->bound[view->bounds++] = view->change[i].offset + view->change[i].length;
    }
    bounds_sort(view->bound, view->bounds);
    view->bounds = bounds_unique(view->bound, view->bounds);
    size_t mark = fmt_arena_mark(env->arena);
    uint32_t *next = fmt_alloc(env, 2 * room * sizeof(*next));
    if (next)
        pieces_give(view, next);
    fmt_arena_release(env->arena, mark);
    return next ? 0 : -FMT_ENOMEM;
}

/* The change that [@offset, *@end) is of; NULL: these are the file's own bytes. */
static const struct vhdx_log_change *change_find(const struct vhdx_view *view, uint64_t offset,
                                                 uint64_t *end)
{
    size_t before = bounds_before(view, offset);
    bool inside = before > 0 && before < view->bounds;

    *end = before < view->bounds ? view->bound[before] : UINT64_MAX;
    if (!inside || view->owner[before - 1] == NOBODY)
        return NULL;
    return &view->change[view->owner[before - 1]];
}

/* ---- reading ---- */

static int change_read(struct vhdx_view *view, const struct vhdx_log_change *change,
                       uint64_t offset, uint8_t *to, size_t length)
{
    uint8_t sector[VHDX_LOG_SECTOR_BYTES];

    if (change->is_zero) {
        memset(to, 0, length);
        return 0;
    }
    int r = vhdx_log_sector(view->log, change, sector);
    if (r == 0)
        memcpy(to, sector + (offset - change->offset), length);
    return r;
}

static int view_read(void *ctx, uint32_t device, uint64_t offset, void *buffer, size_t length)
{
    struct vhdx_view *view = ctx;
    const struct fmt_env *below = view->log->image->env;
    uint64_t end = offset + length, next;

    int r = below->io->read(below->io_ctx, device, offset, buffer, length);
    for (uint64_t at = offset; r == 0 && at < end; at = next) {
        const struct vhdx_log_change *change = change_find(view, at, &next);
        next = min_u64(next, end);
        if (change)
            r = change_read(view, change, at, (uint8_t *)buffer + (at - offset),
                            (size_t)(next - at));
    }
    return r;
}

static int view_facts(void *ctx, uint32_t device, struct fmt_device *facts)
{
    const struct vhdx_view *view = ctx;

    int r = io_facts(view->log->image->env, device, facts);
    if (r == 0 && facts->size_bytes < view->last_file_bytes)
        facts->size_bytes = view->last_file_bytes;
    return r;
}

/* All that the driver does with a file that it may not change. */
static const struct fmt_io_ops view_ops = {
    .read = view_read,
    .facts = view_facts,
};

void vhdx_view_extent(const struct vhdx_view *view, struct fmt_extent *extent)
{
    uint64_t end;
    const struct vhdx_log_change *change = change_find(view, extent->device_off, &end);
    bool is_behind = extent->device_off >= view->file_bytes;

    if (!change && !is_behind)
        end = min_u64(end, view->file_bytes);
    extent->length = min_u64(extent->length, end - extent->device_off);
    if (!change && !is_behind)
        return;
    extent->kind = change && !change->is_zero ? FMT_EXTENT_CODED : FMT_EXTENT_ZERO;
    extent->has_offset = false;
}

int vhdx_view_make(struct vhdx_log *log, const struct vhdx_log_sequence *sequence)
{
    struct fmt_image *image = log->image;
    struct vhdx_view *view = fmt_alloc(image->env, sizeof(*view));

    if (!view)
        return -FMT_ENOMEM;
    *view = (struct vhdx_view){.env = *image->env, .log = log};
    view->env.io = &view_ops;
    view->env.io_ctx = view;
    view->last_file_bytes = round_up_u64(sequence->last.last_file_bytes, VHDX_MIB);
    int r = io_sector_bytes(image->env, image->device, &view->file_bytes);
    if (r == 0)
        r = pieces_make(view, sequence);
    if (r < 0)
        return r;
    log->state->view = view;
    log->state->env = &view->env;
    return 0;
}
