/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory before the first instruction: program, boot structure, job, devices' heads. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "serve.h"

/* Bytes of preloaded head and tail that a device gets. */
static uint64_t preload_bytes(const struct vmm_device *device, uint64_t *head, uint64_t *tail)
{
    bool wanted = device->preload && !device->closed && !device->char_device;
    uint64_t half = ABI_PRELOAD_BYTES / 4;

    *head = wanted ? (device->size_bytes < half ? device->size_bytes : half) : 0;
    uint64_t rest = device->size_bytes - *head;
    *tail = wanted ? (rest < ABI_PAGE_BYTES ? rest : ABI_PAGE_BYTES) : 0;
    return *head + *tail;
}

static uint64_t align8(uint64_t n)
{
    return (n + 7) & ~UINT64_C(7);
}

/* The boot area: boot structure, device table, job, then each device's preloaded bytes. */
static uint64_t boot_area_bytes(struct vmm *vmm, size_t job_bytes)
{
    uint64_t head, tail;
    uint64_t bytes = align8(sizeof(struct abi_boot)) +
                     vmm->device_count * sizeof(struct abi_device) + align8(job_bytes);

    for (uint32_t i = 0; i < vmm->device_count; i++)
        bytes += align8(preload_bytes(device_at(vmm, i), &head, &tail));
    return bytes;
}

/* Place a device's head and tail at @offset in guest memory; what cannot be read is left out: the
 * guest will ask for it and learn why. */
static uint64_t device_preload(struct vmm *vmm, struct vmm_device *device, struct abi_device *out,
                               uint64_t offset)
{
    uint64_t head, tail;
    uint64_t bytes = preload_bytes(device, &head, &tail);
    unsigned char *to = vmm->memory + offset;

    if (head && device_read(vmm, device, to, head, 0, true) == 0) {
        out->head_addr = ABI_GUEST_BASE + offset;
        out->head_bytes = head;
        vmm->vcpu[0].bytes_read += head;
    }
    if (tail && device_read(vmm, device, to + head, tail, device->size_bytes - tail, true) == 0) {
        out->tail_addr = ABI_GUEST_BASE + offset + head;
        out->tail_bytes = tail;
        vmm->vcpu[0].bytes_read += tail;
    }
    return align8(bytes);
}

struct abi_boot *boot_area(const struct vmm *vmm)
{
    return (struct abi_boot *)(vmm->memory + vmm->layout.boot_offset);
}

static void boot_fill(struct vmm *vmm, const void *job, size_t job_bytes)
{
    const struct layout *layout = &vmm->layout;
    struct abi_boot *boot = boot_area(vmm);
    uint64_t device_offset = layout->boot_offset + align8(sizeof(*boot));
    uint64_t job_offset = device_offset + vmm->device_count * sizeof(struct abi_device);
    uint64_t at = job_offset + align8(job_bytes);

    boot->version = ABI_VERSION;
    boot->vcpu_count = vmm->options.vcpus;
    boot->memory_bytes = layout->memory_bytes;
    boot->device_addr = ABI_GUEST_BASE + device_offset;
    boot->device_count = vmm->device_count;
    boot->job_addr = ABI_GUEST_BASE + job_offset;
    boot->job_bytes = job_bytes;
    boot->shared_addr = ABI_GUEST_BASE + layout->shared_offset;
    memcpy(vmm->memory + job_offset, job, job_bytes);
    for (unsigned i = 0; i < vmm->options.vcpus; i++) {
        const struct layout_vcpu *v = &layout->vcpu[i];
        boot->vcpu[i] = (struct abi_vcpu_boot){
            .ring_addr = ABI_GUEST_BASE + v->ring_offset,
            .stack_top = ABI_GUEST_BASE + v->stack_top_offset,
            .arena_addr = ABI_GUEST_BASE + v->arena_offset,
            .arena_bytes = v->arena_bytes,
            .doorbell_fd = -1,
        };
        vmm->vcpu[i].ring = (struct abi_ring *)(vmm->memory + v->ring_offset);
    }
    struct abi_device *table = (struct abi_device *)(vmm->memory + device_offset);
    for (uint32_t i = 0; i < vmm->device_count; i++) {
        device_describe(device_at(vmm, i), device_at(vmm, i)->size_bytes, &table[i]);
        at += device_preload(vmm, device_at(vmm, i), &table[i], at);
    }
}

/* Address space for guest memory, at a huge page's boundary where the engine wants those. */
static int memory_map(struct vmm *vmm)
{
    bool huge = vmm->engine->huge && vmm->options.bulk;
    uint64_t slack = huge ? ABI_HUGE_PAGE_BYTES : 0;
    uint64_t bytes = vmm->layout.memory_bytes;
    void *mapping = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE,
                         vmm->engine->map_flag | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (mapping == MAP_FAILED)
        return -errno;
    vmm->mapping = mapping;
    vmm->mapping_bytes = bytes + slack;
    uint64_t misfit = slack ? (uintptr_t)mapping % slack : 0;
    vmm->memory = (unsigned char *)mapping + (misfit ? slack - misfit : 0);
    if (huge) /* a wish: without huge pages it is only slower */
        madvise(vmm->memory + vmm->layout.vcpu[0].arena_offset,
                vmm->layout.tables_offset - vmm->layout.vcpu[0].arena_offset, MADV_HUGEPAGE);
    return 0;
}

int boot_memory_make(struct vmm *vmm, const void *job, size_t job_bytes)
{
    const struct layout_wish wish = {
        .memory_bytes = vmm->options.memory_bytes,
        .vcpus = vmm->options.vcpus,
        .image = vmm->elf.section,
        .image_sections = vmm->elf.segments,
        .boot_bytes = boot_area_bytes(vmm, job_bytes),
        .stub = vmm->engine->stub,
        .tables_bytes =
            vmm->engine->tables_bytes ? vmm->engine->tables_bytes(vmm->options.memory_bytes) : 0,
    };

    int r = layout_make(&wish, &vmm->layout);
    if (r == 0)
        r = memory_map(vmm);
    if (r < 0)
        return r;
    guest_elf_load(&vmm->elf, vmm->memory, vmm->engine->map_image);
    boot_fill(vmm, job, job_bytes);
    return 0;
}
