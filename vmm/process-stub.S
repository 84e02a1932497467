/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last host-written code that runs in the process engine's child, copied into guest memory.
 * rdi points to struct process_start (engine-process.c), also in guest memory. It unmaps all of
 * the host, shuts the door (seccomp) and enters the guest. Any failure is a crash: the host then
 * sees the child die before its first doorbell. Position independent, no data of its own.
 */
    .text
    .globl process_stub_start, process_stub_end
    .type process_stub_start, @function
process_stub_start:
    mov %rdi, %r12
    mov 64(%r12), %rsp          /* the guest's stack: the host's is about to go */
    mov 0(%r12), %rdi           /* munmap(low) */
    mov 8(%r12), %rsi
    mov $11, %eax
    syscall
    test %rax, %rax
    jnz 1f
    mov 16(%r12), %rdi          /* munmap(high) */
    mov 24(%r12), %rsi
    mov $11, %eax
    syscall
    test %rax, %rax
    jnz 1f
    mov $0x1002, %edi           /* arch_prctl(ARCH_SET_FS, boot page): see abi.h */
    mov 40(%r12), %rsi
    mov $158, %eax
    syscall
    test %rax, %rax
    jnz 1f
    mov $1, %edi                /* seccomp(SECCOMP_SET_MODE_FILTER, 0, program) */
    xor %esi, %esi
    mov 32(%r12), %rdx
    mov $317, %eax
    syscall
    test %rax, %rax
    jnz 1f
    mov 40(%r12), %rdi          /* boot page */
    mov 48(%r12), %rsi          /* number of the vCPU */
    mov 56(%r12), %rax          /* entry */
    xor %r12d, %r12d
    jmp *%rax
1:  ud2
process_stub_end:
    .section .note.GNU-stack, "", @progbits
