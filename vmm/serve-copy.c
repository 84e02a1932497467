/* SPDX-License-Identifier: GPL-2.0-or-later */
/* COPY: bytes from device to device, by shared blocks where the file system can, else through a
 * hot buffer. The host never looks at them. */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "serve.h"

/* Share the blocks; 0, or a negative errno where this is not possible. */
static int reflink(const struct vmm_device *from, const struct vmm_device *to,
                   const struct abi_request *request)
{
    struct file_clone_range range = {
        .src_fd = from->fd,
        .src_offset = request->offset,
        .src_length = request->length,
        .dest_offset = request->offset2,
    };
    const uint64_t unit = ABI_PAGE_BYTES;

    if ((request->offset | request->offset2 | request->length) % unit != 0 ||
        request->length == 0 || request->offset + request->length > from->size_bytes)
        return -EINVAL;
    return ioctl(to->fd, FICLONERANGE, &range) == 0 ? 0 : -errno;
}

int serve_copy(struct vmm_vcpu *vcpu, struct vmm_device *device, const struct abi_request *request,
               struct abi_completion *completion)
{
    struct vmm_device *to = device_get(vcpu->vmm, request->device2);
    void *buffer = serve_bounce(vcpu);

    if (!to || !to->writable)
        return -EBADF;
    if (!buffer)
        return -ENOMEM;
    completion->value = request->length;
    if (reflink(device, to, request) == 0)
        return device_size_refresh(to);
    for (uint64_t done = 0; done < request->length;) {
        uint64_t rest = request->length - done;
        uint64_t piece = rest < SERVE_BOUNCE_BYTES ? rest : SERVE_BOUNCE_BYTES;
        int r = read_whole(device->fd, buffer, piece, request->offset + done, false);
        if (r == 0)
            r = write_whole(to->fd, buffer, piece, request->offset2 + done);
        completion->value = done;
        if (r < 0)
            return r;
        done += piece;
        completion->value = done;
    }
    return 0;
}
