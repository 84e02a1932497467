/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Landlock for the host process: what it may still do to the file system and the network, also
 * through io_uring, which no seccomp program sees.
 *
 * With every policy, no program is executed, no TCP connection made, and nothing but plain files
 * created. "contained" leaves the folders in which references may lie, "strict" those in which
 * files will be created, and both the files that are open.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/* Newer than the oldest headers that we build with. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif

enum { ABI_WITH_REFER = 2, ABI_WITH_TRUNCATE = 3, ABI_WITH_NET = 4 };

struct ruleset {
    uint64_t files;
    uint64_t net; /* since ABI_WITH_NET */
};

/* Never needed. */
static const uint64_t files_never =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_READ_DIR;

/* What is done to images, and to the folders in which they are made. */
static const uint64_t files_read = LANDLOCK_ACCESS_FS_READ_FILE;
static const uint64_t files_write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;
static const uint64_t files_make = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;

static int ruleset_make(bool open_files, uint64_t *handled)
{
    struct ruleset rules = {.files = files_never |
                                     (open_files ? files_read | files_write | files_make : 0),
                            .net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP};
    long version = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (version < 1)
        return -ENOSYS;
    if (version < ABI_WITH_TRUNCATE)
        rules.files &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
    *handled = rules.files;
    size_t bytes = version < ABI_WITH_NET ? sizeof(rules.files) : sizeof(rules);
    int fd = (int)syscall(__NR_landlock_create_ruleset, &rules, bytes, 0);
    return fd < 0 ? -errno : fd_high(fd);
}

static int rule_add(int ruleset, int fd, uint64_t access)
{
    const struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};

    return syscall(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
               ? -errno
               : 0;
}

/* Open files may be opened once more; see device_fd_for(). */
static int devices_allow(const struct vmm *vmm, int ruleset, uint64_t handled)
{
    int r = 0;

    for (uint32_t i = 0; i < vmm->device_count && r == 0; i++) {
        const struct vmm_device *device = device_at(vmm, i);
        if (device->fd >= 0 && !device->stream)
            r = rule_add(ruleset, device->fd,
                         handled & (files_read | (device->writable ? files_write : 0)));
    }
    return r;
}

static int folders_allow(const struct vmm *vmm, int ruleset, uint64_t handled)
{
    int r = 0;

    for (const struct gate_folder *f = vmm->folders; f && r == 0; f = f->next) {
        int fd = open_high(AT_FDCWD, f->path, O_PATH | O_DIRECTORY);
        if (fd < 0)
            continue; /* gone: nothing can be opened in it */
        r = rule_add(ruleset, fd, handled & (files_read | files_write | files_make));
        close(fd);
    }
    return r;
}

int confine_files(const struct vmm *vmm)
{
    bool open_files = vmm->options.policy != VMM_POLICY_PARITY;
    uint64_t handled;
    int ruleset = ruleset_make(open_files, &handled);

    if (ruleset < 0) /* an older kernel, or switched off */
        return ruleset == -ENOSYS || ruleset == -EOPNOTSUPP ? 0 : ruleset;
    int r = 0;
    if (open_files) {
        tzset(); /* reads its file now */
        r = devices_allow(vmm, ruleset, handled);
        if (r == 0)
            r = folders_allow(vmm, ruleset, handled);
    }
    if (r == 0 && syscall(__NR_landlock_restrict_self, ruleset, 0) < 0)
        r = -errno;
    close(ruleset);
    return r;
}
