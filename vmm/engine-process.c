/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process engine: each vCPU is a child process that shares guest memory with the host, has
 * nothing else mapped, and may only read and write one socket and exit.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

extern const unsigned char process_stub_start[], process_stub_end[];

enum { CHILD_DOORBELL_FD = 0, CLOCK_LOOKS = 8 };

/* Read by process-stub.S at these offsets. */
struct process_start {
    uint64_t low_addr, low_bytes;   /* 0, 8: the address space below guest memory */
    uint64_t high_addr, high_bytes; /* 16, 24: and above it */
    uint64_t filter_addr;           /* 32: struct sock_fprog */
    uint64_t boot_addr;             /* 40 */
    uint64_t vcpu;                  /* 48 */
    uint64_t entry;                 /* 56 */
    uint64_t stack_top;             /* 64 */
};
_Static_assert(offsetof(struct process_start, stack_top) == 64, "known to process-stub.S");

/* What user space may map ends here (four-level page tables). */
static const uint64_t user_end = UINT64_C(0x7ffffffff000);

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JUMP_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))

/* Read and write on the doorbell, and exit: everything else kills. */
static const struct sock_filter child_filter[] = {
    LOAD(arch),
    JUMP_EQUAL(AUDIT_ARCH_X86_64, 0, 7),
    LOAD(nr),
    JUMP_EQUAL(__NR_exit_group, 4, 0),
    JUMP_EQUAL(__NR_read, 1, 0),
    JUMP_EQUAL(__NR_write, 0, 3),
    LOAD(args[0]), /* descriptors are ints: the kernel, too, looks only at these 32 bits */
    JUMP_EQUAL(CHILD_DOORBELL_FD, 0, 1),
    RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_KILL_PROCESS),
};

/* The stub's page holds the stub, the filter and what each vCPU starts with. */
enum { STUB_FILTER_OFFSET = 512, STUB_START_OFFSET = 1024 };

static void stub_fill(struct vmm *vmm)
{
    unsigned char *page = vmm->memory + vmm->layout.stub_offset;
    uint64_t page_addr = ABI_GUEST_BASE + vmm->layout.stub_offset;
    uint64_t memory_end = ABI_GUEST_BASE + vmm->layout.memory_bytes;
    struct sock_fprog program = {
        .len = sizeof(child_filter) / sizeof(child_filter[0]),
        .filter = (struct sock_filter *)(page_addr + STUB_FILTER_OFFSET + sizeof(program))};

    memcpy(page, process_stub_start, (size_t)(process_stub_end - process_stub_start));
    memcpy(page + STUB_FILTER_OFFSET, &program, sizeof(program));
    memcpy(page + STUB_FILTER_OFFSET + sizeof(program), child_filter, sizeof(child_filter));
    for (unsigned i = 0; i < vmm->options.vcpus; i++) {
        struct process_start start = {
            .low_addr = 0,
            .low_bytes = ABI_GUEST_BASE,
            .high_addr = memory_end,
            .high_bytes = user_end - memory_end,
            .filter_addr = page_addr + STUB_FILTER_OFFSET,
            .boot_addr = ABI_GUEST_BASE + vmm->layout.boot_offset,
            .vcpu = i,
            .entry = vmm->elf.entry,
            .stack_top = ABI_GUEST_BASE + vmm->layout.vcpu[i].stack_top_offset,
        };
        memcpy(page + STUB_START_OFFSET + i * sizeof(start), &start, sizeof(start));
    }
}

static int protection(unsigned access)
{
    return (access & LAYOUT_READ ? PROT_READ : 0) | (access & LAYOUT_WRITE ? PROT_WRITE : 0) |
           (access & LAYOUT_EXEC ? PROT_EXEC : 0);
}

/* Move guest memory to where the guest expects it, each section with its own rights. */
static bool child_memory(const struct vmm *vmm)
{
    void *base = (void *)ABI_GUEST_BASE;
    const struct layout *layout = &vmm->layout;

    if (mremap(vmm->memory, layout->memory_bytes, layout->memory_bytes,
               MREMAP_MAYMOVE | MREMAP_FIXED, base) != base ||
        mprotect(base, layout->memory_bytes, PROT_NONE) < 0)
        return false;
    for (unsigned i = 0; i < layout->sections; i++) {
        const struct layout_section *s = &layout->section[i];
        if (mprotect((char *)base + s->offset, s->bytes, protection(s->access)) < 0)
            return false;
    }
    return true;
}

/* The kernel must not write to the C library's restartable-sequence area after it is gone. */
static bool child_rseq_off(void)
{
    if (__rseq_size == 0)
        return true;
    char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
    return syscall(__NR_rseq, area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) == 0;
}

/* In the child: leave everything behind and become the guest. */
static _Noreturn void child_run(const struct vmm *vmm, unsigned vcpu, int doorbell_fd, pid_t parent)
{
    uint64_t stub = ABI_GUEST_BASE + vmm->layout.stub_offset;
    uint64_t start = stub + STUB_START_OFFSET + vcpu * sizeof(struct process_start);
    const struct rlimit none = {0, 0};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        setrlimit(RLIMIT_CORE, &none) < 0 || dup2(doorbell_fd, CHILD_DOORBELL_FD) < 0 ||
        syscall(__NR_close_range, CHILD_DOORBELL_FD + 1, ~0u, 0) < 0 || !child_memory(vmm) ||
        !child_rseq_off())
        _exit(127);
    ((void (*)(uint64_t))stub)(start);
    _exit(127);
}

/* Waiting for the guest is interrupted now and then to look at the clock, if that is limited. */
static int doorbell_make(const struct vmm *vmm, int pair[2])
{
    unsigned slice_ms = vmm->options.time_limit_ms / CLOCK_LOOKS + 1;
    struct timeval slice = {slice_ms / 1000, slice_ms % 1000 * 1000};

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    for (int i = 0; i < 2; i++) { /* see open_high() */
        pair[i] = fd_high(pair[i]);
        if (pair[i] < 0)
            return -1;
    }
    return vmm->options.time_limit_ms == 0
               ? 0
               : setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof(slice));
}

static int child_start(struct vmm *vmm, unsigned index)
{
    struct vmm_vcpu *vcpu = &vmm->vcpu[index];
    struct abi_boot *boot = boot_area(vmm);
    int pair[2];
    pid_t parent = getpid();

    if (doorbell_make(vmm, pair) < 0)
        return -errno;
    boot->vcpu[index].doorbell_fd = CHILD_DOORBELL_FD;
    vcpu->child = fork();
    if (vcpu->child == 0)
        child_run(vmm, index, pair[1], parent);
    int error = errno;
    close(pair[1]);
    vcpu->doorbell_fd = pair[0];
    return vcpu->child < 0 ? -error : 0;
}

static int process_start(struct vmm *vmm)
{
    stub_fill(vmm);
    for (unsigned i = 0; i < vmm->options.vcpus; i++) {
        int r = child_start(vmm, i);
        if (r < 0)
            return r;
    }
    return 0;
}

/* How a child that said nothing more has ended. */
static const char *death_detail(pid_t child)
{
    int status = 0;

    /* A guest that only pretends to be gone must not be waited for. */
    if (child <= 0 || kill(child, SIGKILL) < 0 || waitpid(child, &status, 0) != child)
        return "the guest process is gone";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return "the guest made a system call";
    if (WIFSIGNALED(status))
        return "the guest crashed";
    return WEXITSTATUS(status) == 127 ? "the guest process could not be confined"
                                      : "the guest process exited";
}

/* The next word from the guest; false when there is none: it died, or the run has ended. */
static bool doorbell_wait(struct vmm_vcpu *vcpu, uint32_t *word)
{
    struct vmm *vmm = vcpu->vmm;
    ssize_t n;

    do
        n = recv(vcpu->doorbell_fd, word, sizeof(*word), 0);
    while (n < 0 && (errno == EINTR || errno == EAGAIN) && !vmm_has_ended(vmm));
    if (n == (ssize_t)sizeof(*word))
        return true;
    if (n > 0) {
        vmm_end_set(vmm, VMM_END_DIED, 0, "a doorbell is not a word");
    } else if (!vmm_has_ended(vmm)) {
        pid_t child = vcpu->child;
        vcpu->child = 0;
        vmm_end_set(vmm, VMM_END_DIED, 0, death_detail(child));
    }
    return false;
}

static void process_run(struct vmm_vcpu *vcpu)
{
    struct vmm *vmm = vcpu->vmm;
    uint32_t word;

    while (doorbell_wait(vcpu, &word)) {
        bool maybe_done = word == ABI_DOORBELL_DONE_UNLESS_BROKEN;
        if ((word == ABI_DOORBELL_DONE || maybe_done) && ring_done(vcpu, maybe_done))
            return;
        if (word == ABI_DOORBELL_PANIC) {
            vmm_end_set(vmm, VMM_END_DIED, 0, "the guest gave up");
            break;
        }
        if (!maybe_done && !ring_serve(vcpu, word))
            break;
        if (send(vcpu->doorbell_fd, &word, sizeof(word), MSG_NOSIGNAL) < 0)
            break;
    }
}

static void process_kick(struct vmm *vmm)
{
    for (unsigned i = 0; i < vmm->options.vcpus; i++) {
        if (vmm->vcpu[i].child > 0)
            kill(vmm->vcpu[i].child, SIGKILL);
    }
}

static void process_stop(struct vmm *vmm)
{
    process_kick(vmm);
    for (unsigned i = 0; i < vmm->options.vcpus; i++) {
        struct vmm_vcpu *vcpu = &vmm->vcpu[i];
        if (vcpu->doorbell_fd >= 0)
            close(vcpu->doorbell_fd);
        vcpu->doorbell_fd = -1;
    }
}

/* The kernel needs a while to take a process apart: the caller can use that time. */
static void process_reap(struct vmm *vmm)
{
    for (unsigned i = 0; i < vmm->options.vcpus; i++) {
        pid_t child = vmm->vcpu[i].child;
        vmm->vcpu[i].child = 0;
        if (child > 0)
            waitpid(child, NULL, 0);
    }
}

const struct vmm_engine_ops vmm_engine_process = {
    .name = "process",
    .stub = true,
    .map_flag = MAP_SHARED,
    .start = process_start,
    .run = process_run,
    .stop = process_stop,
    .reap = process_reap,
    .kick = process_kick,
};
