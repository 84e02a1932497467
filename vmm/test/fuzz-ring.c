/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fuzz target of the ring: the guest is the input. It writes the tail, the requests and what
 * they point to; whatever that is, the host must neither crash nor touch anything but the rig's
 * memory and files.
 *
 * An input is {way of bulk transfers: 1 byte, requests: 1 byte, completions to wait for: 2, lie
 * added to the tail: 4}, the requests of 64 bytes each, and the bytes of the guest's data area.
 * Addresses count from that area, modulo 2^64: where it lies may change.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "rig.h"

enum { HEAD_BYTES = 8, FILE_BYTES = 70000, FILE_BYTES_MAX = 16 << 20, SECONDS_MAX = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The rig's data area starts with what the guest points to. */
static void guest_fill(struct rig *rig, const uint8_t *data, size_t size)
{
    enum { AREA_BYTES = 1 << 20 };
    struct abi_request request;
    size_t count = data[1], at = HEAD_BYTES;

    for (size_t i = 0; i < count && size - at >= sizeof(request); i++, at += sizeof(request)) {
        memcpy(&request, data + at, sizeof(request));
        request.addr += rig_addr(rig, 0);
        if (request.kind == ABI_REQ_OPEN)
            request.offset2 += rig_addr(rig, 0);
        rig_push(rig, &request);
    }
    memcpy(rig_data(rig, 0), data + at, least(size - at, AREA_BYTES));
}

/* Nothing may grow beyond a few megabytes, or work longer than that takes. */
static void limits_set(struct rig *rig)
{
    const struct rlimit limit = {FILE_BYTES_MAX, RLIM_INFINITY};

    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        abort();
    clock_gettime(CLOCK_MONOTONIC, &rig->vmm->deadline);
    rig->vmm->deadline.tv_sec += SECONDS_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum vmm_io ways[] = {VMM_IO_AUTO, VMM_IO_URING, VMM_IO_THREADS};
    uint16_t wait;
    uint32_t lie;
    struct rig rig;

    if (size < HEAD_BYTES)
        return 0;
    memcpy(&wait, data + 2, sizeof(wait));
    memcpy(&lie, data + 4, sizeof(lie));
    rig_file("read", FILE_BYTES, 1);
    rig_file("write", FILE_BYTES, 2);
    rig_start(&rig, ways[data[0] % 3]);
    rig_open(&rig, "read", false);
    rig_open(&rig, "write", true);
    limits_set(&rig);
    guest_fill(&rig, data, size);
    rig.vmm->vcpu[0].ring->sq_tail += lie;
    while (ring_serve(&rig.vmm->vcpu[0], wait) && rig.vmm->vcpu[0].exits < 3)
        ;
    rig_stop(&rig);
    return 0;
}
