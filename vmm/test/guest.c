/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for the tests: it plays a script of requests, or misbehaves in the way that the job's
 * "operation" names.
 */
#include "abi/abi.h"
#include "abi/tree.h"

#include <string.h>

enum { SYS_READ = 0, SYS_WRITE = 1, SYS_GETPID = 39, SYS_EXIT_GROUP = 231 };
enum { RECORD_ROOM = 1 << 20, DATA_OFFSET = 2 << 20 };

struct player {
    const struct abi_boot *boot;
    const struct abi_vcpu_boot *mine;
    uint64_t vcpu;
    struct abi_ring *ring;
    uint32_t sq_tail;
    uint32_t completed;
    struct tree job;
};

static long system_call(long number, long fd, void *buffer, long length)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(fd), "S"(buffer), "d"(length)
                     : "rcx", "r11", "memory");
    return result;
}

static void port_out(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static void ring_word(struct player *p, uint32_t word, uint16_t port)
{
    if (p->mine->doorbell_fd < 0) {
        port_out(port, word);
        return;
    }
    system_call(SYS_WRITE, p->mine->doorbell_fd, &word, sizeof(word));
    if (system_call(SYS_READ, p->mine->doorbell_fd, &word, sizeof(word)) != sizeof(word))
        __builtin_trap();
}

static void doorbell(struct player *p, uint32_t wait)
{
    ring_word(p, wait, ABI_PORT_DOORBELL);
}

static void done(struct player *p)
{
    for (;;)
        ring_word(p, ABI_DOORBELL_DONE, ABI_PORT_DONE);
}

static void push(struct player *p, const struct abi_request *request)
{
    p->ring->sq[p->sq_tail % ABI_RING_ENTRIES] = *request;
    p->sq_tail++;
    __atomic_store_n(&p->ring->sq_tail, p->sq_tail, __ATOMIC_RELEASE);
}

static uint64_t data_addr(const struct player *p)
{
    return p->mine->arena_addr + DATA_OFFSET;
}

/* Addresses of scripts count from the data area. */
static void push_script(struct player *p, struct tree_bytes bytes)
{
    for (size_t at = 0; at + sizeof(struct abi_request) <= bytes.length;
         at += sizeof(struct abi_request)) {
        struct abi_request request;
        memcpy(&request, bytes.data + at, sizeof(request));
        if (request.addr < ABI_GUEST_BASE)
            request.addr += data_addr(p);
        push(p, &request);
    }
}

static void send(struct player *p, struct tree_writer *w)
{
    struct abi_request request = {.kind = ABI_REQ_RESULT,
                                  .addr = (uint64_t)(uintptr_t)w->data,
                                  .length = tree_finish(w),
                                  .arg = ABI_RECORD_STEP};
    push(p, &request);
    doorbell(p, 1);
    p->completed++;
}

static void step_play(struct player *p, size_t at)
{
    struct tree_bytes data = tree_get_bytes(&p->job, at, "data");
    struct tree_bytes script = tree_get_bytes(&p->job, at, "requests");
    uint64_t show = tree_get_u64(&p->job, at, "show-bytes", 0);
    uint32_t count = (uint32_t)(script.length / sizeof(struct abi_request));
    struct tree_writer w;

    if (data.length)
        memcpy((void *)data_addr(p), data.data, data.length);
    push_script(p, script);
    doorbell(p, (uint32_t)tree_get_u64(&p->job, at, "wait", count));
    uint32_t first = __atomic_load_n(&p->ring->cq_tail, __ATOMIC_ACQUIRE) - p->completed;
    doorbell(p, count);
    tree_begin(&w, (void *)p->mine->arena_addr, RECORD_ROOM);
    tree_put_u64(&w, "vcpu", p->vcpu);
    tree_put_u64(&w, "first", first);
    tree_list(&w, "completions");
    for (; p->completed != __atomic_load_n(&p->ring->cq_tail, __ATOMIC_ACQUIRE); p->completed++)
        tree_put_bytes(&w, NULL, &p->ring->cq[p->completed % ABI_RING_ENTRIES],
                       sizeof(struct abi_completion));
    tree_end(&w);
    tree_put_bytes(&w, "shown", (void *)data_addr(p), show);
    send(p, &w);
}

static void script(struct player *p)
{
    struct tree_item steps, step;

    if (!tree_find(&p->job, tree_root(&p->job), "steps", &steps))
        return;
    for (size_t at = steps.inside; tree_next(&p->job, &at, &step);)
        step_play(p, step.inside);
}

static void crash(struct player *p)
{
    (void)p;
    __builtin_trap();
}

static void loop(struct player *p)
{
    (void)p;
    for (;;)
        __asm__ volatile("pause");
}

static void make_system_call(struct player *p)
{
    (void)p;
    system_call(SYS_GETPID, 0, NULL, 0);
    loop(p);
}

static void read_other_descriptor(struct player *p)
{
    char byte;
    system_call(SYS_READ, 1, &byte, 1);
    loop(p);
}

static void leave(struct player *p)
{
    system_call(SYS_EXIT_GROUP, 0, NULL, 0);
    loop(p);
}

static void panic(struct player *p)
{
    ring_word(p, p->mine->doorbell_fd < 0 ? 7 : ABI_DOORBELL_PANIC, ABI_PORT_PANIC);
    loop(p);
}

static void write_code(struct player *p)
{
    *(volatile char *)(uintptr_t)&write_code = 0;
    loop(p);
}

static void write_boot(struct player *p)
{
    ((volatile struct abi_boot *)p->boot)->vcpu_count = 99;
    loop(p);
}

static void run_data(struct player *p)
{
    unsigned char *code = (unsigned char *)data_addr(p);
    code[0] = 0xc3; /* ret */
    ((void (*)(void))(uintptr_t)code)();
    loop(p);
}

static void overflow_stack(struct player *p)
{
    *(volatile char *)(p->mine->stack_top - ABI_STACK_BYTES - 1) = 1;
    loop(p);
}

/* What lies behind the arena: page tables under KVM, nothing in a process. */
static void touch_end(struct player *p)
{
    *(volatile char *)(ABI_GUEST_BASE + p->boot->memory_bytes - 8) = 1;
    loop(p);
}

static void touch_host(struct player *p)
{
    *(volatile char *)0x400000 = 1;
    loop(p);
}

static void lie_about_tail(struct player *p)
{
    p->ring->sq_tail = ABI_RING_ENTRIES + 1;
    doorbell(p, 1);
    loop(p);
}

/* The ring is looked at once more when a vCPU is done. */
static void lie_at_the_end(struct player *p)
{
    p->ring->sq_tail = p->sq_tail + ABI_RING_ENTRIES + 1;
}

/* A record that nobody waits for. */
static void speak_at_the_end(struct player *p)
{
    struct tree_writer w;

    tree_begin(&w, (void *)p->mine->arena_addr, RECORD_ROOM);
    tree_put_u64(&w, "vcpu", p->vcpu);
    tree_list(&w, "completions");
    tree_end(&w);
    const struct abi_request request = {.kind = ABI_REQ_RESULT,
                                        .addr = p->mine->arena_addr,
                                        .length = tree_finish(&w),
                                        .arg = ABI_RECORD_STEP};
    push(p, &request);
}

static void garbage_record(struct player *p)
{
    struct abi_request request = {
        .kind = ABI_REQ_RESULT, .addr = data_addr(p), .length = 64, .arg = ABI_RECORD_STEP};
    push(p, &request);
    doorbell(p, 1);
    loop(p);
}

static void ring_for_ever(struct player *p)
{
    struct abi_request request = {.kind = ABI_REQ_PROGRESS};
    for (;;) {
        push(p, &request);
        doorbell(p, 1);
    }
}

static void half_a_word(struct player *p)
{
    if (p->mine->doorbell_fd < 0)
        __asm__ volatile("outb %%al, %0" : : "N"((uint8_t)ABI_PORT_DOORBELL));
    system_call(SYS_WRITE, p->mine->doorbell_fd, &p->sq_tail, 1);
    loop(p);
}

/* Looks like the end of the connection. */
static void no_word(struct player *p)
{
    system_call(SYS_WRITE, p->mine->doorbell_fd, &p->sq_tail, 0);
    loop(p);
}

/* A port that only listens. */
static void port_in(struct player *p)
{
    uint32_t word;
    __asm__ volatile("inl %1, %0" : "=a"(word) : "N"((uint8_t)ABI_PORT_DOORBELL));
    loop(p);
}

static void halt(struct player *p)
{
    __asm__ volatile("hlt");
    loop(p);
}

/* One byte at the address that the job names. */
static void touch(struct player *p)
{
    size_t root = tree_root(&p->job);
    volatile char *byte = (volatile char *)tree_get_u64(&p->job, root, "address", 0);
    char old = *byte;

    if (tree_get_bool(&p->job, root, "write", false))
        *byte = old;
}

static void use_avx(struct player *p)
{
    (void)p;
    __asm__ volatile("vpxor %%ymm0, %%ymm0, %%ymm0\n\tvpaddd %%ymm0, %%ymm0, %%ymm1\n\tvzeroupper"
                     :
                     :
                     : "xmm0", "xmm1");
}

static void nothing(struct player *p)
{
    (void)p;
}

/* Many doorbells without a request: what one costs. */
static void many_doorbells(struct player *p)
{
    for (uint64_t i = tree_get_u64(&p->job, tree_root(&p->job), "count", 1000); i > 0; i--)
        doorbell(p, 0);
}

/* The last vCPU alone fails. */
static void last_crashes(struct player *p)
{
    if (p->vcpu + 1 == p->boot->vcpu_count)
        __builtin_trap();
    loop(p);
}

/* All vCPUs meet: each adds one to the shared counter and waits for the others. */
static void meet(struct player *p)
{
    uint64_t *counter = (uint64_t *)p->boot->shared_addr;

    __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) < p->boot->vcpu_count)
        __asm__ volatile("pause");
}

static const struct {
    const char *name;
    void (*run)(struct player *p);
} operations[] = {
    {"script",         script               },
    {"nothing",        nothing              },
    {"crash",          crash                },
    {"loop",           loop                 },
    {"system-call",    make_system_call     },
    {"other-fd",       read_other_descriptor},
    {"exit",           leave                },
    {"panic",          panic                },
    {"write-code",     write_code           },
    {"write-boot",     write_boot           },
    {"run-data",       run_data             },
    {"stack-overflow", overflow_stack       },
    {"touch-end",      touch_end            },
    {"touch-host",     touch_host           },
    {"bad-tail",       lie_about_tail       },
    {"bad-tail-done",  lie_at_the_end       },
    {"record-done",    speak_at_the_end     },
    {"garbage-record", garbage_record       },
    {"ring-for-ever",  ring_for_ever        },
    {"port-in",        port_in              },
    {"halt",           halt                 },
    {"touch",          touch                },
    {"avx",            use_avx              },
    {"half-a-word",    half_a_word          },
    {"no-word",        no_word              },
    {"doorbells",      many_doorbells       },
    {"last-crashes",   last_crashes         },
    {"meet",           meet                 },
};

_Noreturn void guest_main(const struct abi_boot *boot, uint64_t vcpu);

_Noreturn void guest_main(const struct abi_boot *boot, uint64_t vcpu)
{
    struct player p = {.boot = boot,
                       .vcpu = vcpu,
                       .mine = &boot->vcpu[vcpu],
                       .ring = (struct abi_ring *)boot->vcpu[vcpu].ring_addr};

    if (boot->version == ABI_VERSION &&
        tree_check(&p.job, (const void *)boot->job_addr, boot->job_bytes) == 0) {
        struct tree_bytes name = tree_get_bytes(&p.job, tree_root(&p.job), "operation");
        for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
            if (tree_bytes_equal(name, operations[i].name)) {
                operations[i].run(&p);
                done(&p);
            }
        }
    }
    __builtin_trap();
}

__attribute__((naked, noreturn, used)) void _start(void);

__attribute__((naked, noreturn, used)) void _start(void)
{
    __asm__("xor %ebp, %ebp\n\tand $-16, %rsp\n\tcall guest_main\n\tud2");
}
