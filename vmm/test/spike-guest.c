/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest of the two spikes: copies device 0 to device 1, or decompresses device 0. */
#include "abi/abi.h"
#include "abi/tree.h"
#include "spike-inflate.h"

#include <string.h>

enum { RECORD_BYTES = 4096, EXTENTS = 64, POOL_BYTES = 1 << 20 };

struct player {
    const struct abi_boot *boot;
    const struct abi_vcpu_boot *mine;
    uint64_t vcpu;
    struct abi_ring *ring;
    uint32_t sq_tail;
};

_Noreturn void guest_main(const struct abi_boot *boot, uint64_t vcpu);
void *malloc(size_t bytes);
void free(void *block);

/* libdeflate's only need of memory: a decompressor for each vCPU. */
void *malloc(size_t bytes)
{
    static _Alignas(64) unsigned char pool[POOL_BYTES];
    static size_t used;
    size_t at = __atomic_fetch_add(&used, (bytes + 63) & ~(size_t)63, __ATOMIC_SEQ_CST);

    return at + bytes <= sizeof(pool) ? pool + at : NULL;
}

void free(void *block)
{
    (void)block;
}

static void port_out(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static void push(struct player *p, const struct abi_request *request)
{
    p->ring->sq[p->sq_tail % ABI_RING_ENTRIES] = *request;
    p->sq_tail++;
    __atomic_store_n(&p->ring->sq_tail, p->sq_tail, __ATOMIC_RELEASE);
}

/* Wait for @count requests, the last one's completion is returned. */
static struct abi_completion wait_for(struct player *p, uint32_t count)
{
    port_out(ABI_PORT_DOORBELL, count);
    return p->ring
        ->cq[(__atomic_load_n(&p->ring->cq_tail, __ATOMIC_ACQUIRE) - 1) % ABI_RING_ENTRIES];
}

static void say(struct player *p, const char *key)
{
    struct tree_writer w;

    tree_begin(&w, (void *)p->mine->arena_addr, RECORD_BYTES);
    tree_put_bool(&w, key, true);
    const struct abi_request request = {.kind = ABI_REQ_RESULT,
                                        .addr = p->mine->arena_addr,
                                        .length = tree_finish(&w),
                                        .arg = ABI_RECORD_STEP};
    push(p, &request);
    wait_for(p, 1);
}

static const struct abi_device *device(const struct player *p, unsigned number)
{
    return (const struct abi_device *)p->boot->device_addr + number;
}

/* Copy the extents that hold data, as many at once as there are in one answer. */
static void copy(struct player *p)
{
    struct abi_extent *extent = (struct abi_extent *)(p->mine->arena_addr + RECORD_BYTES);
    uint64_t size_bytes = device(p, 0)->size_bytes;
    const struct abi_request grow = {.kind = ABI_REQ_TRUNCATE, .device = 1, .length = size_bytes};

    push(p, &grow);
    for (uint64_t at = 0; at < size_bytes;) {
        uint32_t copies = 0;
        const struct abi_request look = {.kind = ABI_REQ_EXTENTS,
                                         .offset = at,
                                         .length = size_bytes - at,
                                         .arg = EXTENTS,
                                         .addr = (uint64_t)(uintptr_t)extent};
        push(p, &look);
        struct abi_completion found = wait_for(p, at == 0 ? 2 : 1);
        for (uint64_t i = 0; i < found.value; at += extent[i++].length) {
            const struct abi_request request = {.kind = ABI_REQ_COPY,
                                                .device2 = 1,
                                                .offset = at,
                                                .offset2 = at,
                                                .length = extent[i].length};
            if (!(extent[i].flags & ABI_EXTENT_DATA))
                continue;
            push(p, &request);
            copies++;
        }
        wait_for(p, copies);
    }
}

/* Each vCPU reads all of the file, tells that it is ready, and waits for the others. */
static void inflate(struct player *p)
{
    uint64_t *shared = (uint64_t *)p->boot->shared_addr;
    uint8_t *file = (uint8_t *)(p->mine->arena_addr + ABI_HUGE_PAGE_BYTES);
    uint64_t file_bytes = device(p, 0)->size_bytes;
    uint8_t *out = file + (file_bytes / ABI_HUGE_PAGE_BYTES + 1) * ABI_HUGE_PAGE_BYTES;
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    const struct abi_request read = {
        .kind = ABI_REQ_READ, .length = file_bytes, .addr = (uint64_t)(uintptr_t)file};

    push(p, &read);
    wait_for(p, 1);
    memset(out, 0, SPIKE_CLUSTER_BYTES);
    say(p, "ready");
    __atomic_fetch_add(&shared[1], 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&shared[1], __ATOMIC_SEQ_CST) < p->boot->vcpu_count)
        __asm__ volatile("pause");
    if (!decompressor || !spike_inflate(file, &shared[0], out, decompressor))
        __builtin_trap();
    say(p, "done");
}

_Noreturn void guest_main(const struct abi_boot *boot, uint64_t vcpu)
{
    struct player p = {.boot = boot,
                       .vcpu = vcpu,
                       .mine = &boot->vcpu[vcpu],
                       .ring = (struct abi_ring *)boot->vcpu[vcpu].ring_addr};

    if (boot->device_count == 2)
        copy(&p);
    else
        inflate(&p);
    for (;;)
        port_out(ABI_PORT_DONE, 0);
}

__attribute__((naked, noreturn, used)) void _start(void);

__attribute__((naked, noreturn, used)) void _start(void)
{
    __asm__("xor %ebp, %ebp\n\tand $-16, %rsp\n\tcall guest_main\n\tud2");
}
