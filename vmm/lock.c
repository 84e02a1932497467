/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's image locks: open-file-description locks on single bytes, so that a running virtual
 * machine and we see each other. After taking its own locks, an opener tests whether it could
 * write-lock the bytes that would contradict them.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "internal.h"

/* Lock, unlock or test a range of bytes; -EAGAIN: somebody else's lock is in the way. */
static int range_lock(int fd, int command, short type, off_t start, off_t bytes)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = bytes};
    int r;

    do
        r = fcntl(fd, command, &lock);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno == EACCES ? -EAGAIN : -errno;
    return command == F_OFD_GETLK && lock.l_type != F_UNLCK ? -EAGAIN : 0;
}

static int fail(struct vmm_open_result *result, enum vmm_open_step step, int status, int base,
                int bit)
{
    result->step = step;
    result->status = status;
    result->lock_bit = UINT64_C(1) << bit;
    result->lock_shared = (base == VMM_LOCK_PERM_BASE) == (step == VMM_OPEN_LOCK);
    return status;
}

static int bytes_take(int fd, uint64_t bits, int base, struct vmm_open_result *result)
{
    for (int bit = 0; bit < VMM_LOCK_BITS; bit++) {
        if (!(bits >> bit & 1))
            continue;
        int r = range_lock(fd, F_OFD_SETLK, F_RDLCK, base + bit, 1);
        if (r < 0)
            return fail(result, VMM_OPEN_LOCK_SYS, r, base, bit);
    }
    return 0;
}

/* Whether somebody else holds a lock on one of the bytes. */
static int bytes_test(int fd, uint64_t bits, int base, struct vmm_open_result *result)
{
    for (int bit = 0; bit < VMM_LOCK_BITS; bit++) {
        if (!(bits >> bit & 1))
            continue;
        int r = range_lock(fd, F_OFD_GETLK, F_WRLCK, base + bit, 1);
        if (r < 0)
            return fail(result, VMM_OPEN_LOCK, r, base, bit);
    }
    return 0;
}

/* Whether nobody else has any image lock: one question for all bytes. */
static bool nobody_else(int fd)
{
    return range_lock(fd, F_OFD_GETLK, F_WRLCK, VMM_LOCK_PERM_BASE,
                      VMM_LOCK_SHARED_BASE - VMM_LOCK_PERM_BASE + VMM_LOCK_BITS) == 0;
}

int lock_take(int fd, const struct vmm_open *open, struct vmm_open_result *result)
{
    uint64_t unshared = VMM_LOCK_ALL & ~open->lock_shared;

    int r = bytes_take(fd, open->lock_perm, VMM_LOCK_PERM_BASE, result);
    if (r == 0)
        r = bytes_take(fd, unshared, VMM_LOCK_SHARED_BASE, result);
    if (r < 0 || nobody_else(fd))
        return r;
    r = bytes_test(fd, open->lock_perm, VMM_LOCK_SHARED_BASE, result);
    return r < 0 ? r : bytes_test(fd, unshared, VMM_LOCK_PERM_BASE, result);
}

void lock_drop(int fd)
{
    range_lock(fd, F_OFD_SETLK, F_UNLCK, VMM_LOCK_PERM_BASE,
               VMM_LOCK_SHARED_BASE - VMM_LOCK_PERM_BASE + VMM_LOCK_BITS);
}
