/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of a ring. The guest may write anything anywhere in it at any time: the tail is
 * read once, each request is copied once and checked, cursors are the host's own.
 */
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "flights.h"
#include "serve.h"

void ring_complete(struct vmm_vcpu *vcpu, const struct abi_completion *completion)
{
    vcpu->ring->cq[vcpu->cq_tail % ABI_RING_ENTRIES] = *completion;
    vcpu->cq_tail++;
    __atomic_store_n(&vcpu->ring->cq_tail, vcpu->cq_tail, __ATOMIC_RELEASE);
}

/* Count and check a request; false when the run has ended by it. */
static bool request_admit(struct vmm_vcpu *vcpu, const struct abi_request *request)
{
    struct vmm *vmm = vcpu->vmm;
    uint64_t total = atomic_fetch_add_explicit(&vmm->requests, 1, memory_order_relaxed) + 1;

    vcpu->requests++;
    if (vmm->options.requests_max && total > vmm->options.requests_max) {
        vmm_end_set(vmm, VMM_END_TIME, 0, "too many requests");
        return false;
    }
    int r = abi_request_check(request, vmm->layout.memory_bytes);
    if (r < 0) {
        vmm_end_set(vmm, VMM_END_DIED, r, "a request breaks the ring's rules");
        return false;
    }
    return true;
}

/* Take @count new requests. Returns how many are complete already. */
static uint32_t requests_take(struct vmm_vcpu *vcpu, uint32_t count, uint32_t wait)
{
    uint32_t complete = 0;
    struct serve_batch batch = {.count = count, .overlap = wait < count || flights_count(vcpu) > 0};

    for (; count > 0 && !vmm_has_ended(vcpu->vmm); count--) {
        const volatile struct abi_request *slot = &vcpu->ring->sq[vcpu->sq_head % ABI_RING_ENTRIES];
        struct abi_request request = *slot;

        vcpu->sq_head++;
        if (!request_admit(vcpu, &request))
            break;
        complete += serve_request(vcpu, &request, &batch);
    }
    vcpu->chain_broken = batch.broken;
    return complete;
}

/* The vCPU waits for another one. If that takes long, the other one waits for a disk: the processor
 * is of more use to others then. The longer it takes, the less often we look. */
static void vcpu_yield(struct vmm_vcpu *vcpu)
{
    enum { SPINS = 16, STEP_NS = 20000, SLEEP_MAX_NS = 1000000 };

    if (++vcpu->yields <= SPINS) {
        sched_yield();
        return;
    }
    uint64_t ns = (uint64_t)(vcpu->yields - SPINS) * STEP_NS;
    const struct timespec time = {.tv_nsec = ns < SLEEP_MAX_NS ? (long)ns : SLEEP_MAX_NS};
    nanosleep(&time, NULL);
}

bool ring_serve(struct vmm_vcpu *vcpu, uint32_t wait)
{
    struct vmm *vmm = vcpu->vmm;
    uint32_t tail = __atomic_load_n(&vcpu->ring->sq_tail, __ATOMIC_ACQUIRE);
    uint32_t count = tail - vcpu->sq_head;

    vcpu->exits++;
    if (count > ABI_RING_ENTRIES) {
        vmm_end_set(vmm, VMM_END_DIED, -EINVAL, "bad sq_tail");
        return false;
    }
    if (count == 0 && wait == 0)
        vcpu_yield(vcpu);
    else
        vcpu->yields = 0;
    uint32_t complete = requests_take(vcpu, count, wait);
    if (flights_count(vcpu) > 0)
        complete += flights_run(vcpu, false);
    while (complete < wait && flights_count(vcpu) > 0 && !vmm_has_ended(vmm))
        complete += flights_run(vcpu, true);
    return !vmm_has_ended(vmm);
}

bool ring_done(struct vmm_vcpu *vcpu, bool unless_broken)
{
    bool going = ring_serve(vcpu, 0);

    return !going || !unless_broken || !vcpu->chain_broken;
}
