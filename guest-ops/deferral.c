/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deferred requests: work on one device that is waited for once instead of at each step.
 *
 * Changes are posted and said to have succeeded. They are chained: if one fails, the host does
 * nothing that came after it. Then the work is begun once more, and each of its requests answered
 * as before, up to the one that failed: that one's failure the work now learns as if it had waited
 * all along, and finds its own words for it.
 */
#include "guest.h"

#include <string.h>

enum {
    CALLS_MAX = 64,             /* well below ABI_RING_ENTRIES */
    STAGING_BYTES = 32 << 10,   /* what is to be written, until the host has it */
    STAGED_BYTES_MAX = 4 << 10, /* copying more takes longer than waiting */
    ANSWERS_BYTES = 1 << 10,
};

enum phase {
    RECORDING, /* changes are posted */
    FAILED,    /* one of them has failed: until the work returns, so does everything */
    REPLAYING, /* the work goes on as before, up to what failed */
    LIVE,      /* each request is waited for */
};

struct guest_deferral {
    uint32_t device;
    enum phase phase;
    uint32_t calls;  /* requests made so far */
    uint32_t failed; /* number of the one that failed, and its status */
    int failed_status;
    int status[CALLS_MAX]; /* of the posted ones; 0: not known yet, or answered at once */
    size_t staged_bytes;
    uint32_t answers_bytes, answers_read;
    uint8_t staging[STAGING_BYTES];
    uint8_t answers[ANSWERS_BYTES]; /* struct answer, each with its bytes behind it */
};

/* What a request that was waited for was answered; others succeeded. */
struct answer {
    uint32_t call;
    int32_t status;
    uint32_t bytes;
    uint32_t reserved;
};

/* Bytes that a request's answer has; -1: too much to keep. */
static int64_t answer_bytes(const struct abi_request *request)
{
    switch (request->kind) {
    case ABI_REQ_DEVICE:
        return sizeof(struct abi_device);
    case ABI_REQ_RANDOM:
        return request->length <= ANSWERS_BYTES ? (int64_t)request->length : -1;
    case ABI_REQ_WRITE:
    case ABI_REQ_ZERO:
    case ABI_REQ_DISCARD:
    case ABI_REQ_ALLOCATE:
    case ABI_REQ_TRUNCATE:
    case ABI_REQ_FLUSH:
        return 0;
    default:
        return -1;
    }
}

/* Keep an answer for a replay; false: there is no room for it. */
static bool answer_keep(struct guest_deferral *d, const struct abi_request *request,
                        const struct answer *answer)
{
    size_t room = ANSWERS_BYTES - d->answers_bytes;

    if (sizeof(*answer) + answer->bytes > room)
        return false;
    memcpy(d->answers + d->answers_bytes, answer, sizeof(*answer));
    d->answers_bytes += sizeof(*answer);
    if (answer->bytes)
        memcpy(d->answers + d->answers_bytes, (const void *)(uintptr_t)request->addr,
               answer->bytes);
    d->answers_bytes += answer->bytes;
    return true;
}

/* Look for the first posted request that has failed. */
static bool has_failed(struct guest_deferral *d)
{
    for (uint32_t call = 0; call < d->calls && call < CALLS_MAX; call++) {
        if (d->status[call] < 0) {
            d->failed = call;
            d->failed_status = d->status[call];
            d->phase = FAILED;
            return true;
        }
    }
    return false;
}

/* Post the change, if it is one; false: it must be waited for. */
static bool posted(struct guest *g, struct abi_request *request, uint32_t call)
{
    struct guest_deferral *d = g->deferral;
    uint8_t *staging = d->staging + d->staged_bytes;

    switch (request->kind) {
    case ABI_REQ_ZERO:
    case ABI_REQ_DISCARD:
    case ABI_REQ_ALLOCATE:
    case ABI_REQ_TRUNCATE:
    case ABI_REQ_FLUSH:
        break;
    case ABI_REQ_WRITE:
        if (request->length > STAGED_BYTES_MAX || request->length > STAGING_BYTES - d->staged_bytes)
            return false;
        memcpy(staging, (const void *)(uintptr_t)request->addr, request->length);
        request->addr = (uint64_t)(uintptr_t)staging;
        d->staged_bytes += request->length;
        break;
    default:
        return false;
    }
    request->flags |= ABI_CHAINED;
    ring_post(g, request, &d->status[call]);
    return true;
}

static int record(struct guest *g, struct abi_request *request, struct abi_completion *completion)
{
    struct guest_deferral *d = g->deferral;
    struct answer answer = {.call = d->calls};
    int64_t bytes = answer_bytes(request);
    bool other = request->device != d->device && request->kind != ABI_REQ_RANDOM;
    bool last = d->calls == CALLS_MAX || other || bytes < 0;

    if (!last)
        d->calls++;
    if (!last && posted(g, request, answer.call)) {
        *completion = (struct abi_completion){0};
        return 0;
    }
    request->flags |= ABI_CHAINED;
    answer.status = ring_call(g, request, completion);
    if (has_failed(d))
        return -FMT_EIO;
    d->staged_bytes = 0;
    answer.bytes = answer.status < 0 || last ? 0 : (uint32_t)bytes;
    if (last || !answer_keep(d, request, &answer))
        d->phase = LIVE;
    return answer.status;
}

static int replay(struct guest_deferral *d, const struct abi_request *request)
{
    uint32_t call = d->calls++;
    struct answer answer;

    if (call == d->failed) {
        d->phase = LIVE;
        return d->failed_status;
    }
    if (d->answers_read == d->answers_bytes)
        return 0;
    memcpy(&answer, d->answers + d->answers_read, sizeof(answer));
    if (answer.call != call)
        return 0;
    d->answers_read += sizeof(answer);
    if (answer.bytes)
        memcpy((void *)(uintptr_t)request->addr, d->answers + d->answers_read, answer.bytes);
    d->answers_read += answer.bytes;
    return answer.status;
}

int guest_call(struct guest *g, struct abi_request *request, struct abi_completion *completion)
{
    struct guest_deferral *d = g->deferral;
    struct abi_completion unused;

    if (!completion)
        completion = &unused;
    if (!d || d->phase == LIVE)
        return ring_call(g, request, completion);
    if (d->phase == RECORDING)
        return record(g, request, completion);
    *completion = (struct abi_completion){0};
    return d->phase == REPLAYING ? replay(d, request) : -FMT_EIO;
}

bool deferral_settle(struct guest *g)
{
    struct guest_deferral *d = g->deferral;

    if (d && d->phase == RECORDING) {
        ring_flush(g);
        if (!has_failed(d))
            d->phase = LIVE;
    }
    return !d || d->phase == LIVE;
}

int deferral_run(struct guest *g, uint32_t device, int (*work)(struct guest *g, void *ctx),
                 void *ctx, bool last)
{
    struct guest_deferral *d = fmt_arena_buffer(&g->arena, sizeof(*d), 64);
    size_t mark = fmt_arena_mark(&g->arena);
    const struct guest_device before = g->device[device];
    uint32_t random_left = g->random_left;

    if (!d)
        return work(g, ctx);
    memset(d, 0, offsetof(struct guest_deferral, staging));
    d->device = device;
    g->deferral = d;
    int r = work(g, ctx);
    if (r == 0 && last && d->phase == RECORDING)
        ring_finish(g);
    deferral_settle(g);
    if (d->phase == FAILED) {
        fmt_arena_release(&g->arena, mark);
        fmt_error_clear(&g->error);
        g->device[device] = before;
        g->random_left = random_left;
        d->calls = 0;
        d->phase = REPLAYING;
        r = work(g, ctx);
    }
    g->deferral = NULL;
    return r;
}
