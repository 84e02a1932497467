/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OPEN, RESULT, ERROR, PROGRESS, RANDOM, CLOCK: what the guest says to the front end, and asks of
 * it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "serve.h"

/* A private, checked copy of a tree in guest memory. The caller frees *copy. */
static int tree_take(const struct serve_call *call, struct tree *tree, void **copy)
{
    const struct abi_request *request = call->request;
    uint64_t total =
        atomic_fetch_add_explicit(&call->vmm->tree_bytes, request->length, memory_order_relaxed) +
        request->length;

    *copy = NULL;
    if (call->vmm->options.tree_bytes_max && total > call->vmm->options.tree_bytes_max) {
        vmm_end_set(call->vmm, VMM_END_TIME, 0, "too much to say");
        return -EFBIG;
    }
    *copy = malloc(request->length ? request->length : 1);
    if (!*copy)
        return -ENOMEM;
    memcpy(*copy, guest_memory(call->vmm, request->addr), request->length);
    if (tree_check(tree, *copy, request->length) == 0)
        return 0;
    free(*copy);
    *copy = NULL;
    vmm_end_set(call->vmm, VMM_END_DIED, -EINVAL, "a record is not a tree");
    return -EINVAL;
}

/* Only one callback at a time, and none after the run's end; false: it has ended. */
static bool callback_enter(struct vmm *vmm)
{
    pthread_mutex_lock(&vmm->callback_lock);
    if (!vmm_has_ended(vmm))
        return true;
    pthread_mutex_unlock(&vmm->callback_lock);
    return false;
}

static void callback_leave(struct vmm *vmm)
{
    pthread_mutex_unlock(&vmm->callback_lock);
}

/* The new device's facts and first bytes; what cannot be read is left out: the guest will ask for
 * it and learn why. */
static void facts_place(struct serve_call *call, struct vmm_device *device)
{
    const struct abi_request *request = call->request;
    uint64_t head_addr = request->offset2 + sizeof(struct abi_device);
    struct abi_device facts = {0};

    if (device) {
        uint64_t size_bytes = device->size_bytes; /* as it has just been found */
        if (device->writable)
            device_size(device, &size_bytes);
        device_describe(device, size_bytes, &facts);
        uint64_t bytes = facts.size_bytes < request->arg ? facts.size_bytes : request->arg;
        if (bytes > 0 && !device->char_device && !device->stream &&
            device_read(call->vmm, device, guest_memory(call->vmm, head_addr), bytes, 0, true) ==
                0) {
            facts.head_addr = head_addr;
            facts.head_bytes = bytes;
            call->vcpu->bytes_read += bytes;
        }
    }
    memcpy(guest_memory(call->vmm, request->offset2), &facts, sizeof(facts));
}

/* Put the front end's answer and the first bytes of the new device where the guest wants them. */
static int answer_place(struct serve_call *call, uint32_t number, const struct tree_writer *reply,
                        size_t reply_bytes)
{
    const struct abi_request *request = call->request;
    struct vmm_device *device = device_get(call->vmm, number);
    int r = 0;

    /* Higher numbers are the guest's own: images that stand for files. */
    if (!device && number < ABI_DEVICES_MAX)
        return -EBADF;
    call->value = number;
    call->value2 = reply_bytes;
    memcpy(guest_memory(call->vmm, request->addr), reply->data, reply_bytes);
    if (request->flags & ABI_OPEN_FACTS) {
        facts_place(call, device);
    } else if (request->arg > 0) {
        call->vcpu->bytes_read += request->arg;
        r = device ? device_read(call->vmm, device, guest_memory(call->vmm, request->offset2),
                                 request->arg, 0, false)
                   : -EBADF;
    }
    if (device)
        device_put(call->vmm, device);
    return r;
}

/* Ask the front end for the device that the reference means. */
static int reference_resolve(struct serve_call *call, const struct tree *reference,
                             struct tree_writer *reply, uint32_t *number)
{
    const struct vmm_callbacks *callbacks = call->vmm->callbacks;

    if (!callbacks->reference)
        return -EPERM;
    if (!callback_enter(call->vmm))
        return -ECANCELED;
    int r = callbacks->reference(callbacks->ctx, call->vmm, reference, number, reply);
    callback_leave(call->vmm);
    return r;
}

int serve_open(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    uint64_t room = request->offset > request->length ? request->offset : request->length;
    struct tree_writer reply;
    struct tree reference;
    uint32_t number = 0;
    void *copy;

    int r = tree_take(call, &reference, &copy);
    if (r < 0)
        return r;
    if (room > ABI_PRELOAD_BYTES)
        room = ABI_PRELOAD_BYTES;
    if (!call->vcpu->reply)
        call->vcpu->reply = malloc(ABI_PRELOAD_BYTES);
    if (call->vcpu->reply) {
        tree_begin(&reply, call->vcpu->reply, room);
        r = reference_resolve(call, &reference, &reply, &number);
    } else {
        r = -ENOMEM;
    }
    if (r == 0) {
        size_t reply_bytes = tree_finish(&reply);
        r = reply.overflow ? -ENAMETOOLONG : answer_place(call, number, &reply, reply_bytes);
    }
    free(copy);
    return r;
}

int serve_close(struct serve_call *call)
{
    device_close(call->vmm, call->device);
    return 0;
}

int serve_result(struct serve_call *call)
{
    const struct vmm_callbacks *callbacks = call->vmm->callbacks;
    struct tree tree;
    void *copy;

    if (call->request->arg < ABI_RECORD_ANSWER || call->request->arg > ABI_RECORD_MESSAGE)
        return -EINVAL;
    int r = tree_take(call, &tree, &copy);
    if (r < 0)
        return r;
    if (callback_enter(call->vmm)) {
        r = callbacks->record(callbacks->ctx, (enum abi_record)call->request->arg, &tree);
        callback_leave(call->vmm);
    }
    free(copy);
    if (r < 0)
        vmm_end_set(call->vmm, VMM_END_CALLBACK, r, "the front end ended the run");
    return r;
}

int serve_error(struct serve_call *call)
{
    const struct vmm_callbacks *callbacks = call->vmm->callbacks;
    struct tree tree;
    void *copy;

    int r = tree_take(call, &tree, &copy);
    if (r < 0)
        return r;
    if (callback_enter(call->vmm)) {
        callbacks->error(callbacks->ctx, &tree);
        callback_leave(call->vmm);
    }
    free(copy);
    vmm_end_set(call->vmm, VMM_END_DONE, 0, "the guest reported an error");
    return 0;
}

int serve_progress(struct serve_call *call)
{
    const struct vmm_callbacks *callbacks = call->vmm->callbacks;

    if (callbacks->progress && callback_enter(call->vmm)) {
        callbacks->progress(callbacks->ctx, call->request->offset, call->request->length);
        callback_leave(call->vmm);
    }
    return 0;
}

int serve_random(struct serve_call *call)
{
    unsigned char *to = guest_memory(call->vmm, call->request->addr);

    for (uint64_t done = 0; done < call->request->length;) {
        ssize_t n = getrandom(to + done, call->request->length - done, 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (uint64_t)n;
    }
    return 0;
}

int serve_clock(struct serve_call *call)
{
    const uint64_t second_ns = 1000000000;
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
        return -errno;
    call->value = (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
    return 0;
}
