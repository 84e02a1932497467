/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm-state - the registers with which a vCPU starts: 64-bit long mode at ring 3, flat segments,
 * no descriptor tables. No ring 0 code exists in the guest, so that any exception ends it.
 *
 * Pure data: it must satisfy all that Intel's VM entry (SDM volume 3, 27.3.1) and AMD's VMRUN (APM
 * volume 2, 15.5.1) check, which software that emulates them forgives; test-kvm-state.c does.
 */
#ifndef VMM_KVM_STATE_H
#define VMM_KVM_STATE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

/* Control registers (SDM volume 3, 2.5; APM volume 2, 3.1). */
#define KVM_STATE_CR0_PE (UINT64_C(1) << 0)
#define KVM_STATE_CR0_MP (UINT64_C(1) << 1)
#define KVM_STATE_CR0_EM (UINT64_C(1) << 2)
#define KVM_STATE_CR0_TS (UINT64_C(1) << 3)
#define KVM_STATE_CR0_ET (UINT64_C(1) << 4)
#define KVM_STATE_CR0_NE (UINT64_C(1) << 5)
#define KVM_STATE_CR0_WP (UINT64_C(1) << 16)
#define KVM_STATE_CR0_NW (UINT64_C(1) << 29)
#define KVM_STATE_CR0_CD (UINT64_C(1) << 30)
#define KVM_STATE_CR0_PG (UINT64_C(1) << 31)
#define KVM_STATE_CR4_PAE (UINT64_C(1) << 5)
#define KVM_STATE_CR4_OSFXSR (UINT64_C(1) << 9)
#define KVM_STATE_CR4_OSXMMEXCPT (UINT64_C(1) << 10)
#define KVM_STATE_CR4_OSXSAVE (UINT64_C(1) << 18)
#define KVM_STATE_EFER_LME (UINT64_C(1) << 8)
#define KVM_STATE_EFER_LMA (UINT64_C(1) << 10)
#define KVM_STATE_EFER_NXE (UINT64_C(1) << 11)
#define KVM_STATE_RFLAGS_ONE (UINT64_C(1) << 1) /* always set */
#define KVM_STATE_RFLAGS_IOPL_3 (UINT64_C(3) << 12)
#define KVM_STATE_XCR0_X87 UINT64_C(1)
#define KVM_STATE_XCR0_SSE UINT64_C(2)
#define KVM_STATE_XCR0_AVX UINT64_C(4)

/* The task state segment (SDM volume 3, 8.7; APM volume 2, 12.2.5): its only use is the map of
 * ports behind it, a bit each, and one more byte that must be set. */
enum {
    KVM_STATE_TASK_MAP_POINTER = 102,
    KVM_STATE_TASK_MAP_OFFSET = 104,
    KVM_STATE_TASK_MAP_BYTES = 3, /* ports 0 to 23 */
    KVM_STATE_TASK_BYTES = KVM_STATE_TASK_MAP_OFFSET + KVM_STATE_TASK_MAP_BYTES + 1,
};

struct kvm_state_start {
    uint64_t entry; /* guest virtual addresses */
    uint64_t stack_top;
    uint64_t boot_addr;
    uint64_t vcpu;
    uint64_t tables_addr; /* guest physical */
    uint64_t task_addr;   /* task state segment: guest virtual */
    bool avx;
};

/* Fill all but what belongs to the interrupt controller (apic_base), which is kept. */
void kvm_state_sregs(const struct kvm_state_start *start, struct kvm_sregs *sregs);
void kvm_state_regs(const struct kvm_state_start *start, struct kvm_regs *regs);
/* Fill the task state segment: KVM_STATE_TASK_BYTES of zeroes. */
void kvm_state_task(unsigned char *task);
/* XCR0 with AVX; only where start->avx. */
void kvm_state_xcrs(struct kvm_xcrs *xcrs);

#endif
