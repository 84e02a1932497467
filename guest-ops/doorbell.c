/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the guest gets the host's attention: an `out` in a virtual machine; a write and a read of
 * one descriptor in the process engine. The only two places that differ between the engines.
 */
#include "doorbell.h"

enum { SYS_READ = 0, SYS_WRITE = 1 };

static inline void port_out(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline long system_call(long number, long fd, void *buffer, long length)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(fd), "S"(buffer), "d"(length)
                     : "rcx", "r11", "memory");
    return result;
}

/* Send a word and wait for the host's. */
static void socket_ring(struct guest *g, uint32_t word)
{
    system_call(SYS_WRITE, g->doorbell_fd, &word, sizeof(word));
    if (system_call(SYS_READ, g->doorbell_fd, &word, sizeof(word)) != sizeof(word)) {
        for (;;)
            __asm__ volatile("ud2"); /* the host is gone */
    }
}

void doorbell_ring(struct guest *g, uint32_t wait)
{
    if (g->doorbell_fd >= 0)
        socket_ring(g, wait);
    else
        port_out(ABI_PORT_DOORBELL, wait);
}

void doorbell_done(struct guest *g)
{
    if (g->doorbell_fd >= 0)
        socket_ring(g, ABI_DOORBELL_DONE_UNLESS_BROKEN);
    else
        port_out(ABI_PORT_DONE, ABI_DONE_UNLESS_BROKEN);
}

_Noreturn void guest_done(struct guest *g)
{
    for (;;) {
        if (g->doorbell_fd >= 0)
            socket_ring(g, ABI_DOORBELL_DONE);
        else
            port_out(ABI_PORT_DONE, 0);
    }
}

_Noreturn void guest_panic(struct guest *g, uint32_t reason)
{
    for (;;) {
        if (g->doorbell_fd >= 0)
            socket_ring(g, ABI_DOORBELL_PANIC);
        else
            port_out(ABI_PORT_PANIC, reason);
    }
}
