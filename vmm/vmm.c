/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run from its making to its end; see vmm.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

extern const unsigned char guest_image_start[], guest_image_end[];

/* The engine that is asked for. Only the process engine is there: auto means it. */
static int engine_choose(struct vmm *vmm)
{
    vmm->engine = &vmm_engine_process;
    return vmm->options.engine == VMM_ENGINE_KVM ? -ENODEV : 0;
}

struct vmm *vmm_new(const struct vmm_options *options, int *status)
{
    struct vmm *vmm = calloc(1, sizeof(*vmm));

    if (!vmm) {
        *status = -ENOMEM;
        return NULL;
    }
    vmm->options = *options;
    pthread_mutex_init(&vmm->lock, NULL);
    for (unsigned i = 0; i < ABI_VCPUS_MAX; i++)
        vmm->vcpu[i] = (struct vmm_vcpu){.vmm = vmm, .index = i, .doorbell_fd = -1};
    *status = engine_choose(vmm);
    if (*status == 0)
        *status = guest_elf_parse(&vmm->elf, guest_image_start,
                                  (size_t)(guest_image_end - guest_image_start));
    if (*status < 0) {
        vmm_free(vmm);
        return NULL;
    }
    return vmm;
}

void vmm_free(struct vmm *vmm)
{
    if (!vmm)
        return;
    for (uint32_t i = 0; i < vmm->device_count; i++) {
        device_close(&vmm->device[i]);
        free(vmm->device[i].path);
    }
    for (unsigned i = 0; i < ABI_VCPUS_MAX; i++)
        free(vmm->vcpu[i].bounce);
    if (vmm->memory)
        munmap(vmm->memory, vmm->layout.memory_bytes);
    free(vmm->device);
    pthread_mutex_destroy(&vmm->lock);
    free(vmm);
}

const char *vmm_engine_name(const struct vmm *vmm)
{
    return vmm->engine->name;
}

void vmm_end_set(struct vmm *vmm, enum vmm_end end, int status, const char *detail)
{
    pthread_mutex_lock(&vmm->lock);
    if (!vmm->ended) {
        vmm->ended = true;
        vmm->end = end;
        vmm->status = status;
        vmm->detail = detail;
    }
    pthread_mutex_unlock(&vmm->lock);
}

bool vmm_has_ended(struct vmm *vmm)
{
    if (vmm->cancelled)
        vmm_end_set(vmm, VMM_END_SIGNAL, 0, "cancelled");
    pthread_mutex_lock(&vmm->lock);
    bool ended = vmm->ended;
    pthread_mutex_unlock(&vmm->lock);
    return ended;
}

int vmm_time_left_ms(const struct vmm *vmm)
{
    struct timespec now;

    if (vmm->deadline.tv_sec == 0)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = (vmm->deadline.tv_sec - now.tv_sec) * INT64_C(1000) +
                 (vmm->deadline.tv_nsec - now.tv_nsec) / 1000000;
    return ms < 0 ? 0 : (int)ms;
}

/* Bytes of preloaded head and tail that a device gets. */
static uint64_t preload_bytes(const struct vmm_device *device, uint64_t *head, uint64_t *tail)
{
    bool wanted = device->preload && device->fd >= 0 && !device->char_device;
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
        bytes += align8(preload_bytes(&vmm->device[i], &head, &tail));
    return bytes;
}

static int pread_whole(int fd, void *to, uint64_t bytes, uint64_t offset)
{
    for (uint64_t done = 0; done < bytes;) {
        ssize_t n = pread(fd, (char *)to + done, bytes - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO;
        if (n > 0)
            done += (uint64_t)n;
    }
    return 0;
}

/* Place a device's head and tail at @offset in guest memory; what cannot be read is left out: the
 * guest will ask for it and learn why. */
static uint64_t device_preload(struct vmm *vmm, const struct vmm_device *device,
                               struct abi_device *out, uint64_t offset)
{
    uint64_t head, tail;
    uint64_t bytes = preload_bytes(device, &head, &tail);
    unsigned char *to = vmm->memory + offset;

    if (head && pread_whole(device->fd, to, head, 0) == 0) {
        out->head_addr = ABI_GUEST_BASE + offset;
        out->head_bytes = head;
        vmm->vcpu[0].bytes_read += head;
    }
    if (tail && pread_whole(device->fd, to + head, tail, device->size_bytes - tail) == 0) {
        out->tail_addr = ABI_GUEST_BASE + offset + head;
        out->tail_bytes = tail;
        vmm->vcpu[0].bytes_read += tail;
    }
    return align8(bytes);
}

static void boot_fill(struct vmm *vmm, const void *job, size_t job_bytes)
{
    const struct layout *layout = &vmm->layout;
    struct abi_boot *boot = (struct abi_boot *)(vmm->memory + layout->boot_offset);
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
        device_describe(&vmm->device[i], &table[i]);
        at += device_preload(vmm, &vmm->device[i], &table[i], at);
    }
}

/* Guest memory, with the program, the boot area and the devices' heads in place. */
static int memory_make(struct vmm *vmm, const void *job, size_t job_bytes)
{
    const struct layout_wish wish = {
        .memory_bytes = vmm->options.memory_bytes,
        .vcpus = vmm->options.vcpus,
        .image = vmm->elf.section,
        .image_sections = vmm->elf.segments,
        .boot_bytes = boot_area_bytes(vmm, job_bytes),
        .stub = vmm->engine->stub,
        .tables_bytes = vmm->engine->tables_bytes,
    };

    int r = layout_make(&wish, &vmm->layout);
    if (r < 0)
        return r;
    void *memory = mmap(NULL, vmm->layout.memory_bytes, PROT_READ | PROT_WRITE,
                        vmm->engine->prot_shared | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    vmm->memory = memory;
    guest_elf_load(&vmm->elf, vmm->memory);
    boot_fill(vmm, job, job_bytes);
    return 0;
}

static void *vcpu_thread(void *arg)
{
    struct vmm_vcpu *vcpu = arg;
    vcpu->vmm->engine->run(vcpu);
    return NULL;
}

/* Run all vCPUs, the first one on this thread, until each is done or the run has ended. */
static void vcpus_run(struct vmm *vmm)
{
    unsigned started = 1;

    for (; started < vmm->options.vcpus; started++) {
        int r = pthread_create(&vmm->vcpu[started].thread, NULL, vcpu_thread, &vmm->vcpu[started]);
        if (r != 0) {
            vmm_end_set(vmm, VMM_END_HOST, -r, "no thread for a vCPU");
            break;
        }
    }
    if (!vmm_has_ended(vmm))
        vmm->engine->run(&vmm->vcpu[0]);
    if (vmm_has_ended(vmm))
        vmm->engine->kick(vmm);
    for (unsigned i = 1; i < started; i++)
        pthread_join(vmm->vcpu[i].thread, NULL);
}

static void deadline_set(struct vmm *vmm)
{
    if (vmm->options.time_limit_ms == 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &vmm->deadline);
    vmm->deadline.tv_sec += vmm->options.time_limit_ms / 1000;
    vmm->deadline.tv_nsec += (long)(vmm->options.time_limit_ms % 1000) * 1000000;
    if (vmm->deadline.tv_nsec >= 1000000000) {
        vmm->deadline.tv_nsec -= 1000000000;
        vmm->deadline.tv_sec++;
    }
}

static void result_fill(const struct vmm *vmm, struct vmm_result *result)
{
    *result = (struct vmm_result){
        .end = vmm->ended ? vmm->end : VMM_END_DONE,
        .status = vmm->status,
        .detail = vmm->detail,
    };
    for (unsigned i = 0; i < vmm->options.vcpus; i++) {
        result->exits += vmm->vcpu[i].exits;
        result->requests += vmm->vcpu[i].requests;
        result->bytes_read += vmm->vcpu[i].bytes_read;
        result->bytes_written += vmm->vcpu[i].bytes_written;
    }
}

void vmm_run(struct vmm *vmm, const void *job, size_t job_bytes,
             const struct vmm_callbacks *callbacks, struct vmm_result *result)
{
    vmm->callbacks = callbacks;
    deadline_set(vmm);
    int r = memory_make(vmm, job, job_bytes);
    if (r == 0)
        r = vmm->engine->start(vmm);
    if (r == 0)
        r = confine_host(vmm);
    if (r < 0)
        vmm_end_set(vmm, VMM_END_HOST, r, "the sandbox cannot be set up");
    else
        vcpus_run(vmm);
    vmm->engine->stop(vmm);
    result_fill(vmm, result);
}

void vmm_cancel(struct vmm *vmm)
{
    vmm->cancelled = 1;
    vmm->engine->kick(vmm);
}
