/* SPDX-License-Identifier: GPL-2.0-or-later */
/* READ, WRITE and FLUSH: bytes between a device and guest memory. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"

int device_write(struct vmm *vmm, struct vmm_device *device, const void *from, uint64_t bytes,
                 uint64_t offset)
{
    int fd = device_fd_for(vmm, device, from, bytes, offset);

    for (uint64_t done = 0; done < bytes;) {
        ssize_t n = pwrite(fd, (const char *)from + done, bytes - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -ENOSPC;
        if (n > 0)
            done += (uint64_t)n;
    }
    return 0;
}

int device_read(struct vmm *vmm, struct vmm_device *device, void *to, uint64_t bytes,
                uint64_t offset, bool exact)
{
    int fd = device_fd_for(vmm, device, to, bytes, offset);

    for (uint64_t done = 0; done < bytes;) {
        ssize_t n = pread(fd, (char *)to + done, bytes - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0) {
            if (exact)
                return -EIO;
            memset((char *)to + done, 0, bytes - done);
            return 0;
        }
        if (n > 0)
            done += (uint64_t)n;
    }
    return 0;
}

int serve_read(struct serve_call *call)
{
    const struct abi_request *request = call->request;

    if (call->device->stream)
        return stream_read(call->device, guest_memory(call->vmm, request->addr), request->length,
                           request->offset, &call->value);
    return device_read(call->vmm, call->device, guest_memory(call->vmm, request->addr),
                       request->length, request->offset, request->flags & ABI_READ_EXACT);
}

int serve_write(struct serve_call *call)
{
    const struct abi_request *request = call->request;

    if (call->device->stream)
        return stream_write(call->device, guest_memory(call->vmm, request->addr), request->length,
                            request->offset);
    return device_write(call->vmm, call->device, guest_memory(call->vmm, request->addr),
                        request->length, request->offset);
}

int serve_flush(struct serve_call *call)
{
    const struct vmm_device *device = call->device;

    if (device->no_flush || !device->writable || device->char_device)
        return 0;
    return fdatasync(device->fd) == 0 ? 0 : -errno;
}
