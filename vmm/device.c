/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices: files lent to the guest, and what the host knows of them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

enum {
    FD_FIRST = 3,
    DIRECT_ALIGN_BYTES = 4096, /* where the kernel does not tell */
    MODE_CREATED = 0644,
};

int fd_high(int fd)
{
    if (fd >= FD_FIRST)
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);
    int error = errno;
    close(fd);
    return high < 0 ? -error : high;
}

int open_high(int folder, const char *path, int flags)
{
    int fd = openat(folder, path, flags | O_CLOEXEC | O_NOCTTY, MODE_CREATED);

    return fd < 0 ? -errno : fd_high(fd);
}

struct vmm_device *device_get(struct vmm *vmm, uint32_t number)
{
    struct vmm_device *device = NULL;

    pthread_mutex_lock(&vmm->device_lock);
    if (number < vmm->device_count && !device_at(vmm, number)->closed) {
        device = device_at(vmm, number);
        device->uses++;
    }
    pthread_mutex_unlock(&vmm->device_lock);
    return device;
}

/* Others may refer to the file for a while, a ring in the kernel for one: locks do not wait. */
static void device_unlock(struct vmm_device *device)
{
    if (device->locked)
        lock_drop(device->fd);
    device->locked = false;
}

static void device_shut(struct vmm_device *device)
{
    if (device->fd >= 0)
        close(device->fd);
    if (device->buffered >= 0)
        close(device->buffered);
    device->fd = device->buffered = -1;
}

void device_put(struct vmm *vmm, struct vmm_device *device)
{
    pthread_mutex_lock(&vmm->device_lock);
    if (--device->uses == 0) {
        device_unlock(device);
        device_shut(device);
    }
    pthread_mutex_unlock(&vmm->device_lock);
}

void device_close(struct vmm *vmm, struct vmm_device *device)
{
    pthread_mutex_lock(&vmm->device_lock);
    bool last = !device->closed;
    device->closed = true;
    pthread_mutex_unlock(&vmm->device_lock);
    if (last)
        device_put(vmm, device);
}

void device_free_all(struct vmm *vmm)
{
    for (uint32_t i = 0; i < vmm->device_count; i++) {
        device_unlock(device_at(vmm, i));
        device_shut(device_at(vmm, i));
        free(device_at(vmm, i)->path);
    }
    for (uint32_t i = 0; i < ABI_DEVICES_MAX / DEVICE_CHUNK; i++)
        free(vmm->device[i]);
}

int device_size(const struct vmm_device *device, uint64_t *bytes)
{
    struct stat st;

    *bytes = device->size_bytes;
    if (device->block_device || device->char_device || device->stream)
        return 0;
    if (fstat(device->fd, &st) < 0)
        return -errno;
    *bytes = (uint64_t)st.st_size;
    return 0;
}

void device_describe(const struct vmm_device *device, uint64_t size_bytes, struct abi_device *out)
{
    const uint64_t block_bytes = 512; /* of st_blocks, whatever the file system's are */
    struct stat st;

    *out = (struct abi_device){
        .allocated_bytes = fstat(device->fd, &st) == 0 ? (uint64_t)st.st_blocks * block_bytes : 0,
        .flags =
            (device->writable ? ABI_DEVICE_WRITABLE : 0) |
            (device->block_device || device->char_device || device->stream ? ABI_DEVICE_BLOCK
                                                                           : ABI_DEVICE_ZERO_INIT),
        .align_bytes = device->align_bytes,
        .size_bytes = size_bytes,
    };
}

static int open_again(const struct vmm_device *device, int flags)
{
    char link[sizeof("/proc/self/fd/") + 12];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", device->fd);
    return open_high(AT_FDCWD, link, flags);
}

int device_open_own(struct vmm *vmm, uint32_t number)
{
    const struct vmm_device *device = device_at(vmm, number);
    int flags = (device->writable ? O_RDWR : O_RDONLY) | (device->direct ? O_DIRECT : 0);

    return open_again(device, flags);
}

/*
 * Make the file empty, if it is not. ext4 writes out what was emptied and filled again when it is
 * closed, and lets us wait: closing it once in between spares that, and is what the reference does.
 */
static int file_empty(const struct vmm_device *device)
{
    struct stat st;

    if (fstat(device->fd, &st) < 0)
        return -errno;
    if (st.st_size == 0 && st.st_blocks == 0)
        return 0;
    if (ftruncate(device->fd, 0) < 0)
        return -errno;
    int fd = open_again(device, O_RDONLY);
    if (fd >= 0)
        close(fd);
    return 0;
}

/* The file once more, without O_DIRECT: for heads, tails and whatever else is not aligned. The
 * kernel keeps the two views of the file coherent. */
static int buffered_open(struct vmm *vmm, struct vmm_device *device)
{
    pthread_mutex_lock(&vmm->device_lock);
    if (device->buffered < 0) {
        int fd = open_again(device, device->writable ? O_RDWR : O_RDONLY);
        device->buffered = fd < 0 ? -1 : fd;
    }
    int fd = device->buffered;
    pthread_mutex_unlock(&vmm->device_lock);
    return fd;
}

int device_fd_for(struct vmm *vmm, struct vmm_device *device, const void *data, uint64_t bytes,
                  uint64_t offset)
{
    if (!device->direct || (((uintptr_t)data | bytes | offset) & (device->align_bytes - 1)) == 0)
        return device->fd;
    int fd = buffered_open(vmm, device);
    return fd < 0 ? device->fd : fd; /* then the kernel says that it cannot */
}

/* What O_DIRECT demands of offsets and addresses, as one power of two. */
static uint32_t direct_align(int fd)
{
#ifdef STATX_DIOALIGN
    struct statx stx;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
        (stx.stx_mask & STATX_DIOALIGN) && stx.stx_dio_offset_align > 0) {
        uint32_t align = stx.stx_dio_offset_align > stx.stx_dio_mem_align ? stx.stx_dio_offset_align
                                                                          : stx.stx_dio_mem_align;
        if ((align & (align - 1)) == 0)
            return align;
    }
#else
    (void)fd;
#endif
    return DIRECT_ALIGN_BYTES;
}

static int size_ask(struct vmm_device *device, const struct stat *st)
{
    int read_only = 0;

    device->size_bytes = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
    /* What has no end, as files in /proc, is no image. */
    if (S_ISREG(st->st_mode) && lseek(device->fd, 0, SEEK_END) < 0)
        return -errno;
    if (!device->block_device)
        return 0;
    if (ioctl(device->fd, BLKGETSIZE64, &device->size_bytes) < 0)
        return -errno;
    /* Opening a read-only block device for writing may succeed; writing to it will not. */
    if (device->writable && ioctl(device->fd, BLKROGET, &read_only) == 0 && read_only)
        return -EACCES;
    return 0;
}

/* What the opened file is; 0 or a negative errno with @result filled. */
static int type_check(struct vmm_device *device, struct vmm_open_result *result)
{
    struct stat st;

    if (fstat(device->fd, &st) < 0) {
        result->step = VMM_OPEN_SIZE;
        return -errno;
    }
    device->block_device = S_ISBLK(st.st_mode);
    device->char_device = S_ISCHR(st.st_mode);
    if (!S_ISREG(st.st_mode) && !device->block_device && !device->char_device) {
        result->step = VMM_OPEN_TYPE;
        return -EINVAL;
    }
    int r = size_ask(device, &st);
    if (r < 0)
        result->step = r == -EACCES ? VMM_OPEN_READ_ONLY : VMM_OPEN_SIZE;
    return r;
}

/* Everything after open(2), in the order in which the reference notices faults. */
static int device_admit(const struct vmm_open *open, struct vmm_device *device,
                        struct vmm_open_result *result)
{
    int r = type_check(device, result);

    if (r == 0 && open->lock) {
        r = lock_take(device->fd, open, result);
        device->locked = r == 0;
    }
    if (r == 0 && open->create && !device->block_device && !device->char_device) {
        r = file_empty(device);
        device->size_bytes = 0;
        if (r < 0)
            result->step = VMM_OPEN_OPEN;
        else
            result->hint_status = device_hints_set(device->fd, open);
    }
    if (r == 0 && open->direct)
        device->align_bytes = direct_align(device->fd);
    return r;
}

/* Give the device a number. Returns it, or -ENOSPC or -ENOMEM. */
static int device_add(struct vmm *vmm, struct vmm_device *device)
{
    int r = -ENOSPC;

    pthread_mutex_lock(&vmm->device_lock);
    uint32_t number = vmm->device_count;
    if (number < ABI_DEVICES_MAX) {
        struct vmm_device **chunk = &vmm->device[number / DEVICE_CHUNK];
        if (!*chunk)
            *chunk = calloc(DEVICE_CHUNK, sizeof(**chunk));
        r = *chunk ? (int)number : -ENOMEM;
    }
    if (r >= 0) {
        device->number = number;
        *device_at(vmm, number) = *device;
        vmm->device_count++;
    }
    pthread_mutex_unlock(&vmm->device_lock);
    return r;
}

int vmm_device_open(struct vmm *vmm, const struct vmm_open *open, struct vmm_open_result *result)
{
    struct vmm_device device = {
        .buffered = -1,
        .uses = 1,
        .writable = open->writable || open->create,
        .no_flush = open->no_flush,
        .direct = open->direct,
        .preload = open->preload,
        .align_bytes = 1,
    };

    *result = (struct vmm_open_result){.step = VMM_OPEN_OK};
    device.fd = gate_open(vmm, open, result);
    if (device.fd < 0)
        return result->status = device.fd;
    device.path = strdup(open->path);
    int r = device.path ? device_admit(open, &device, result) : -ENOMEM;
    if (r == 0) {
        r = device_add(vmm, &device);
        if (r >= 0)
            return r;
        result->step = VMM_OPEN_LIMIT;
    }
    device_shut(&device);
    free(device.path);
    return result->status = r;
}

int vmm_stream_open(struct vmm *vmm, int fd, bool writable, uint64_t size_bytes, const char *name)
{
    struct vmm_device device = {
        .buffered = -1,
        .uses = 1,
        .writable = writable,
        .no_flush = true,
        .stream = true,
        .size_bytes = size_bytes,
        .align_bytes = 1,
        .fd = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST),
    };

    if (device.fd < 0)
        return -errno;
    device.path = strdup(name);
    int r = device.path ? device_add(vmm, &device) : -ENOMEM;
    if (r >= 0)
        return r;
    device_shut(&device);
    free(device.path);
    return r;
}

int vmm_device_facts(const struct vmm *vmm, uint32_t number, struct vmm_device_facts *facts)
{
    struct stat st;

    if (number >= vmm->device_count || device_at(vmm, number)->fd < 0)
        return -EBADF;
    const struct vmm_device *device = device_at(vmm, number);
    if (fstat(device->fd, &st) < 0)
        return -errno;
    *facts = (struct vmm_device_facts){
        .size_bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : device->size_bytes,
        .allocated_bytes = (uint64_t)st.st_blocks * 512,
        .block_device = device->block_device,
        .char_device = device->char_device,
    };
    return 0;
}

const char *vmm_device_path(const struct vmm *vmm, uint32_t device)
{
    return device < vmm->device_count ? device_at(vmm, device)->path : NULL;
}
