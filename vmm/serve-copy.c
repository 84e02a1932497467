/* SPDX-License-Identifier: GPL-2.0-or-later */
/* COPY by shared blocks, or by the file system. What cannot be shared is moved in flight, see
 * flights.h; either way the host never looks at the bytes. */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "serve.h"

int serve_reflink(const struct serve_call *call)
{
    const struct abi_request *request = call->request;
    struct file_clone_range range = {
        .src_fd = call->device->fd,
        .src_offset = request->offset,
        .src_length = request->length,
        .dest_offset = request->offset2,
    };
    uint64_t size_bytes;

    if (request->length == 0 || atomic_load(&call->device2->no_reflink) ||
        (request->offset | request->offset2 | request->length) % ABI_PAGE_BYTES != 0)
        return -EINVAL;
    if (device_size(call->device, &size_bytes) < 0 ||
        request->offset + request->length > size_bytes)
        return -EINVAL; /* bytes behind the end are copied as zeroes */
    if (ioctl(call->device2->fd, FICLONERANGE, &range) == 0)
        return 0;
    atomic_store(&call->device2->no_reflink, true);
    return -errno;
}

int serve_offload(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    off_t from = (off_t)request->offset, to = (off_t)request->offset2;
    uint64_t rest = request->length;

    if (call->device->stream || call->device2->stream)
        return -ESPIPE;
    do {
        ssize_t n = copy_file_range(call->device->fd, &from, call->device2->fd, &to, rest, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0 && rest > 0)
            return -ENOSPC; /* behind the source's end */
        rest -= (uint64_t)n;
        call->value += (uint64_t)n;
    } while (rest > 0);
    return 0;
}
