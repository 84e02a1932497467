/* SPDX-License-Identifier: GPL-2.0-or-later */
/* COPY by shared blocks. What cannot be shared is moved in flight, see flights.h; either way the
 * host never looks at the bytes. */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

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
