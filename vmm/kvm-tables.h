/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm-tables - the guest's page tables, made by the host and out of the guest's reach.
 *
 * A pure function of the layout: guest virtual ABI_GUEST_BASE + offset maps guest physical offset,
 * for the sections of the layout and nothing else that ring 3 could touch. One page among the
 * tables is mapped for the processor's own reading: the task state segment.
 */
#ifndef VMM_KVM_TABLES_H
#define VMM_KVM_TABLES_H

#include "layout.h"

/* Bits of an entry (Intel SDM volume 3, 4.5; AMD APM volume 2, 5.3). */
#define KVM_TABLES_PRESENT (UINT64_C(1) << 0)
#define KVM_TABLES_WRITE (UINT64_C(1) << 1)
#define KVM_TABLES_USER (UINT64_C(1) << 2)
#define KVM_TABLES_ACCESSED (UINT64_C(1) << 5)
#define KVM_TABLES_DIRTY (UINT64_C(1) << 6)
#define KVM_TABLES_HUGE (UINT64_C(1) << 7)
#define KVM_TABLES_NO_EXECUTE (UINT64_C(1) << 63)
#define KVM_TABLES_ADDRESS UINT64_C(0x000ffffffffff000)

/* Where the task state segment's page lies, from the start of the tables. */
#define KVM_TABLES_TASK_OFFSET ABI_PAGE_BYTES

/* Bytes that the tables of any layout of so much guest memory fit in, that page included. */
uint64_t kvm_tables_room(uint64_t memory_bytes);

/* Fill @tables, layout->tables_bytes of zeroes that lie at guest physical layout->tables_offset;
 * the root is first. Returns 0, or -ENOSPC if they do not fit. */
int kvm_tables_build(const struct layout *layout, uint64_t *tables);

#endif
