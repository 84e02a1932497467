/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ZERO, DISCARD, ALLOCATE, TRUNCATE: space of a device without bytes from the guest. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve.h"

static int zeroes_write(struct vmm_vcpu *vcpu, int fd, uint64_t offset, uint64_t bytes)
{
    void *buffer = serve_bounce(vcpu);

    if (!buffer)
        return -ENOMEM;
    memset(buffer, 0, SERVE_BOUNCE_BYTES);
    for (uint64_t done = 0; done < bytes;) {
        uint64_t rest = bytes - done;
        uint64_t piece = rest < SERVE_BOUNCE_BYTES ? rest : SERVE_BOUNCE_BYTES;
        int r = write_whole(fd, buffer, piece, offset + done);
        if (r < 0)
            return r;
        done += piece;
    }
    return 0;
}

static int allocate(int fd, int mode, uint64_t offset, uint64_t bytes)
{
    while (bytes > 0 && fallocate(fd, mode, (off_t)offset, (off_t)bytes) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

/* What a file system or device answers when it cannot do such a thing at all. */
static bool unsupported(int status)
{
    return status == -EOPNOTSUPP || status == -ENODEV || status == -EINVAL || status == -ENOTTY ||
           status == -ENOSYS;
}

int serve_zero(struct vmm_vcpu *vcpu, struct vmm_device *device, const struct abi_request *request,
               struct abi_completion *completion)
{
    uint64_t end = request->offset + request->length;
    int r = -EOPNOTSUPP;

    (void)completion;
    /* Behind the end, growing the file makes zeroes at no cost. */
    if (!device->block_device && request->offset >= device->size_bytes &&
        (request->flags & ABI_ZERO_MAY_UNMAP)) {
        if (ftruncate(device->fd, (off_t)end) < 0)
            return -errno;
        return device_size_refresh(device);
    }
    if (request->flags & ABI_ZERO_MAY_UNMAP)
        r = allocate(device->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, request->offset,
                     request->length);
    if (unsupported(r))
        r = allocate(device->fd, FALLOC_FL_ZERO_RANGE, request->offset, request->length);
    if (unsupported(r) && !(request->flags & ABI_ZERO_NO_FALLBACK))
        r = zeroes_write(vcpu, device->fd, request->offset, request->length);
    if (r == 0 && !device->block_device) {
        r = device_size_refresh(device);
        if (r == 0 && device->size_bytes < end)
            r = ftruncate(device->fd, (off_t)end) < 0 ? -errno : device_size_refresh(device);
    }
    return unsupported(r) ? -EOPNOTSUPP : r;
}

int serve_discard(struct vmm_vcpu *vcpu, struct vmm_device *device,
                  const struct abi_request *request, struct abi_completion *completion)
{
    (void)vcpu;
    (void)completion;
    int r = allocate(device->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, request->offset,
                     request->length);
    return unsupported(r) ? 0 : r; /* a discard is a hint */
}

int serve_allocate(struct vmm_vcpu *vcpu, struct vmm_device *device,
                   const struct abi_request *request, struct abi_completion *completion)
{
    (void)completion;
    int r = allocate(device->fd, 0, request->offset, request->length);
    if (unsupported(r))
        r = zeroes_write(vcpu, device->fd, request->offset, request->length);
    return r < 0 ? r : device_size_refresh(device);
}

/* Grow by @bytes from @from on with real space. */
static int grow(struct vmm_vcpu *vcpu, struct vmm_device *device, uint64_t from, uint64_t bytes,
                enum abi_prealloc prealloc)
{
    int r;

    switch (prealloc) {
    case ABI_PREALLOC_FALLOC:
        r = -posix_fallocate(device->fd, (off_t)from, (off_t)bytes);
        break;
    case ABI_PREALLOC_FULL:
        r = zeroes_write(vcpu, device->fd, from, bytes);
        if (r == 0 && fsync(device->fd) < 0)
            r = -errno;
        break;
    default:
        return 0;
    }
    if (r < 0 && ftruncate(device->fd, (off_t)from) < 0)
        r = r < 0 ? r : -errno;
    return r;
}

int serve_truncate(struct vmm_vcpu *vcpu, struct vmm_device *device,
                   const struct abi_request *request, struct abi_completion *completion)
{
    uint64_t old = device->size_bytes;
    bool grows = request->length > old;
    int r = 0;

    (void)completion;
    if (request->arg > ABI_PREALLOC_FULL || request->length > INT64_MAX)
        return -EINVAL;
    if (device->block_device)
        return request->length > old ? -EINVAL : 0;
    if (grows && request->arg != ABI_PREALLOC_OFF)
        r = grow(vcpu, device, old, request->length - old, (enum abi_prealloc)request->arg);
    else if (ftruncate(device->fd, (off_t)request->length) < 0)
        r = -errno;
    int refreshed = device_size_refresh(device);
    return r < 0 ? r : refreshed;
}
