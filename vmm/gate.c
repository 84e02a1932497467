/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The open gate's policy on an opened file, by what the descriptor is and not by the name that led
 * there: no symbolic link or race can change the answer.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* The real path behind a descriptor; 0 or a negative errno. */
static int real_path(int fd, char path[PATH_MAX])
{
    char link[64];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n < 0)
        return -errno;
    path[n] = '\0';
    return 0;
}

/* Whether @path lies in the folder of the file @named, or below it. */
static bool in_folder_of(const char *path, const char *named)
{
    const char *slash = strrchr(named, '/');
    size_t length = slash ? (size_t)(slash - named) + 1 : 0;
    return length > 0 && strncmp(path, named, length) == 0;
}

static int contained_check(const struct vmm *vmm, int fd)
{
    char path[PATH_MAX], named[PATH_MAX];
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || real_path(fd, path) < 0)
        return -EPERM;
    for (uint32_t i = 0; i < vmm->device_count; i++) {
        const struct vmm_device *device = &vmm->device[i];
        if (device->named_by_user && device->fd >= 0 && real_path(device->fd, named) == 0 &&
            in_folder_of(path, named))
            return 0;
    }
    return -EPERM;
}

int gate_check(const struct vmm *vmm, const struct vmm_open *open, int fd)
{
    if (open->named_by_user || vmm->options.policy == VMM_POLICY_PARITY)
        return 0;
    return vmm->options.policy == VMM_POLICY_CONTAINED ? contained_check(vmm, fd) : -EPERM;
}
