/* SPDX-License-Identifier: GPL-2.0-or-later */
/* READ and WRITE of streams: pipes and the like, which are gone through once. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "serve.h"

/* Wait where the descriptor was set not to. Returns 0, or a negative errno of the last call. */
static int stream_wait(const struct vmm_device *device, short events)
{
    struct pollfd poller = {.fd = device->fd, .events = events};

    if (errno == EINTR)
        return 0;
    if (errno != EAGAIN)
        return -errno;
    poll(&poller, 1, -1);
    return 0;
}

int stream_read(struct vmm_device *device, void *to, uint64_t bytes, uint64_t offset, uint64_t *got)
{
    *got = 0;
    if (offset != device->stream_off)
        return -ESPIPE;
    while (*got < bytes) {
        ssize_t n = read(device->fd, (char *)to + *got, bytes - *got);
        int r = n < 0 ? stream_wait(device, POLLIN) : 0;
        if (r < 0)
            return r;
        if (n == 0)
            break;
        *got += n > 0 ? (uint64_t)n : 0;
    }
    device->stream_off += *got;
    return 0;
}

int stream_write(struct vmm_device *device, const void *from, uint64_t bytes, uint64_t offset)
{
    if (offset != device->stream_off)
        return -ESPIPE;
    for (uint64_t done = 0; done < bytes;) {
        ssize_t n = write(device->fd, (const char *)from + done, bytes - done);
        int r = n < 0 ? stream_wait(device, POLLOUT) : 0;
        if (r < 0)
            return r;
        done += n > 0 ? (uint64_t)n : 0;
    }
    device->stream_off += bytes;
    return 0;
}
