/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The KVM engine: one VM, one memory slot, vCPUs that start in 64-bit mode at ring 3. */
#include <errno.h>
#include <sys/mman.h>

#include "internal.h"

static int kvm_start(struct vmm *vmm)
{
    (void)vmm;
    return -ENOSYS;
}
static void kvm_run(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
}
static void kvm_stop(struct vmm *vmm)
{
    (void)vmm;
}
const struct vmm_engine_ops vmm_engine_kvm = {
    .name = "kvm",
    .prot_shared = MAP_PRIVATE,
    .start = kvm_start,
    .run = kvm_run,
    .stop = kvm_stop,
    .kick = kvm_stop,
};
