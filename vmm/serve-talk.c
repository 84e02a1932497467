/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OPEN, RESULT, ERROR, PROGRESS, RANDOM: what the guest says to the front end, and asks of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "serve.h"

/* A private, checked copy of a tree in guest memory. The caller frees *copy. */
static int tree_take(struct vmm_vcpu *vcpu, const struct abi_request *request, struct tree *tree,
                     void **copy)
{
    *copy = malloc(request->length ? request->length : 1);
    if (!*copy)
        return -ENOMEM;
    memcpy(*copy, guest_memory(vcpu->vmm, request->addr), request->length);
    if (tree_check(tree, *copy, request->length) == 0)
        return 0;
    free(*copy);
    *copy = NULL;
    vmm_end_set(vcpu->vmm, VMM_END_DIED, -EINVAL, "a record is not a tree");
    return -EINVAL;
}

/* Put the front end's answer and the first bytes of the new device where the guest wants them. */
static int answer_place(struct vmm_vcpu *vcpu, const struct abi_request *request, uint32_t number,
                        const struct tree_writer *reply, size_t reply_bytes,
                        struct abi_completion *completion)
{
    const struct vmm_device *device = device_get(vcpu->vmm, number);

    if (!device)
        return -EBADF;
    completion->value = number;
    completion->value2 = reply_bytes;
    memcpy(guest_memory(vcpu->vmm, request->addr), reply->data, reply_bytes);
    if (request->arg == 0)
        return 0;
    vcpu->bytes_read += request->arg;
    return read_whole(device->fd, guest_memory(vcpu->vmm, request->offset2), request->arg, 0,
                      false);
}

int serve_open(struct vmm_vcpu *vcpu, struct vmm_device *device, const struct abi_request *request,
               struct abi_completion *completion)
{
    const struct vmm_callbacks *callbacks = vcpu->vmm->callbacks;
    uint64_t room = request->offset > request->length ? request->offset : request->length;
    struct tree_writer reply;
    struct tree reference;
    uint32_t number = 0;
    void *copy;

    (void)device;
    int r = tree_take(vcpu, request, &reference, &copy);
    if (r < 0)
        return r;
    if (room > ABI_PRELOAD_BYTES)
        room = ABI_PRELOAD_BYTES;
    void *buffer = malloc(room);
    if (!buffer || !callbacks->reference) {
        r = buffer ? -EPERM : -ENOMEM;
    } else {
        tree_begin(&reply, buffer, room);
        r = callbacks->reference(callbacks->ctx, vcpu->vmm, &reference, &number, &reply);
    }
    if (r == 0) {
        size_t reply_bytes = tree_finish(&reply);
        r = reply.overflow ? -ENAMETOOLONG
                           : answer_place(vcpu, request, number, &reply, reply_bytes, completion);
    }
    free(buffer);
    free(copy);
    return r;
}

int serve_close(struct vmm_vcpu *vcpu, struct vmm_device *device, const struct abi_request *request,
                struct abi_completion *completion)
{
    (void)vcpu;
    (void)request;
    (void)completion;
    device_close(device);
    return 0;
}

int serve_result(struct vmm_vcpu *vcpu, struct vmm_device *device,
                 const struct abi_request *request, struct abi_completion *completion)
{
    const struct vmm_callbacks *callbacks = vcpu->vmm->callbacks;
    struct tree tree;
    void *copy;

    (void)device;
    (void)completion;
    int r = tree_take(vcpu, request, &tree, &copy);
    if (r < 0)
        return r;
    r = callbacks->record(callbacks->ctx, (enum abi_record)request->arg, &tree);
    free(copy);
    if (r < 0)
        vmm_end_set(vcpu->vmm, VMM_END_CALLBACK, r, "the front end ended the run");
    return r;
}

int serve_error(struct vmm_vcpu *vcpu, struct vmm_device *device, const struct abi_request *request,
                struct abi_completion *completion)
{
    const struct vmm_callbacks *callbacks = vcpu->vmm->callbacks;
    struct tree tree;
    void *copy;

    (void)device;
    (void)completion;
    int r = tree_take(vcpu, request, &tree, &copy);
    if (r < 0)
        return r;
    callbacks->error(callbacks->ctx, &tree);
    free(copy);
    vmm_end_set(vcpu->vmm, VMM_END_DONE, 0, "the guest reported an error");
    return 0;
}

int serve_progress(struct vmm_vcpu *vcpu, struct vmm_device *device,
                   const struct abi_request *request, struct abi_completion *completion)
{
    const struct vmm_callbacks *callbacks = vcpu->vmm->callbacks;

    (void)device;
    (void)completion;
    if (callbacks->progress)
        callbacks->progress(callbacks->ctx, request->offset, request->length);
    return 0;
}

int serve_random(struct vmm_vcpu *vcpu, struct vmm_device *device,
                 const struct abi_request *request, struct abi_completion *completion)
{
    unsigned char *to = guest_memory(vcpu->vmm, request->addr);

    (void)device;
    (void)completion;
    for (uint64_t done = 0; done < request->length;) {
        ssize_t n = getrandom(to + done, request->length - done, 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (uint64_t)n;
    }
    return 0;
}
