/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run from its making to its end; see vmm.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "flights.h"
#include "io.h"

extern const unsigned char guest_image_start[], guest_image_end[];

/* The first engine that is allowed and that this machine has. */
static int engine_choose(struct vmm *vmm)
{
    static const struct {
        enum vmm_engine name;
        const struct vmm_engine_ops *ops;
    } engines[] = {
        {VMM_ENGINE_KVM,     &vmm_engine_kvm    },
        {VMM_ENGINE_PROCESS, &vmm_engine_process},
    };

    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        if (vmm->options.engine != VMM_ENGINE_AUTO && vmm->options.engine != engines[i].name)
            continue;
        vmm->engine = engines[i].ops;
        if (!vmm->engine->probe || vmm->engine->probe(vmm) == 0)
            return 0;
        vmm->engine->reap(vmm);
    }
    return -ENODEV;
}

struct vmm *vmm_new(const struct vmm_options *options, int *status)
{
    struct vmm *vmm = calloc(1, sizeof(*vmm));

    if (!vmm) {
        *status = -ENOMEM;
        return NULL;
    }
    vmm->options = *options;
    vmm->kvm_fd = vmm->machine_fd = -1;
    pthread_mutex_init(&vmm->callback_lock, NULL);
    pthread_mutex_init(&vmm->device_lock, NULL);
    pthread_mutex_init(&vmm->end_lock, NULL);
    pthread_mutex_init(&vmm->pace_lock, NULL);
    vmm->pace.rate_bytes = options->pace_bytes;
    for (unsigned i = 0; i < ABI_VCPUS_MAX; i++)
        vmm->vcpu[i] = (struct vmm_vcpu){.vmm = vmm, .index = i, .doorbell_fd = -1, .kvm_fd = -1};
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

static void memory_free(struct vmm *vmm)
{
    if (vmm->mapping)
        munmap(vmm->mapping, vmm->mapping_bytes);
    vmm->mapping = NULL;
}

void vmm_free(struct vmm *vmm)
{
    if (!vmm)
        return;
    if (vmm->engine && vmm->engine->reap)
        vmm->engine->reap(vmm);
    io_pool_free(vmm);
    device_free_all(vmm);
    gate_free(vmm);
    for (unsigned i = 0; i < ABI_VCPUS_MAX; i++) {
        free(vmm->vcpu[i].bounce);
        free(vmm->vcpu[i].reply);
    }
    memory_free(vmm);
    pthread_mutex_destroy(&vmm->callback_lock);
    pthread_mutex_destroy(&vmm->device_lock);
    pthread_mutex_destroy(&vmm->end_lock);
    pthread_mutex_destroy(&vmm->pace_lock);
    free(vmm);
}

void vmm_memory_set(struct vmm *vmm, uint64_t memory_bytes, bool bulk)
{
    vmm->options.memory_bytes = memory_bytes;
    vmm->options.bulk = bulk;
}

const char *vmm_engine_name(const struct vmm *vmm)
{
    return vmm->engine->name;
}

void vmm_end_set(struct vmm *vmm, enum vmm_end end, int status, const char *detail)
{
    pthread_mutex_lock(&vmm->end_lock);
    if (!atomic_load(&vmm->ended)) {
        vmm->end = end;
        vmm->status = status;
        vmm->detail = detail;
        atomic_store(&vmm->ended, true);
    }
    pthread_mutex_unlock(&vmm->end_lock);
}

bool vmm_has_ended(struct vmm *vmm)
{
    if (vmm->cancelled)
        vmm_end_set(vmm, VMM_END_SIGNAL, 0, "cancelled");
    else if (vmm_time_left_ms(vmm) == 0)
        vmm_end_set(vmm, VMM_END_TIME, 0, "over the time limit");
    return atomic_load(&vmm->ended);
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

/* Run a vCPU; when it ends otherwise than by being done, so do all. */
static void vcpu_run(struct vmm_vcpu *vcpu)
{
    struct vmm *vmm = vcpu->vmm;

    if (!vmm_has_ended(vmm))
        vmm->engine->run(vcpu);
    if (vmm_has_ended(vmm))
        vmm->engine->kick(vmm);
    flights_free(vcpu);
}

static void *vcpu_thread(void *arg)
{
    vcpu_run(arg);
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
    vcpu_run(&vmm->vcpu[0]);
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
        .end = atomic_load(&vmm->ended) ? vmm->end : VMM_END_DONE,
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

static int engine_start(struct vmm *vmm, const void *job, size_t job_bytes)
{
    int r = boot_memory_make(vmm, job, job_bytes);

    return r == 0 ? vmm->engine->start(vmm) : r;
}

/* Where the choice is ours, a machine that refuses its vCPUs is as good as none. */
static int sandbox_start(struct vmm *vmm, const void *job, size_t job_bytes)
{
    int r = engine_start(vmm, job, job_bytes);

    if (r == 0 || vmm->options.engine != VMM_ENGINE_AUTO || vmm->engine == &vmm_engine_process)
        return r;
    vmm->engine->reap(vmm);
    memory_free(vmm);
    vmm->vcpu[0].bytes_read = 0;
    vmm->engine = &vmm_engine_process;
    return engine_start(vmm, job, job_bytes);
}

void vmm_run(struct vmm *vmm, const void *job, size_t job_bytes,
             const struct vmm_callbacks *callbacks, struct vmm_result *result)
{
    vmm->callbacks = callbacks;
    deadline_set(vmm);
    int r = sandbox_start(vmm, job, job_bytes);
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
