/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's end of the ring. */
#include "doorbell.h"

int ring_call(struct guest *g, const struct abi_request *request, struct abi_completion *completion)
{
    struct abi_ring *ring = g->ring;
    struct abi_completion done;

    ring->sq[g->sq_tail % ABI_RING_ENTRIES] = *request;
    g->sq_tail++;
    __atomic_store_n(&ring->sq_tail, g->sq_tail, __ATOMIC_RELEASE);
    doorbell_ring(g, 1);
    if (__atomic_load_n(&ring->cq_tail, __ATOMIC_ACQUIRE) == g->completed)
        guest_panic(g, __LINE__);
    done = ring->cq[g->completed % ABI_RING_ENTRIES];
    g->completed++;
    if (completion)
        *completion = done;
    return done.status;
}
