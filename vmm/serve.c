/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of request kinds; see serve.h. */
#include "serve.h"

#include <errno.h>
#include <stdlib.h>

static const struct {
    serve_fn *serve;
    bool device;  /* needs a device */
    bool changes; /* which is writable */
} kinds[ABI_REQ_KINDS] = {
    [ABI_REQ_READ] = {serve_read,     true,  false},
    [ABI_REQ_WRITE] = {serve_write,    true,  true },
    [ABI_REQ_COPY] = {serve_copy,     true,  false}, /* its second device is checked there */
    [ABI_REQ_ZERO] = {serve_zero,     true,  true },
    [ABI_REQ_DISCARD] = {serve_discard,  true,  true },
    [ABI_REQ_ALLOCATE] = {serve_allocate, true,  true },
    [ABI_REQ_TRUNCATE] = {serve_truncate, true,  true },
    [ABI_REQ_FLUSH] = {serve_flush,    true,  true },
    [ABI_REQ_DEVICE] = {serve_device,   true,  false},
    [ABI_REQ_EXTENTS] = {serve_extents,  true,  false},
    [ABI_REQ_SCAN] = {serve_scan,     true,  false},
    [ABI_REQ_COMPARE] = {serve_compare,  true,  false},
    [ABI_REQ_OPEN] = {serve_open,     false, false},
    [ABI_REQ_CLOSE] = {serve_close,    true,  false},
    [ABI_REQ_RESULT] = {serve_result,   false, false},
    [ABI_REQ_ERROR] = {serve_error,    false, false},
    [ABI_REQ_PROGRESS] = {serve_progress, false, false},
    [ABI_REQ_RANDOM] = {serve_random,   false, false},
};

int serve_request(struct vmm_vcpu *vcpu, const struct abi_request *request,
                  struct abi_completion *completion)
{
    struct vmm_device *device = NULL;

    if (kinds[request->kind].device) {
        device = device_get(vcpu->vmm, request->device);
        if (!device)
            return -EBADF;
        if (kinds[request->kind].changes && !device->writable)
            return -EBADF;
    }
    return kinds[request->kind].serve(vcpu, device, request, completion);
}

void *serve_bounce(struct vmm_vcpu *vcpu)
{
    if (!vcpu->bounce)
        vcpu->bounce = aligned_alloc(ABI_PAGE_BYTES, SERVE_BOUNCE_BYTES * 2);
    return vcpu->bounce;
}
