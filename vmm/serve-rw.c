/* SPDX-License-Identifier: GPL-2.0-or-later */
/* READ, WRITE and FLUSH: bytes between a device and guest memory. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"

int write_whole(int fd, const void *from, uint64_t bytes, uint64_t offset)
{
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

int read_whole(int fd, void *to, uint64_t bytes, uint64_t offset, bool exact)
{
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

int serve_read(struct vmm_vcpu *vcpu, struct vmm_device *device, const struct abi_request *request,
               struct abi_completion *completion)
{
    (void)completion;
    vcpu->bytes_read += request->length;
    return read_whole(device->fd, guest_memory(vcpu->vmm, request->addr), request->length,
                      request->offset, request->flags & ABI_READ_EXACT);
}

int serve_write(struct vmm_vcpu *vcpu, struct vmm_device *device, const struct abi_request *request,
                struct abi_completion *completion)
{
    (void)completion;
    vcpu->bytes_written += request->length;
    return write_whole(device->fd, guest_memory(vcpu->vmm, request->addr), request->length,
                       request->offset);
}

int serve_flush(struct vmm_vcpu *vcpu, struct vmm_device *device, const struct abi_request *request,
                struct abi_completion *completion)
{
    (void)vcpu;
    (void)request;
    (void)completion;
    return device->no_flush || fdatasync(device->fd) == 0 ? 0 : -errno;
}
