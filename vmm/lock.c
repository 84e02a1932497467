/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's image locks: open-file-description locks on single bytes, so that a running virtual
 * machine and we see each other. Byte 100 + n is read-locked by who holds permission n, byte
 * 200 + n by who does not let others hold it. After taking its own locks, an opener tests whether
 * it could write-lock the bytes that would contradict them.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "internal.h"

enum { LOCK_PERM_BASE = 100, LOCK_SHARED_BASE = 200, LOCK_BITS = 5 };

static int lock_byte(int fd, int command, short type, off_t byte)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int r;

    do
        r = fcntl(fd, command, &lock);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    return command == F_OFD_GETLK && lock.l_type != F_UNLCK ? -EAGAIN : 0;
}

/* File systems without locks are used without them, as the reference does. */
static bool unlockable(int status)
{
    return status == -ENOLCK || status == -EINVAL || status == -EOPNOTSUPP || status == -ENOSYS;
}

static int bytes_take(int fd, uint64_t bits, int base, struct vmm_open_result *result)
{
    for (int bit = 0; bit < LOCK_BITS; bit++) {
        if (!(bits >> bit & 1))
            continue;
        int r = lock_byte(fd, F_OFD_SETLK, F_RDLCK, base + bit);
        if (r < 0 && !unlockable(r)) {
            result->step = VMM_OPEN_LOCK_SYS;
            result->status = r;
            return r;
        }
    }
    return 0;
}

/* Whether somebody else holds a lock on one of the bytes. */
static int bytes_test(int fd, uint64_t bits, int base, struct vmm_open_result *result)
{
    for (int bit = 0; bit < LOCK_BITS; bit++) {
        if (!(bits >> bit & 1))
            continue;
        int r = lock_byte(fd, F_OFD_GETLK, F_WRLCK, base + bit);
        if (r < 0 && !unlockable(r)) {
            result->step = VMM_OPEN_LOCK;
            result->status = r;
            result->lock_bit = UINT64_C(1) << bit;
            result->lock_shared = base == LOCK_PERM_BASE;
            return r;
        }
    }
    return 0;
}

int lock_take(int fd, const struct vmm_open *open, struct vmm_open_result *result)
{
    uint64_t all = (UINT64_C(1) << LOCK_BITS) - 1;
    uint64_t unshared = all & ~open->lock_shared;

    int r = bytes_take(fd, open->lock_perm, LOCK_PERM_BASE, result);
    if (r == 0)
        r = bytes_take(fd, unshared, LOCK_SHARED_BASE, result);
    if (r == 0) /* somebody does not share what we hold */
        r = bytes_test(fd, open->lock_perm, LOCK_SHARED_BASE, result);
    if (r == 0) /* somebody holds what we do not share */
        r = bytes_test(fd, unshared, LOCK_PERM_BASE, result);
    return r;
}
