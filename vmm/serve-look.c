/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DEVICE, EXTENTS, SCAN, COMPARE: facts about devices. The host looks whether bytes are zero or
 * equal; it never looks at what they mean.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"

int serve_device(struct serve_call *call)
{
    struct abi_device facts;
    uint64_t size_bytes;

    device_size(call->device, &size_bytes);
    device_describe(call->device, size_bytes, &facts);
    memcpy(guest_memory(call->vmm, call->request->addr), &facts, sizeof(facts));
    return 0;
}

/* Whether holes of the file are not to be asked for. */
static bool is_all_data(const struct vmm *vmm, const struct vmm_device *device)
{
    return device->block_device || (vmm->options.no_holes && !device->writable);
}

/* The run that starts at @offset: data or hole, up to @end. */
static int extent_at(const struct vmm_device *device, bool all_data, uint64_t size_bytes,
                     uint64_t offset, uint64_t end, struct abi_extent *extent)
{
    uint64_t limit = end < size_bytes ? end : size_bytes;

    if (offset >= size_bytes) {
        *extent = (struct abi_extent){.length = end - offset, .flags = ABI_EXTENT_ZERO};
        return 0;
    }
    off_t data = all_data ? (off_t)offset : lseek(device->fd, (off_t)offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
        data = (off_t)limit; /* a hole up to the end */
    else if (data < 0)
        data = (off_t)offset; /* the file system cannot tell: all is data */
    if ((uint64_t)data > offset) {
        uint64_t stop = (uint64_t)data < limit ? (uint64_t)data : limit;
        *extent = (struct abi_extent){.length = stop - offset, .flags = ABI_EXTENT_ZERO};
        return 0;
    }
    off_t hole = all_data ? -1 : lseek(device->fd, (off_t)offset, SEEK_HOLE);
    uint64_t stop = hole > data && (uint64_t)hole < limit ? (uint64_t)hole : limit;
    uint64_t partial = device->direct ? stop & (device->align_bytes - 1) : 0;
    if (partial) /* the file's last block counts as a whole one */
        stop =
            end - stop < device->align_bytes - partial ? end : stop + device->align_bytes - partial;
    *extent = (struct abi_extent){.length = stop - offset, .flags = ABI_EXTENT_DATA};
    return 0;
}

int serve_extents(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    struct abi_extent *out = guest_memory(call->vmm, request->addr);
    uint64_t offset = request->offset;
    uint64_t end = request->offset + request->length;
    uint64_t size_bytes;
    uint32_t count = 0;
    bool all_data = is_all_data(call->vmm, call->device);
    int r = device_size(call->device, &size_bytes);

    for (; r == 0 && count < request->arg && offset < end; count++) {
        struct abi_extent extent;
        r = vmm_has_ended(call->vmm)
                ? -ECANCELED
                : extent_at(call->device, all_data, size_bytes, offset, end, &extent);
        if (r < 0)
            return r;
        out[count] = extent;
        offset += extent.length;
    }
    call->value = count;
    return r;
}

static bool is_zero(const unsigned char *p, size_t n)
{
    /* A block is zero if its first byte is and it equals itself moved by one. */
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

int serve_scan(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    unsigned char *bitmap = guest_memory(call->vmm, request->addr);
    unsigned char *buffer = serve_bounce(call->vcpu);
    uint64_t block = request->arg;
    uint64_t per_read = SERVE_BOUNCE_BYTES / block * block;
    uint64_t bits = (request->length + block - 1) / block;
    uint64_t bit = 0;

    if (!buffer)
        return -ENOMEM;
    if (per_read == 0)
        return -EINVAL; /* blocks beyond the buffer are of no use to anybody */
    memset(bitmap, 0, bits / 8 + (bits % 8 != 0));
    for (uint64_t done = 0; done < request->length;) {
        uint64_t rest = request->length - done;
        uint64_t piece = rest < per_read ? rest : per_read;
        int r = vmm_has_ended(call->vmm) ? -ECANCELED
                                         : device_read(call->vmm, call->device, buffer, piece,
                                                       request->offset + done, false);
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

/* How many bytes are the same at the start of two buffers that differ. */
static uint64_t same_bytes(const unsigned char *a, const unsigned char *b)
{
    uint64_t same = 0;

    while (a[same] == b[same])
        same++;
    return same;
}

/* Both pieces stay in the second-level cache. */
enum { COMPARE_PIECE_BYTES = 256 << 10 };

int serve_compare(struct serve_call *call)
{
    const struct abi_request *request = call->request;
    unsigned char *a = serve_bounce(call->vcpu);

    if (!a)
        return -ENOMEM;
    unsigned char *b = a + COMPARE_PIECE_BYTES;
    for (uint64_t done = 0; done < request->length;) {
        uint64_t rest = request->length - done;
        uint64_t piece = rest < COMPARE_PIECE_BYTES ? rest : COMPARE_PIECE_BYTES;
        int r = vmm_has_ended(call->vmm)
                    ? -ECANCELED
                    : device_read(call->vmm, call->device, a, piece, request->offset + done, false);
        if (r == 0)
            r = device_read(call->vmm, call->device2, b, piece, request->offset2 + done, false);
        if (r < 0)
            return r;
        if (memcmp(a, b, piece) != 0) {
            call->value = done + same_bytes(a, b);
            return 0;
        }
        done += piece;
    }
    call->value = request->length;
    return 0;
}
