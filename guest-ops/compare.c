/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparing disks, stretch by stretch; see compare.h. */
#include "compare.h"

#include <string.h>

#include "sparse.h"
#include "team.h"

/* A range about which both images say the same thing throughout, each for itself. */
struct stretch {
    uint64_t offset, bytes;
    bool has[2]; /* bytes that are to be read */
    uint8_t *data[2];
    /* Bytes of two files as they are: the host compares them, and they stay where they are. */
    bool is_hosted;
    uint32_t device[2];
    uint64_t device_off[2];
    struct abi_completion done;
};

struct compare_worker {
    struct guest *g;
    struct compare *compare;
    uint8_t *buffer[2];
    struct fmt_decoder decoder;
    unsigned count;
    struct stretch stretch[COMPARE_STRETCHES_MAX];
    struct reads reads; /* tag: stretch * 2 + image */
};

/* Something at @offset ends the comparison, unless something before it does. With the lock. */
static void event_keep(struct compare *c, uint64_t offset, enum compare_event event,
                       uint64_t event_off)
{
    if (offset >= c->ends_at)
        return;
    c->ends_at = offset;
    c->event = event;
    c->event_off = event_off;
    c->status = 0;
}

static void error_keep(struct compare *c, uint64_t offset, unsigned image, bool is_read, int status)
{
    if (offset >= c->ends_at)
        return;
    event_keep(c, offset, COMPARE_EQUAL, offset);
    c->status = status;
    c->image = image;
    c->is_read = is_read;
}

/* What is known of the range; *bytes: how much of it that holds for. */
static int status_find(struct compare *c, unsigned i, uint64_t *bytes, unsigned *flags,
                       struct stretch *s)
{
    enum { REACHES_END = 1 << 16 };
    struct chain *chain = &c->chain[i];
    struct chain_extent found;
    uint64_t rest = chain->top->facts.virtual_bytes - c->at;
    int r = chain_extent_find(chain, c->at, rest, CHAIN_STATUS | CHAIN_AS_TOLD, &found);

    if (r < 0)
        return r;
    s->is_hosted &= found.extent.kind == FMT_EXTENT_DATA &&
                    found.extent.device < LAYER_DEVICE_FIRST && found.told_bytes <= found.length;
    s->device[i] = found.extent.device;
    s->device_off[i] = found.extent.device_off;
    /* Files may end within a sector; disks do not. */
    *bytes = found.told_bytes == rest ? c->bytes[i] - c->at : found.told_bytes;
    *flags = found.flags;
    if (found.told_bytes == rest)
        *flags |= REACHES_END;
    return 0;
}

/* Find the next stretch, where both disks are. False: the comparison ends. */
static bool stretch_find(struct compare *c, struct stretch *s)
{
    unsigned flags[2];
    uint64_t bytes[2];

    *s = (struct stretch){.offset = c->at, .is_hosted = true};
    for (unsigned i = 0; i < 2; i++) {
        int r = status_find(c, i, &bytes[i], &flags[i], s);
        if (r < 0) {
            error_keep(c, c->at, i, false, r);
            return false;
        }
    }
    if (c->strict && flags[0] != flags[1]) {
        event_keep(c, c->at, COMPARE_STATUS, c->at);
        return false;
    }
    bool present[2] = {flags[0] & ABI_MAP_PRESENT, flags[1] & ABI_MAP_PRESENT};
    bool zero = flags[0] & flags[1] & ABI_MAP_ZERO;
    s->bytes = min_u64(bytes[0], bytes[1]);
    for (unsigned n = 0; n < 2; n++)
        s->has[n] = !zero && present[n];
    s->is_hosted &= s->has[0] && s->has[1];
    return true;
}

/* The same where only one disk is. */
static bool stretch_find_over(struct compare *c, struct stretch *s)
{
    unsigned longer = c->bytes[1] > c->bytes[0], flags;

    *s = (struct stretch){.offset = c->at};
    int r = status_find(c, longer, &s->bytes, &flags, s);
    if (r < 0) {
        error_keep(c, c->at, longer, false, r);
        return false;
    }
    s->has[longer] = flags & ABI_MAP_PRESENT && !(flags & ABI_MAP_ZERO);
    return true;
}

static void stretch_read(struct compare_worker *w, const struct stretch *s)
{
    struct compare *c = w->compare;

    if (s->is_hosted)
        return;

    for (unsigned i = 0; i < 2; i++) {
        int r = s->has[i] ? reads_begin(&w->reads, &c->chain[i], s->offset, s->data[i], s->bytes,
                                        (uint64_t)w->count * 2 + i)
                          : 0;
        if (r < 0) {
            fmt_error_clear(c->env->error);
            error_keep(c, s->offset, i, true, r);
        }
    }
}

/* The stretch is equal. In order only if there is one vCPU, as where progress is shown. */
static void progress_tell(const struct compare_worker *w, const struct stretch *s)
{
    const struct compare *c = w->compare;
    uint64_t total = c->bytes[0] > c->bytes[1] ? c->bytes[0] : c->bytes[1];
    const struct abi_request request = {
        .kind = ABI_REQ_PROGRESS, .offset = s->offset + s->bytes, .length = total};

    if (c->progress)
        ring_call(w->g, &request, NULL);
}

/* Take stretches of a buffer's length, and begin to read them. False: there are none. */
static bool claim(struct compare_worker *w)
{
    struct compare *c = w->compare;
    uint64_t both = min_u64(c->bytes[0], c->bytes[1]), used = 0, hosted = 0;
    uint64_t end = c->bytes[0] > c->bytes[1] ? c->bytes[0] : c->bytes[1];

    w->count = w->reads.count = 0;
    team_lock(w->g, &c->lock);
    c->env->io_ctx = w->g;
    while (c->at < end && c->at < c->ends_at && w->count < COMPARE_STRETCHES_MAX) {
        struct stretch *s = &w->stretch[w->count];
        if (!(c->at < both ? stretch_find(c, s) : stretch_find_over(c, s)))
            break;
        bool read = !s->is_hosted && (s->has[0] || s->has[1]);
        if (read || s->is_hosted)
            s->bytes = min_u64(s->bytes, COMPARE_BUFFER_BYTES);
        if ((read && s->bytes > COMPARE_BUFFER_BYTES - used) || hosted >= COMPARE_HOSTED_BYTES)
            break;
        s->data[0] = w->buffer[0] + used;
        s->data[1] = w->buffer[1] + used;
        if (read)
            used += s->bytes;
        hosted += s->is_hosted ? s->bytes : 0;
        stretch_read(w, s);
        c->at += s->bytes;
        w->count++;
    }
    team_unlock(&c->lock);
    return w->count > 0;
}

/* Where the bytes of a stretch differ: in units of sectors, where both have some. */
static bool stretch_differs(const struct stretch *s, uint64_t *offset)
{
    uint64_t at = 0;

    if (s->is_hosted) {
        *offset = s->offset + s->done.value / FMT_SECTOR_BYTES * FMT_SECTOR_BYTES;
        return s->done.value < s->bytes;
    }
    if (s->has[0] && s->has[1]) {
        if (memcmp(s->data[0], s->data[1], s->bytes) == 0)
            return false;
        while (s->bytes - at > FMT_SECTOR_BYTES &&
               memcmp(s->data[0] + at, s->data[1] + at, FMT_SECTOR_BYTES) == 0)
            at += FMT_SECTOR_BYTES;
    } else {
        const uint8_t *data = s->has[0] ? s->data[0] : s->data[1];
        if (!(s->has[0] || s->has[1]) || sparse_is_zero(data, s->bytes))
            return false;
        while (data[at] == 0)
            at++;
    }
    *offset = s->offset + at;
    return true;
}

/* Read the stretch anew, by itself: the host could not compare it, or its bytes are gone. */
static void stretch_retry(struct compare_worker *w, struct stretch *s)
{
    struct compare *c = w->compare;

    s->is_hosted = false;
    team_lock(w->g, &c->lock);
    c->env->io_ctx = w->g;
    for (unsigned i = 0; i < 2; i++) {
        s->data[i] = w->buffer[i];
        int r = s->has[i] ? chain_read(&c->chain[i], s->offset, s->data[i], s->bytes) : 0;
        if (r < 0)
            error_keep(c, s->offset, i, true, r);
    }
    team_unlock(&c->lock);
}

/* Let the host compare, with the next doorbell. */
static void hosted_post(struct compare_worker *w)
{
    for (unsigned i = 0; i < w->count; i++) {
        struct stretch *s = &w->stretch[i];
        const struct abi_request request = {.kind = ABI_REQ_COMPARE,
                                            .device = s->device[0],
                                            .offset = s->device_off[0],
                                            .length = s->bytes,
                                            .device2 = s->device[1],
                                            .offset2 = s->device_off[1]};
        if (s->is_hosted)
            ring_post_for(w->g, &request, &s->done);
    }
}

/* What was read, in order; with the lock only if there is something to tell. */
static void judge(struct compare_worker *w)
{
    struct compare *c = w->compare;
    bool lost = false;
    uint64_t offset;

    hosted_post(w);
    if (reads_wait(&w->reads) < 0) {
        team_lock(w->g, &c->lock);
        c->env->io_ctx = w->g;
        reads_retry(&w->reads);
        for (unsigned i = 0; i < w->reads.count; i++) {
            const struct read *read = &w->reads.read[i];
            error_keep(c, w->stretch[read->tag / 2].offset, read->tag % 2, true, read->status);
        }
        team_unlock(&c->lock);
    }
    for (unsigned i = 0; i < w->count && w->stretch[i].offset < c->ends_at; i++) {
        struct stretch *s = &w->stretch[i];
        lost |= s->is_hosted && s->done.status < 0;
        if (lost)
            stretch_retry(w, s);
        if (s->offset >= c->ends_at)
            return;
        if (!stretch_differs(s, &offset)) {
            progress_tell(w, s);
            continue;
        }
        team_lock(w->g, &c->lock);
        event_keep(c, s->offset, COMPARE_CONTENT, offset);
        team_unlock(&c->lock);
        return;
    }
}

void compare_work(struct guest *g, struct compare *compare)
{
    struct compare_worker *w = fmt_arena_alloc(&g->arena, sizeof(*w));

    for (unsigned i = 0; w && i < 2; i++)
        w->buffer[i] = fmt_arena_buffer(&g->arena, COMPARE_BUFFER_BYTES, ABI_PAGE_BYTES);
    if (!w || !w->buffer[0] || !w->buffer[1]) {
        team_lock(g, &compare->lock);
        error_keep(compare, 0, 0, true, -FMT_ENOMEM);
        team_unlock(&compare->lock);
        return;
    }
    w->g = w->reads.g = g;
    w->compare = compare;
    w->decoder.arena = &g->arena;
    reads_decode_with(&w->reads, &w->decoder); /* without memory, drivers do it */
    while (claim(w))
        judge(w);
}
