/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices: opening files with the least rights, and what the host knows of them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* Descriptors of devices stay away from 0 to 2: one of those may be closed, and then anything
 * printed would end up in an image. */
enum { FD_FIRST = 3 };

struct vmm_device *device_get(struct vmm *vmm, uint32_t device)
{
    if (device >= vmm->device_count || vmm->device[device].fd < 0)
        return NULL;
    return &vmm->device[device];
}

void device_close(struct vmm_device *device)
{
    if (device->fd >= 0)
        close(device->fd);
    device->fd = -1;
}

int device_size_refresh(struct vmm_device *device)
{
    struct stat st;

    if (device->block_device)
        return ioctl(device->fd, BLKGETSIZE64, &device->size_bytes) < 0 ? -errno : 0;
    if (fstat(device->fd, &st) < 0)
        return -errno;
    device->size_bytes = device->char_device ? 0 : (uint64_t)st.st_size;
    return 0;
}

void device_describe(const struct vmm_device *device, struct abi_device *out)
{
    *out = (struct abi_device){
        .size_bytes = device->size_bytes,
        .flags =
            (device->writable ? ABI_DEVICE_WRITABLE : 0) |
            (device->block_device || device->char_device ? ABI_DEVICE_BLOCK : ABI_DEVICE_ZERO_INIT),
        .align_bytes = device->align_bytes,
    };
}

/* open(2) with a descriptor above 2. */
static int open_high(const struct vmm_open *open_options)
{
    int flags = O_CLOEXEC | O_NOCTTY | (open_options->writable ? O_RDWR : O_RDONLY) |
                (open_options->create ? O_CREAT | O_TRUNC : 0) |
                (open_options->direct ? O_DIRECT : 0);
    int fd = open(open_options->path, flags, 0644);

    if (fd < 0)
        return -errno;
    if (fd < FD_FIRST) {
        int high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);
        int error = errno;
        close(fd);
        return high < 0 ? -error : high;
    }
    return fd;
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
    int r = device_size_refresh(device);
    if (r < 0)
        result->step = VMM_OPEN_SIZE;
    return r;
}

/* A free entry; its number, or -ENOSPC or -ENOMEM. */
static int device_slot(struct vmm *vmm)
{
    if (vmm->device_count == ABI_DEVICES_MAX)
        return -ENOSPC;
    if (vmm->device_count == vmm->device_room) {
        uint32_t room = vmm->device_room ? vmm->device_room * 2 : 8;
        struct vmm_device *table = realloc(vmm->device, room * sizeof(*table));
        if (!table)
            return -ENOMEM;
        vmm->device = table;
        vmm->device_room = room;
    }
    return (int)vmm->device_count;
}

/* Everything after open(2), in the order in which the reference notices faults. */
static int device_admit(const struct vmm *vmm, const struct vmm_open *open,
                        struct vmm_device *device, struct vmm_open_result *result)
{
    int r = gate_check(vmm, open, device->fd);
    if (r < 0) {
        result->step = VMM_OPEN_POLICY;
        return r;
    }
    r = type_check(device, result);
    if (r == 0 && open->lock && !device->char_device)
        r = lock_take(device->fd, open, result);
    return r;
}

int vmm_device_open(struct vmm *vmm, const struct vmm_open *open, struct vmm_open_result *result)
{
    struct vmm_device device = {
        .writable = open->writable,
        .no_flush = open->no_flush,
        .direct = open->direct,
        .preload = open->preload,
        .named_by_user = open->named_by_user,
        .align_bytes = 1,
    };

    *result = (struct vmm_open_result){.step = VMM_OPEN_OK};
    int slot = device_slot(vmm);
    if (slot < 0) {
        result->step = VMM_OPEN_LIMIT;
        return result->status = slot;
    }
    if (vmm->options.policy == VMM_POLICY_STRICT && !open->named_by_user) {
        result->step = VMM_OPEN_POLICY; /* not even opened */
        return result->status = -EPERM;
    }
    device.fd = open_high(open);
    if (device.fd < 0) {
        result->step = VMM_OPEN_OPEN;
        return result->status = device.fd;
    }
    device.path = strdup(open->path);
    int r = device.path ? device_admit(vmm, open, &device, result) : -ENOMEM;
    if (r < 0) {
        device_close(&device);
        free(device.path);
        return result->status = r;
    }
    vmm->device[slot] = device;
    vmm->device_count++;
    return slot;
}

int vmm_device_facts(const struct vmm *vmm, uint32_t number, struct vmm_device_facts *facts)
{
    struct stat st;

    if (number >= vmm->device_count || vmm->device[number].fd < 0)
        return -EBADF;
    const struct vmm_device *device = &vmm->device[number];
    if (fstat(device->fd, &st) < 0)
        return -errno;
    *facts = (struct vmm_device_facts){
        .size_bytes = device->size_bytes,
        .allocated_bytes = (uint64_t)st.st_blocks * 512,
        .block_device = device->block_device,
        .char_device = device->char_device,
    };
    return 0;
}

const char *vmm_device_path(const struct vmm *vmm, uint32_t device)
{
    return device < vmm->device_count ? vmm->device[device].path : NULL;
}
