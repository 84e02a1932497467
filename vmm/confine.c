/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host gives up, before the guest's first instruction, what it will not need any more. */
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine-filter.h"
#include "internal.h"

_Static_assert(CONFINE_PIDS_MAX >= ABI_VCPUS_MAX, "each vCPU may be a process");

static int filter_install(struct confine_filter *filter)
{
    const struct sock_fprog program = {.len = (unsigned short)filter->length,
                                       .filter = filter->insn};

    /* No hostile code runs in this process: it needs no mitigations that slow all of it down. */
    if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) ==
        0)
        return 0;
    /* Kernels and containers may be without it, and say so in several ways. */
    return errno == ENOMEM || errno == EFAULT ? -errno : 0;
}

int confine_host(struct vmm *vmm)
{
    struct confine_wish wish = {.self = getpid()};
    struct confine_filter filter;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    if (vmm->options.more_runs)
        return 0;
    int r = confine_files(vmm);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < vmm->options.vcpus; i++) {
        if (vmm->vcpu[i].child > 0)
            wish.child[wish.children++] = vmm->vcpu[i].child;
    }
    confine_filter_make(&wish, &filter);
    return filter.overflow ? -E2BIG : filter_install(&filter);
}
