/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ZERO, DISCARD, ALLOCATE, TRUNCATE: space of a device without bytes from the guest. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "serve.h"

enum { ZEROES_BYTES = 4 << 10, ZEROES_PIECES = 64 };

/* One page many times over: it stays in the processor's cache. */
static int zeroes_write(struct serve_call *call, uint64_t offset, uint64_t bytes)
{
    static const _Alignas(4096) unsigned char zeroes[ZEROES_BYTES];
    struct iovec piece[ZEROES_PIECES];

    while (bytes > 0) {
        size_t count = 0;
        uint64_t length = 0;
        for (; count < ZEROES_PIECES && length < bytes; count++) {
            uint64_t rest = bytes - length;
            piece[count] = (struct iovec){(void *)(uintptr_t)zeroes,
                                          rest < ZEROES_BYTES ? (size_t)rest : ZEROES_BYTES};
            length += piece[count].iov_len;
        }
        int fd = device_fd_for(call->vmm, call->device, zeroes, length, offset);
        ssize_t n = vmm_has_ended(call->vmm) ? 0 : pwritev(fd, piece, (int)count, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return vmm_has_ended(call->vmm) ? -ECANCELED : -ENOSPC;
        offset += n > 0 ? (uint64_t)n : 0;
        bytes -= n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

/* What a file system or device answers when it cannot do such a thing at all. */
static bool unsupported(int status)
{
    return status == -EOPNOTSUPP || status == -ENODEV || status == -EINVAL || status == -ENOTTY ||
           status == -ENOSYS;
}

static int allocate(const struct vmm_device *device, int mode, uint64_t offset, uint64_t bytes)
{
    int r = 0;

    while (bytes > 0 && (r = fallocate(device->fd, mode, (off_t)offset, (off_t)bytes)) < 0) {
        if (errno != EINTR)
            return unsupported(-errno) ? -EOPNOTSUPP : -errno;
    }
    return 0;
}

static int size_set(const struct vmm_device *device, uint64_t bytes)
{
    return ftruncate(device->fd, (off_t)bytes) < 0 ? -errno : 0;
}

/* Grow the file to @end if it is shorter: new bytes are zeroes, at no cost. */
static int size_reach(const struct vmm_device *device, uint64_t end)
{
    uint64_t size_bytes;
    int r = device_size(device, &size_bytes);

    if (r < 0 || device->block_device || size_bytes >= end)
        return r;
    return size_set(device, end);
}

static int hole_punch(const struct vmm_device *device, uint64_t offset, uint64_t bytes)
{
    int r = allocate(device, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
    return r < 0 ? r : size_reach(device, offset + bytes);
}

/* Zeroes with space behind them: in one step, or as a hole that is filled again. */
static int zero_range(const struct vmm_device *device, uint64_t offset, uint64_t bytes)
{
    uint64_t size_bytes;
    int r = allocate(device, FALLOC_FL_ZERO_RANGE, offset, bytes);

    if (r != -EOPNOTSUPP)
        return r;
    r = allocate(device, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
    if (r == 0)
        r = allocate(device, 0, offset, bytes);
    if (r == -EOPNOTSUPP && device_size(device, &size_bytes) == 0 && offset >= size_bytes)
        r = allocate(device, 0, offset, bytes);
    return r;
}

int serve_zero(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    const struct vmm_device *device = call->device;
    int r = -EOPNOTSUPP;

    if (request->length == 0)
        return 0;
    if (request->flags & ABI_ZERO_WRITE)
        return zeroes_write(call, request->offset, request->length);
    if (request->flags & ABI_ZERO_MAY_UNMAP)
        r = hole_punch(device, request->offset, request->length);
    if (r == -EOPNOTSUPP || r == -EBUSY)
        r = zero_range(device, request->offset, request->length);
    if (r == -EOPNOTSUPP && !(request->flags & ABI_ZERO_NO_FALLBACK))
        r = zeroes_write(call, request->offset, request->length);
    return r;
}

int serve_discard(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    uint64_t range[2] = {request->offset, request->length};
    int r;

    if (call->device->block_device)
        r = ioctl(call->device->fd, BLKDISCARD, range) < 0 ? -errno : 0;
    else
        r = allocate(call->device, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, request->offset,
                     request->length);
    return unsupported(r) ? 0 : r; /* a discard is a hint */
}

int serve_allocate(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    uint64_t size_bytes;
    int r = allocate(call->device, 0, request->offset, request->length);

    if (r != -EOPNOTSUPP)
        return r;
    /* Only new bytes may be written: old ones keep their contents. */
    r = device_size(call->device, &size_bytes);
    uint64_t end = request->offset + request->length;
    uint64_t from = size_bytes > request->offset ? size_bytes : request->offset;
    return r < 0 || from >= end ? r : zeroes_write(call, from, end - from);
}

/* New bytes of a file, with real space where it is asked for. */
static int file_grow(struct serve_call *call, uint64_t from, uint64_t end)
{
    switch ((enum abi_prealloc)call->request->arg) {
    case ABI_PREALLOC_OFF:
        return size_set(call->device, end);
    case ABI_PREALLOC_FALLOC:
        return -posix_fallocate(call->device->fd, (off_t)from, (off_t)(end - from));
    case ABI_PREALLOC_FULL:
        break;
    }
    /* The file system can plan ahead when it knows the size first. */
    int r = size_set(call->device, end);
    if (r == 0)
        r = zeroes_write(call, from, end - from);
    return r == 0 && fsync(call->device->fd) < 0 ? -errno : r;
}

/*
 * A file that was empty gets its first block: alignment can be found out by reading it then. That
 * is what the reference does; it shows in the file's disk size. Failure does not matter.
 */
static void first_block_allocate(struct serve_call *call, uint64_t size_bytes)
{
    enum { BLOCK = 4096, SECTOR = 512 };
    uint64_t bytes = size_bytes < BLOCK ? SECTOR : BLOCK;

    if (size_bytes >= SECTOR)
        zeroes_write(call, 0, bytes);
}

static int file_truncate(struct serve_call *call, uint64_t old, uint64_t size_bytes)
{
    enum abi_prealloc prealloc = (enum abi_prealloc)call->request->arg;

    if (size_bytes <= old) {
        if (size_bytes < old && prealloc != ABI_PREALLOC_OFF)
            return -EOPNOTSUPP;
        return prealloc == ABI_PREALLOC_OFF ? size_set(call->device, size_bytes) : 0;
    }
    int r = file_grow(call, old, size_bytes);
    if (r == 0 && old == 0 && prealloc != ABI_PREALLOC_FULL)
        first_block_allocate(call, size_bytes);
    if (r < 0)
        size_set(call->device, old); /* the first error is the one to tell */
    return r;
}

int serve_truncate(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    uint64_t old;

    if (request->arg > ABI_PREALLOC_FULL)
        return -EINVAL;
    int r = device_size(call->device, &old);
    if (r < 0)
        return r;
    if (!call->device->block_device && !call->device->char_device)
        return file_truncate(call, old, request->length);
    if (request->arg != ABI_PREALLOC_OFF)
        return -EOPNOTSUPP;
    return request->length > old ? -EINVAL : 0;
}
