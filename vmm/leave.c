/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Closing what takes the kernel long to take apart, without waiting for it.
 *
 * The last reference to a virtual machine costs its holder 0.4 ms or more, whether it is closed or
 * the process ends. A file that is registered with an io_uring belongs to the ring, which the
 * kernel takes apart in a thread of its own.
 */
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

void fd_leave(int fd)
{
    struct io_uring_params params = {0};
    int ring = (int)syscall(__NR_io_uring_setup, 1, &params);

    if (ring >= 0) { /* if anything fails, it only takes longer */
        syscall(__NR_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1);
        close(fd);
        close(ring);
    } else {
        close(fd);
    }
}
