/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The open gate: which files an image may make the host open, by the policy.
 *
 * Under "contained", what counts is what the kernel has found, not the name that led there: the
 * file is pinned by a descriptor that gives no access, looked at, and only then opened for real
 * through that descriptor. No symbolic link and no race can change the answer in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

enum { LINK_BYTES = sizeof("/proc/self/fd/") + 12 };

static void fd_link(int fd, char link[LINK_BYTES])
{
    snprintf(link, LINK_BYTES, "/proc/self/fd/%d", fd);
}

/* The real path behind a descriptor, and a '/' behind it if @folder; its length or a negative
 * errno. */
static int real_path(int fd, bool folder, char path[PATH_MAX])
{
    char link[LINK_BYTES];

    fd_link(fd, link);
    ssize_t n = readlink(link, path, PATH_MAX - 2);
    if (n < 0)
        return -errno;
    if (folder && path[n - 1] != '/')
        path[n++] = '/';
    path[n] = '\0';
    return (int)n;
}

/* Let references lie in this folder, a real path that ends in '/'. */
static int folder_add(struct vmm *vmm, const char *path, size_t length)
{
    struct gate_folder *folder = malloc(sizeof(*folder) + length + 1);

    if (!folder)
        return -ENOMEM;
    memcpy(folder->path, path, length);
    folder->path[length] = '\0';
    folder->next = vmm->folders;
    vmm->folders = folder;
    return 0;
}

/* Descriptor of the folder in which @path lies; sets *name to the last component. */
static int folder_open(const char *path, const char **name)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;

    *name = path + length;
    if (length >= sizeof(folder))
        return -ENAMETOOLONG;
    memcpy(folder, path, length);
    folder[length] = '\0';
    return open_high(AT_FDCWD, length ? folder : ".", O_PATH | O_DIRECTORY);
}

/* A file named by the user: references may lie beside it, and beside what it is a link to. */
static int folders_learn(struct vmm *vmm, const char *path, int fd)
{
    char real[PATH_MAX];
    const char *name;
    int r = real_path(fd, false, real);

    if (r < 0)
        return r;
    r = folder_add(vmm, real, (size_t)(strrchr(real, '/') - real) + 1);
    int folder = r < 0 ? r : folder_open(path, &name);
    if (folder < 0)
        return folder;
    r = real_path(folder, true, real);
    close(folder);
    return r < 0 ? r : folder_add(vmm, real, (size_t)r);
}

void vmm_path_expect(struct vmm *vmm, const char *path)
{
    char real[PATH_MAX];
    const char *name;
    int folder = -1;

    if (vmm->options.policy == VMM_POLICY_PARITY)
        return;
    int fd = open_high(AT_FDCWD, path, O_PATH);
    if (fd >= 0) {
        folders_learn(vmm, path, fd);
        close(fd);
        return;
    }
    folder = folder_open(path, &name);
    if (folder < 0)
        return;
    int length = real_path(folder, true, real);
    if (length > 0)
        folder_add(vmm, real, (size_t)length);
    close(folder);
}

static bool is_contained(const struct vmm *vmm, const char *path)
{
    for (const struct gate_folder *f = vmm->folders; f; f = f->next) {
        if (strncmp(path, f->path, strlen(f->path)) == 0)
            return true;
    }
    return false;
}

/* Make a new file in a folder that is allowed. */
static int contained_create(const struct vmm *vmm, const char *path, int flags)
{
    char real[PATH_MAX];
    const char *name;
    int folder = folder_open(path, &name);

    if (folder < 0)
        return folder;
    int fd = real_path(folder, true, real);
    if (fd >= 0)
        fd = is_contained(vmm, real) && strcmp(name, "..") != 0
                 ? open_high(folder, name, flags | O_EXCL | O_NOFOLLOW)
                 : -EPERM;
    close(folder);
    return fd == -EEXIST ? -EPERM : fd; /* a link that leads to nothing yet, or a race */
}

static int contained_open(const struct vmm *vmm, const char *path, int flags)
{
    char real[PATH_MAX], link[LINK_BYTES];
    struct stat st;
    int pinned = open_high(AT_FDCWD, path, O_PATH);

    if (pinned == -ENOENT && (flags & O_CREAT))
        return contained_create(vmm, path, flags);
    if (pinned < 0)
        return pinned;
    int fd = real_path(pinned, false, real);
    if (fd >= 0 && (fstat(pinned, &st) < 0 || !S_ISREG(st.st_mode) || !is_contained(vmm, real)))
        fd = -EPERM;
    if (fd >= 0) {
        fd_link(pinned, link);
        fd = open_high(AT_FDCWD, link, flags & ~O_CREAT);
    }
    close(pinned);
    return fd;
}

/* A folder that confinement alone keeps us from opening: as one that is opened, and then refused.
 */
static bool is_hidden_folder(const char *path, int flags)
{
    struct stat st;

    return (flags & O_ACCMODE) == O_RDONLY && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
           access(path, R_OK) == 0;
}

/* Confined, the host may read no folder; it is told apart from a file that may not be read. */
static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && access(path, R_OK) == 0;
}

int gate_open(struct vmm *vmm, const struct vmm_open *open, struct vmm_open_result *result)
{
    enum vmm_policy policy = vmm->options.policy;
    /* Not to wait for the other end of a pipe, which is refused later. */
    int flags = O_NONBLOCK | (open->writable || open->create ? O_RDWR : O_RDONLY) |
                (open->create ? O_CREAT : 0) | (open->direct ? O_DIRECT : 0);
    int fd;

    if (open->named_by_user || policy == VMM_POLICY_PARITY)
        fd = open_high(AT_FDCWD, open->path, flags);
    else
        fd = policy == VMM_POLICY_CONTAINED ? contained_open(vmm, open->path, flags) : -EPERM;
    if (fd == -EACCES && policy == VMM_POLICY_PARITY && is_folder(open->path)) {
        result->step = VMM_OPEN_TYPE;
        return -EINVAL;
    }
    if (fd < 0) {
        bool forbidden = fd == -EPERM && !open->named_by_user && policy != VMM_POLICY_PARITY;
        result->step = forbidden ? VMM_OPEN_POLICY : VMM_OPEN_OPEN;
        if (fd == -EACCES && is_hidden_folder(open->path, flags))
            result->step = VMM_OPEN_TYPE;
        return fd;
    }
    int r = 0;
    if (open->named_by_user && policy == VMM_POLICY_CONTAINED)
        r = folders_learn(vmm, open->path, fd);
    if (r == 0)
        return fd;
    close(fd);
    result->step = VMM_OPEN_POLICY;
    return r;
}

void gate_free(struct vmm *vmm)
{
    while (vmm->folders) {
        struct gate_folder *next = vmm->folders->next;
        free(vmm->folders);
        vmm->folders = next;
    }
}
