/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DEVICE, EXTENTS, SCAN, COMPARE: facts about devices. The host looks whether bytes are zero or
 * equal; it never looks at what they mean.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"

int serve_device(struct vmm_vcpu *vcpu, struct vmm_device *device,
                 const struct abi_request *request, struct abi_completion *completion)
{
    struct abi_device facts;

    (void)completion;
    device_describe(device, &facts);
    memcpy(guest_memory(vcpu->vmm, request->addr), &facts, sizeof(facts));
    return 0;
}

/* The run that starts at @offset: data or hole, up to @end. */
static int extent_at(struct vmm_device *device, uint64_t offset, uint64_t end,
                     struct abi_extent *extent)
{
    uint64_t limit = end < device->size_bytes ? end : device->size_bytes;

    if (offset >= device->size_bytes) {
        *extent = (struct abi_extent){.length = end - offset, .flags = ABI_EXTENT_ZERO};
        return 0;
    }
    off_t data = lseek(device->fd, (off_t)offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) {
        *extent = (struct abi_extent){.length = limit - offset, .flags = ABI_EXTENT_ZERO};
        return 0;
    }
    if (data < 0 || device->block_device) { /* the file system cannot tell: all is data */
        *extent = (struct abi_extent){.length = limit - offset, .flags = ABI_EXTENT_DATA};
        return 0;
    }
    if ((uint64_t)data > offset) {
        uint64_t stop = (uint64_t)data < limit ? (uint64_t)data : limit;
        *extent = (struct abi_extent){.length = stop - offset, .flags = ABI_EXTENT_ZERO};
        return 0;
    }
    off_t hole = lseek(device->fd, (off_t)offset, SEEK_HOLE);
    if (hole < 0)
        return -errno;
    uint64_t stop = (uint64_t)hole < limit && hole > data ? (uint64_t)hole : limit;
    *extent = (struct abi_extent){.length = stop - offset, .flags = ABI_EXTENT_DATA};
    return 0;
}

int serve_extents(struct vmm_vcpu *vcpu, struct vmm_device *device,
                  const struct abi_request *request, struct abi_completion *completion)
{
    struct abi_extent *out = guest_memory(vcpu->vmm, request->addr);
    uint64_t offset = request->offset;
    uint64_t end = request->offset + request->length;
    uint32_t count = 0;

    for (; count < request->arg && offset < end; count++) {
        struct abi_extent extent;
        int r = extent_at(device, offset, end, &extent);
        if (r < 0)
            return r;
        out[count] = extent;
        offset += extent.length;
    }
    completion->value = count;
    return 0;
}

static bool is_zero(const unsigned char *p, size_t n)
{
    /* A block is zero if its first byte is and it equals itself moved by one. */
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

int serve_scan(struct vmm_vcpu *vcpu, struct vmm_device *device, const struct abi_request *request,
               struct abi_completion *completion)
{
    unsigned char *bitmap = guest_memory(vcpu->vmm, request->addr);
    unsigned char *buffer = serve_bounce(vcpu);
    uint64_t block = request->arg;
    uint64_t per_read = SERVE_BOUNCE_BYTES / block * block;
    uint64_t bit = 0;

    (void)completion;
    if (!buffer)
        return -ENOMEM;
    if (per_read == 0)
        return -EINVAL; /* blocks beyond the buffer are of no use to anybody */
    memset(bitmap, 0, (request->length + block - 1) / block / 8 + 1);
    for (uint64_t done = 0; done < request->length;) {
        uint64_t rest = request->length - done;
        uint64_t piece = rest < per_read ? rest : per_read;
        int r = read_whole(device->fd, buffer, piece, request->offset + done, false);
        if (r < 0)
            return r;
        for (uint64_t at = 0; at < piece; at += block, bit++) {
            uint64_t n = piece - at < block ? piece - at : block;
            if (is_zero(buffer + at, n))
                bitmap[bit / 8] |= (unsigned char)(1u << (bit % 8));
        }
        done += piece;
    }
    return 0;
}

int serve_compare(struct vmm_vcpu *vcpu, struct vmm_device *device,
                  const struct abi_request *request, struct abi_completion *completion)
{
    struct vmm_device *other = device_get(vcpu->vmm, request->device2);
    unsigned char *a = serve_bounce(vcpu);

    if (!other)
        return -EBADF;
    if (!a)
        return -ENOMEM;
    unsigned char *b = a + SERVE_BOUNCE_BYTES;
    for (uint64_t done = 0; done < request->length;) {
        uint64_t rest = request->length - done;
        uint64_t piece = rest < SERVE_BOUNCE_BYTES ? rest : SERVE_BOUNCE_BYTES;
        int r = read_whole(device->fd, a, piece, request->offset + done, false);
        if (r == 0)
            r = read_whole(other->fd, b, piece, request->offset2 + done, false);
        if (r < 0)
            return r;
        if (memcmp(a, b, piece) != 0) {
            uint64_t same = 0;
            while (a[same] == b[same])
                same++;
            completion->value = done + same;
            return 0;
        }
        done += piece;
    }
    completion->value = request->length;
    return 0;
}
