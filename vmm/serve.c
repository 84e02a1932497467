/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of request kinds; see serve.h. */
#include "serve.h"

#include <errno.h>
#include <stdlib.h>

#include "flights.h"

enum {
    BULK_REQUESTS = 4,        /* so many at once are worth a ring in the kernel */
    BULK_BYTES = 64 << 10,    /* or one of this size that the guest does not wait for */
    BULK_COPY_BYTES = 4 << 20 /* or a copy of this size */
};

struct kind {
    serve_fn *serve; /* at once; NULL: only in flight */
    bool device;     /* needs a device */
    bool changes;    /* which is writable */
    bool device2;    /* needs a second device */
    bool changes2;   /* which is writable */
    bool flies;      /* may be in flight */
    bool drains;     /* comes after all that is in flight */
};

/* Laid out by hand: clang-format would align what does not belong together. */
/* clang-format off */
static const struct kind kinds[ABI_REQ_KINDS] = {
    [ABI_REQ_READ] =      {.serve = serve_read, .device = true, .flies = true},
    [ABI_REQ_WRITE] =     {.serve = serve_write, .device = true, .changes = true, .flies = true},
    [ABI_REQ_COPY] =      {.device = true, .device2 = true, .changes2 = true, .flies = true},
    [ABI_REQ_ZERO] =      {.serve = serve_zero, .device = true, .changes = true, .drains = true},
    [ABI_REQ_DISCARD] =   {.serve = serve_discard, .device = true, .changes = true, .drains = true},
    [ABI_REQ_ALLOCATE] =  {.serve = serve_allocate, .device = true, .changes = true,
                           .drains = true},
    [ABI_REQ_TRUNCATE] =  {.serve = serve_truncate, .device = true, .changes = true,
                           .drains = true},
    [ABI_REQ_FLUSH] =     {.serve = serve_flush, .device = true, .drains = true},
    [ABI_REQ_DEVICE] =    {.serve = serve_device, .device = true},
    [ABI_REQ_EXTENTS] =   {.serve = serve_extents, .device = true},
    [ABI_REQ_SCAN] =      {.serve = serve_scan, .device = true},
    [ABI_REQ_COMPARE] =   {.serve = serve_compare, .device = true, .device2 = true},
    [ABI_REQ_OPEN] =      {.serve = serve_open},
    [ABI_REQ_CLOSE] =     {.serve = serve_close, .device = true, .drains = true},
    [ABI_REQ_RESULT] =    {.serve = serve_result},
    [ABI_REQ_ERROR] =     {.serve = serve_error, .drains = true},
    [ABI_REQ_PROGRESS] =  {.serve = serve_progress},
    [ABI_REQ_RANDOM] =    {.serve = serve_random},
    [ABI_REQ_PACE] =      {.serve = serve_pace},
    [ABI_REQ_CLOCK] =     {.serve = serve_clock},
};
/* clang-format on */

/* Take one device of a request; 0 or -EBADF. */
static int device_take(struct vmm *vmm, bool needed, bool changes, uint32_t number,
                       struct vmm_device **device)
{
    if (!needed)
        return 0;
    *device = device_get(vmm, number);
    return *device && (!changes || (*device)->writable) ? 0 : -EBADF;
}

static int devices_get(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    const struct kind *kind = &kinds[request->kind];

    int r = device_take(call->vmm, kind->device, kind->changes, request->device, &call->device);
    if (r == 0)
        r = device_take(call->vmm, kind->device2, kind->changes2, request->device2, &call->device2);
    return r;
}

static void devices_put(struct serve_call *call)
{
    if (call->device)
        device_put(call->vmm, call->device);
    if (call->device2)
        device_put(call->vmm, call->device2);
}

static void account(struct vmm_vcpu *vcpu, const struct abi_request *request)
{
    if (request->kind == ABI_REQ_READ)
        vcpu->bytes_read += request->length;
    else if (request->kind == ABI_REQ_WRITE)
        vcpu->bytes_written += request->length;
}

/* Whether to do it in the background. */
static bool is_bulk(const struct abi_request *request, const struct serve_batch *batch)
{
    if (request->flags & ABI_CHAINED)
        return false;
    if (request->kind == ABI_REQ_COPY)
        return request->length >= BULK_COPY_BYTES;
    return batch->count >= BULK_REQUESTS || (batch->overlap && request->length >= BULK_BYTES);
}

/* Wait until no more than @keep are in flight; returns the completions posted. */
static unsigned drain(struct vmm_vcpu *vcpu, unsigned keep)
{
    unsigned complete = 0;

    while (flights_count(vcpu) > keep)
        complete += flights_run(vcpu, true);
    return complete;
}

/* Do what the request asks for. True: it is under way, and the devices are the flight's. */
static bool perform(struct serve_call *call, const struct serve_batch *batch, int *status)
{
    const struct kind *kind = &kinds[call->request->kind];
    bool stream = call->device && call->device->stream; /* done in its turn */
    bool bulk = kind->flies && !stream && is_bulk(call->request, batch);

    if (call->request->kind == ABI_REQ_COPY && call->request->flags & ABI_COPY_OFFLOAD) {
        *status = serve_offload(call);
        return false;
    }
    if (call->request->kind == ABI_REQ_COPY && serve_reflink(call) == 0) {
        call->value = call->request->length;
        return false;
    }
    if (kind->serve && !bulk) {
        *status = kind->serve(call);
        return false;
    }
    *status = flights_start(call->vcpu, call->request, call->device, call->device2, bulk);
    return *status == 0;
}

unsigned serve_request(struct vmm_vcpu *vcpu, const struct abi_request *request,
                       struct serve_batch *batch)
{
    const struct kind *kind = &kinds[request->kind];
    struct serve_call call = {.vcpu = vcpu, .vmm = vcpu->vmm, .request = request};
    struct abi_completion completion = {.cookie = request->cookie};
    bool chained = request->flags & ABI_CHAINED;
    unsigned complete = 0;

    if (kind->flies || kind->drains)
        complete = drain(vcpu, kind->drains ? 0 : ABI_RING_ENTRIES - 1);
    account(vcpu, request);
    completion.status = chained && batch->broken ? -ECANCELED : devices_get(&call);
    if (completion.status == 0 && perform(&call, batch, &completion.status))
        return complete;
    devices_put(&call);
    batch->broken |= chained && completion.status < 0;
    completion.value = call.value;
    completion.value2 = call.value2;
    ring_complete(vcpu, &completion);
    return complete + 1;
}

void *serve_bounce(struct vmm_vcpu *vcpu)
{
    if (!vcpu->bounce)
        vcpu->bounce = aligned_alloc(ABI_PAGE_BYTES, 2 * SERVE_BOUNCE_BYTES);
    return vcpu->bounce;
}
