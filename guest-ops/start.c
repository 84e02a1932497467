/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the guest begins: build the context, find the operation, run it, finish. */
#include "guest.h"

static const struct {
    const char *name;
    int (*run)(struct guest *g);
} operations[] = {
    {"info",    op_info   },
    {"create",  op_create },
    {"map",     op_map    },
    {"measure", op_measure},
    {"convert", op_convert},
    {"check",   op_check  },
    {"compare", op_compare},
};

static int run_job(struct guest *g)
{
    struct tree_bytes name = tree_get_bytes(&g->job, tree_root(&g->job), "operation");
    int r = secrets_read(g);

    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (tree_bytes_equal(name, operations[i].name))
            return operations[i].run(g);
    }
    return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
}

/* Called by _start with the boot page and the vCPU's number. */
_Noreturn void guest_main(const struct abi_boot *boot, uint64_t vcpu);

_Noreturn void guest_main(const struct abi_boot *boot, uint64_t vcpu)
{
    const struct abi_vcpu_boot *mine = &boot->vcpu[vcpu];
    /* Zeroed, since it lies at the arena's untouched start; too large for a stack to like. */
    struct guest *g = (struct guest *)mine->arena_addr;

    g->boot = boot;
    g->vcpu = (unsigned)vcpu;
    g->doorbell_fd = mine->doorbell_fd;
    g->ring = (struct abi_ring *)mine->ring_addr;
    g->arena = (struct fmt_arena){.base = (uint8_t *)mine->arena_addr,
                                  .size_bytes = mine->arena_bytes,
                                  .used_bytes = sizeof(*g),
                                  .fresh_off = sizeof(*g)};
    if (boot->version != ABI_VERSION)
        guest_panic(g, __LINE__);
    if (guest_io_init(g) < 0 || report_init(g) < 0 ||
        tree_check(&g->job, (const void *)boot->job_addr, boot->job_bytes) < 0)
        guest_panic(g, __LINE__);
    if (run_job(g) < 0)
        report_error(g);
    guest_done(g);
}

/* The host has set the stack pointer, rdi (boot page) and rsi (vCPU). */
__attribute__((naked, noreturn, used)) void _start(void);

__attribute__((naked, noreturn, used)) void _start(void)
{
    __asm__("xor %ebp, %ebp\n\tand $-16, %rsp\n\tcall guest_main\n\tud2");
}
