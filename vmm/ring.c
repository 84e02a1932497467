/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of a ring. The guest may write anything anywhere in it at any time: the tail is
 * read once, each request is copied once and checked, cursors are the host's own.
 */
#include <errno.h>

#include "internal.h"
#include "serve.h"

static void complete(struct vmm_vcpu *vcpu, const struct abi_completion *completion)
{
    vcpu->ring->cq[vcpu->cq_tail % ABI_RING_ENTRIES] = *completion;
    vcpu->cq_tail++;
    __atomic_store_n(&vcpu->ring->cq_tail, vcpu->cq_tail, __ATOMIC_RELEASE);
}

/* One request from copy to completion; false when the run has ended. */
static bool request_serve(struct vmm_vcpu *vcpu, const struct abi_request *request)
{
    struct vmm *vmm = vcpu->vmm;
    struct abi_completion completion = {.cookie = request->cookie};
    int r = abi_request_check(request, vmm->layout.memory_bytes);

    vcpu->requests++;
    if (vmm->options.requests_max && vcpu->requests > vmm->options.requests_max) {
        vmm_end_set(vmm, VMM_END_TIME, 0, "too many requests");
        return false;
    }
    if (r < 0) {
        vmm_end_set(vmm, VMM_END_DIED, r, "a request breaks the ring's rules");
        return false;
    }
    completion.status = serve_request(vcpu, request, &completion);
    complete(vcpu, &completion);
    return !vmm_has_ended(vmm);
}

bool ring_serve(struct vmm_vcpu *vcpu, uint32_t wait)
{
    struct vmm *vmm = vcpu->vmm;
    uint32_t tail = __atomic_load_n(&vcpu->ring->sq_tail, __ATOMIC_ACQUIRE);
    uint32_t count = tail - vcpu->sq_head;

    (void)wait; /* every request is complete before the doorbell returns */
    vcpu->exits++;
    if (count > ABI_RING_ENTRIES) {
        vmm_end_set(vmm, VMM_END_DIED, -EINVAL, "bad sq_tail");
        return false;
    }
    for (; count > 0; count--) {
        const volatile struct abi_request *slot = &vcpu->ring->sq[vcpu->sq_head % ABI_RING_ENTRIES];
        struct abi_request request = *slot;
        vcpu->sq_head++;
        if (!request_serve(vcpu, &request))
            return false;
    }
    return !vmm_has_ended(vmm);
}
