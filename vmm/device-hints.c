/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wishes for the file system about a new file: before its first byte is written. */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "internal.h"

int device_hints_set(int fd, const struct vmm_open *open)
{
    struct fsxattr attributes;
    int flags;

    /* Where it means nothing it is refused, which does no harm. */
    if (open->no_copy_on_write && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_NOCOW_FL;
        ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
        return -errno;
    attributes.fsx_xflags |= FS_XFLAG_EXTSIZE;
    attributes.fsx_extsize = open->extent_size_bytes;
    return ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0 ? -errno : 0;
}
