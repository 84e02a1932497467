/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See kvm-state.h. */
#include "kvm-state.h"

#include <string.h>

#include "abi/abi.h"

enum {
    DPL_USER = 3,
    /* There are no descriptor tables: of these, only the privilege level in the low bits counts. */
    SELECTOR_CODE = 0x30 | DPL_USER,
    SELECTOR_DATA = 0x28 | DPL_USER,
    TYPE_DATA = 3,      /* read, write, accessed */
    TYPE_CODE = 11,     /* execute, read, accessed, not conforming */
    TYPE_TSS_BUSY = 11, /* of a system segment */
};
static const uint32_t limit_flat = UINT32_MAX;

/* In 64-bit mode, only the bases of FS and GS count. */
static struct kvm_segment data_segment(uint64_t base)
{
    return (struct kvm_segment){.base = base,
                                .limit = limit_flat,
                                .selector = SELECTOR_DATA,
                                .type = TYPE_DATA,
                                .present = 1,
                                .dpl = DPL_USER,
                                .db = 1,
                                .s = 1,
                                .g = 1};
}

static const struct kvm_segment code_segment = {.limit = limit_flat,
                                                .selector = SELECTOR_CODE,
                                                .type = TYPE_CODE,
                                                .present = 1,
                                                .dpl = DPL_USER,
                                                .s = 1,
                                                .l = 1,
                                                .g = 1};

/* Both vendors demand a busy task state segment. There are no interrupts: what is read of it is the
 * map of ports, and that only by software that emulates a processor and ignores the I/O privilege
 * level. */
static struct kvm_segment task_segment(uint64_t base)
{
    return (struct kvm_segment){
        .base = base, .limit = KVM_STATE_TASK_BYTES - 1, .type = TYPE_TSS_BUSY, .present = 1};
}

void kvm_state_sregs(const struct kvm_state_start *start, struct kvm_sregs *sregs)
{
    uint64_t apic_base = sregs->apic_base;

    *sregs = (struct kvm_sregs){
        .cs = code_segment,
        .ds = data_segment(0),
        .es = data_segment(0),
        .fs = data_segment(start->boot_addr), /* see abi.h */
        .gs = data_segment(0),
        .ss = data_segment(0),
        .tr = task_segment(start->task_addr),
        .ldt = {.unusable = 1},
        .cr0 = KVM_STATE_CR0_PE | KVM_STATE_CR0_MP | KVM_STATE_CR0_ET | KVM_STATE_CR0_NE |
               KVM_STATE_CR0_WP | KVM_STATE_CR0_PG,
        .cr3 = start->tables_addr,
        .cr4 = KVM_STATE_CR4_PAE | KVM_STATE_CR4_OSFXSR | KVM_STATE_CR4_OSXMMEXCPT |
               (start->avx ? KVM_STATE_CR4_OSXSAVE : 0),
        .efer = KVM_STATE_EFER_LME | KVM_STATE_EFER_LMA | KVM_STATE_EFER_NXE,
        .apic_base = apic_base,
    };
}

void kvm_state_regs(const struct kvm_state_start *start, struct kvm_regs *regs)
{
    *regs = (struct kvm_regs){
        .rip = start->entry,
        .rsp = start->stack_top,
        .rdi = start->boot_addr,
        .rsi = start->vcpu,
        .rflags = KVM_STATE_RFLAGS_ONE | KVM_STATE_RFLAGS_IOPL_3,
    };
}

void kvm_state_task(unsigned char *task)
{
    const uint16_t map_offset = KVM_STATE_TASK_MAP_OFFSET;
    unsigned char *map = task + KVM_STATE_TASK_MAP_OFFSET;

    memcpy(task + KVM_STATE_TASK_MAP_POINTER, &map_offset, sizeof(map_offset));
    memset(map, 0xff, KVM_STATE_TASK_MAP_BYTES + 1);
    for (unsigned port = ABI_PORT_DOORBELL; port <= ABI_PORT_PANIC; port++) {
        for (unsigned byte = port; byte < port + sizeof(uint32_t); byte++)
            map[byte / 8] &= (unsigned char)~(1u << byte % 8);
    }
}

void kvm_state_xcrs(struct kvm_xcrs *xcrs)
{
    *xcrs = (struct kvm_xcrs){.nr_xcrs = 1};
    xcrs->xcrs[0].value = KVM_STATE_XCR0_X87 | KVM_STATE_XCR0_SSE | KVM_STATE_XCR0_AVX;
}
