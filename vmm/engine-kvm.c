/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The KVM engine: one virtual machine with one memory slot and no devices, interrupt controller or
 * kernel. Its only ways out are an `out` to the doorbell's ports and, with any fault, a shutdown.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"
#include "kvm-state.h"
#include "kvm-tables.h"

enum { CLOCK_LOOKS = 8, CPUID_ENTRIES = 256, VM_ATTEMPTS = 16 };

/* Interrupts KVM_RUN; nobody else's in a program without real-time signals. */
static int kick_signal(void)
{
    return SIGRTMIN;
}

static void on_kick(int number)
{
    (void)number; /* that KVM_RUN returns is all there is to it */
}

/* The machine, or a negative errno. Signals can interrupt its making. */
static int machine_make(int kvm_fd)
{
    int fd = -EINTR;

    for (unsigned i = 0; i < VM_ATTEMPTS && fd == -EINTR; i++) {
        fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
        if (fd < 0)
            fd = -errno;
    }
    return fd < 0 ? fd : fd_high(fd);
}

static int kvm_probe(struct vmm *vmm)
{
    vmm->kvm_fd = open_high(AT_FDCWD, "/dev/kvm", O_RDWR);
    if (vmm->kvm_fd < 0 || ioctl(vmm->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION ||
        ioctl(vmm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
        return -ENODEV;
    int run_bytes = ioctl(vmm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (run_bytes < (int)sizeof(struct kvm_run))
        return -ENODEV;
    vmm->kvm_run_bytes = (size_t)run_bytes;
    vmm->machine_fd = machine_make(vmm->kvm_fd);
    return vmm->machine_fd < 0 ? -ENODEV : 0;
}

static int memory_lend(const struct vmm *vmm)
{
    struct kvm_userspace_memory_region region = {.memory_size = vmm->layout.memory_bytes,
                                                 .userspace_addr = (uintptr_t)vmm->memory};
    uint64_t *tables = (uint64_t *)(vmm->memory + vmm->layout.tables_offset);

    int r = kvm_tables_build(&vmm->layout, tables);
    if (r < 0)
        return r;
    kvm_state_task((unsigned char *)tables + KVM_TABLES_TASK_OFFSET);
    return ioctl(vmm->machine_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? -errno : 0;
}

static bool has_avx(const struct kvm_cpuid2 *cpuid)
{
    const uint32_t xsave = 1u << 26, avx = 1u << 28; /* leaf 1, ecx */

    for (uint32_t i = 0; i < cpuid->nent; i++) {
        const struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
        if (entry->function == 1)
            return (entry->ecx & (xsave | avx)) == (xsave | avx);
    }
    return false;
}

/* Let the guest see the processor's features. True: it may use AVX. */
static bool features_show(const struct vmm *vmm, const struct vmm_vcpu *vcpu)
{
    struct kvm_cpuid2 *cpuid =
        calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));
    bool avx = false;

    if (!cpuid)
        return false;
    cpuid->nent = CPUID_ENTRIES;
    if (ioctl(vmm->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) == 0 &&
        ioctl(vcpu->kvm_fd, KVM_SET_CPUID2, cpuid) == 0)
        avx = has_avx(cpuid);
    free(cpuid);
    return avx;
}

static int registers_set(const struct vmm *vmm, const struct vmm_vcpu *vcpu)
{
    const struct kvm_state_start start = {
        .entry = vmm->elf.entry,
        .stack_top = ABI_GUEST_BASE + vmm->layout.vcpu[vcpu->index].stack_top_offset,
        .boot_addr = ABI_GUEST_BASE + vmm->layout.boot_offset,
        .vcpu = vcpu->index,
        .tables_addr = vmm->layout.tables_offset,
        .task_addr = ABI_GUEST_BASE + vmm->layout.tables_offset + KVM_TABLES_TASK_OFFSET,
        .avx = vmm->options.wants_avx && features_show(vmm, vcpu),
    };
    struct kvm_sregs sregs;
    struct kvm_regs regs;
    struct kvm_xcrs xcrs;

    if (ioctl(vcpu->kvm_fd, KVM_GET_SREGS, &sregs) < 0)
        return -errno;
    kvm_state_sregs(&start, &sregs);
    kvm_state_regs(&start, &regs);
    kvm_state_xcrs(&xcrs);
    if (ioctl(vcpu->kvm_fd, KVM_SET_SREGS, &sregs) < 0 ||
        ioctl(vcpu->kvm_fd, KVM_SET_REGS, &regs) < 0 ||
        (start.avx && ioctl(vcpu->kvm_fd, KVM_SET_XCRS, &xcrs) < 0))
        return -errno;
    return 0;
}

static int vcpu_make(struct vmm *vmm, struct vmm_vcpu *vcpu)
{
    int fd = ioctl(vmm->machine_fd, KVM_CREATE_VCPU, vcpu->index);

    if (fd < 0)
        return -errno;
    vcpu->kvm_fd = fd_high(fd);
    if (vcpu->kvm_fd < 0)
        return vcpu->kvm_fd;
    void *run = mmap(NULL, vmm->kvm_run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->kvm_fd, 0);
    if (run == MAP_FAILED)
        return -errno;
    vcpu->kvm_run = run;
    return registers_set(vmm, vcpu);
}

static int kvm_start(struct vmm *vmm)
{
    /* Stays: a late kick must find it. */
    const struct sigaction action = {.sa_handler = on_kick};
    int r = sigaction(kick_signal(), &action, NULL) < 0 ? -errno : memory_lend(vmm);

    for (unsigned i = 0; i < vmm->options.vcpus && r == 0; i++)
        r = vcpu_make(vmm, &vmm->vcpu[i]);
    return r;
}

/* Interrupt this thread now and then to look at the clock, if that is limited. */
static bool clock_start(const struct vmm *vmm, timer_t *timer)
{
    unsigned slice_ms = vmm->options.time_limit_ms / CLOCK_LOOKS + 1;
    const struct timespec slice = {slice_ms / 1000, slice_ms % 1000 * 1000000L};
    const struct itimerspec repeat = {slice, slice};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = kick_signal()};

    if (vmm->options.time_limit_ms == 0)
        return false;
    event._sigev_un._tid = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, timer) < 0)
        return false;
    timer_settime(*timer, 0, &repeat, NULL);
    return true;
}

/* Serve an `out`; false: the vCPU is done, or the run has ended. */
static bool port_serve(struct vmm_vcpu *vcpu)
{
    const struct kvm_run *run = vcpu->kvm_run;
    uint32_t word;

    if (run->io.direction != KVM_EXIT_IO_OUT || run->io.size != sizeof(word) ||
        run->io.count != 1) {
        vmm_end_set(vcpu->vmm, VMM_END_DIED, 0, "a doorbell is not a word");
        return false;
    }
    memcpy(&word, (const char *)run + run->io.data_offset, sizeof(word));
    switch (run->io.port) {
    case ABI_PORT_DOORBELL:
        return ring_serve(vcpu, word);
    case ABI_PORT_DONE:
        return !ring_done(vcpu, word == ABI_DONE_UNLESS_BROKEN);
    case ABI_PORT_PANIC:
        vmm_end_set(vcpu->vmm, VMM_END_DIED, 0, "the guest gave up");
        return false;
    default:
        vmm_end_set(vcpu->vmm, VMM_END_DIED, 0, "the guest used a port that is not there");
        return false;
    }
}

/* The vCPU has stopped; false: for good. */
static bool exit_serve(struct vmm_vcpu *vcpu)
{
    switch (vcpu->kvm_run->exit_reason) {
    case KVM_EXIT_IO:
        return port_serve(vcpu);
    case KVM_EXIT_SHUTDOWN:
        vmm_end_set(vcpu->vmm, VMM_END_DIED, 0, "the guest crashed");
        return false;
    case KVM_EXIT_FAIL_ENTRY:
        vmm_end_set(vcpu->vmm, VMM_END_HOST, -EIO, "the processor refused to enter the guest");
        return false;
    default:
        vmm_end_set(vcpu->vmm, VMM_END_DIED, 0, "the guest did what cannot be emulated");
        return false;
    }
}

/* Enter the guest until it wants something; false: the run has ended. */
static bool guest_enter(struct vmm_vcpu *vcpu)
{
    while (ioctl(vcpu->kvm_fd, KVM_RUN, 0) < 0) {
        if (errno != EINTR && errno != EAGAIN)
            vmm_end_set(vcpu->vmm, VMM_END_HOST, -errno, "the guest cannot be entered");
        if (vmm_has_ended(vcpu->vmm))
            return false;
    }
    return true;
}

static void kvm_engine_run(struct vmm_vcpu *vcpu)
{
    sigset_t kick;
    timer_t timer;

    sigemptyset(&kick);
    sigaddset(&kick, kick_signal());
    pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
    bool clock = clock_start(vcpu->vmm, &timer);
    vcpu->thread_id = gettid();
    while (guest_enter(vcpu) && exit_serve(vcpu))
        ;
    vcpu->thread_id = 0;
    if (clock)
        timer_delete(timer);
}

/* Whoever is about to enter the guest sees the flag, whoever is in it feels the signal. */
static void kvm_kick(struct vmm *vmm)
{
    for (unsigned i = 0; i < vmm->options.vcpus; i++) {
        struct vmm_vcpu *vcpu = &vmm->vcpu[i];
        if (vcpu->kvm_run)
            __atomic_store_n(&vcpu->kvm_run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        pid_t thread = vcpu->thread_id;
        if (thread > 0)
            syscall(__NR_tgkill, getpid(), thread, kick_signal());
    }
}

static void kvm_stop(struct vmm *vmm)
{
    (void)vmm; /* vCPUs that have stopped do no harm */
}

static void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void kvm_reap(struct vmm *vmm)
{
    for (unsigned i = 0; i < ABI_VCPUS_MAX; i++) {
        struct vmm_vcpu *vcpu = &vmm->vcpu[i];
        if (vcpu->kvm_run)
            munmap(vcpu->kvm_run, vmm->kvm_run_bytes);
        vcpu->kvm_run = NULL;
        fd_close(&vcpu->kvm_fd);
    }
    if (vmm->machine_fd >= 0)
        fd_leave(vmm->machine_fd);
    vmm->machine_fd = -1;
    fd_close(&vmm->kvm_fd);
}

const struct vmm_engine_ops vmm_engine_kvm = {
    .name = "kvm",
    .tables_bytes = kvm_tables_room,
    .map_flag = MAP_PRIVATE,
    .huge = true,
    .map_image = true,
    .probe = kvm_probe,
    .start = kvm_start,
    .run = kvm_engine_run,
    .stop = kvm_stop,
    .reap = kvm_reap,
    .kick = kvm_kick,
};
