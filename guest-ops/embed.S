/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's ELF file as bytes of the host program. */
    .section .rodata
    .balign 4096
    .globl guest_image_start, guest_image_end
    .type guest_image_start, @object
guest_image_start:
    .incbin GUEST_ELF
guest_image_end:
    .balign 4096 /* its last page is its own: it may be mapped into the guest */
    .section .note.GNU-stack, "", @progbits
