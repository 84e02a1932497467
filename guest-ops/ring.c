/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's end of the ring. */
#include "doorbell.h"

/* Other cookies are addresses: of statuses, or, with the lowest bit set, of whole completions. */
enum { COOKIE_POSTED = 1, COOKIE_CALLED = 2, COOKIE_WHOLE = 1 };

/* Produce a request; nobody is told yet. */
static void push(struct guest *g, const struct abi_request *request, uint64_t cookie)
{
    struct abi_request *slot = &g->ring->sq[g->sq_tail % ABI_RING_ENTRIES];

    *slot = *request;
    slot->cookie = cookie;
    g->sq_tail++;
    __atomic_store_n(&g->ring->sq_tail, g->sq_tail, __ATOMIC_RELEASE);
}

static struct abi_completion pop(struct guest *g)
{
    if (__atomic_load_n(&g->ring->cq_tail, __ATOMIC_ACQUIRE) == g->completed)
        guest_panic(g, __LINE__);
    return g->ring->cq[g->completed++ % ABI_RING_ENTRIES];
}

/* Take a completion, and tell whoever wants to know. */
static struct abi_completion take(struct guest *g)
{
    struct abi_completion done = pop(g);

    if (done.cookie == COOKIE_POSTED || done.cookie == COOKIE_CALLED)
        return done;
    if (done.cookie & COOKIE_WHOLE)
        *(struct abi_completion *)(uintptr_t)(done.cookie - COOKIE_WHOLE) = done;
    else
        *(int *)(uintptr_t)done.cookie = done.status;
    return done;
}

static void post(struct guest *g, const struct abi_request *request, uint64_t cookie)
{
    if (g->posted == ABI_RING_ENTRIES - 1) /* one is left for a call */
        ring_flush(g);
    push(g, request, cookie);
    g->posted++;
}

void ring_post(struct guest *g, const struct abi_request *request, int *status)
{
    post(g, request, status ? (uint64_t)(uintptr_t)status : COOKIE_POSTED);
}

void ring_post_for(struct guest *g, const struct abi_request *request, struct abi_completion *done)
{
    post(g, request, (uint64_t)(uintptr_t)done + COOKIE_WHOLE);
}

void ring_flush(struct guest *g)
{
    if (g->posted > 0)
        doorbell_ring(g, g->posted);
    for (; g->posted > 0; g->posted--)
        take(g);
}

void ring_finish(struct guest *g)
{
    doorbell_done(g);
    for (; g->posted > 0; g->posted--)
        take(g);
}

int ring_call(struct guest *g, const struct abi_request *request, struct abi_completion *completion)
{
    struct abi_completion done = {0};

    push(g, request, COOKIE_CALLED);
    doorbell_ring(g, g->posted + 1);
    for (uint32_t i = 0; i < g->posted + 1; i++) {
        struct abi_completion next = take(g);
        if (next.cookie == COOKIE_CALLED)
            done = next;
    }
    g->posted = 0;
    if (completion)
        *completion = done;
    return done.status;
}
