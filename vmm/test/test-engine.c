/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole runs on each engine that this machine has: guests that work, crash, loop and lie. */
#include "runs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* How a guest that misbehaves ends. */
static const struct {
    const char *operation;
    enum vmm_end end;
    const char *process, *kvm; /* detail; NULL: any */
    unsigned limit_ms;
    bool process_only;
} endings[] = {
    {"nothing",        VMM_END_DONE, NULL,                           NULL,                       0,   false},
    {"doorbells",      VMM_END_DONE, NULL,                           NULL,                       0,   false},
    {"crash",          VMM_END_DIED, "the guest crashed",            "the guest crashed",        0,   false},
    {"no such thing",  VMM_END_DIED, "the guest crashed",            "the guest crashed",        0,   false},
    {"loop",           VMM_END_TIME, "over the time limit",          "over the time limit",      100, false},
    {"half-a-word",    VMM_END_DIED, "a doorbell is not a word",     "a doorbell is not a word", 0,   false},
    {"system-call",    VMM_END_DIED, "the guest made a system call", "the guest crashed",        0,   false},
    {"other-fd",       VMM_END_DIED, "the guest made a system call", "the guest crashed",        0,   false},
    {"exit",           VMM_END_DIED, "the guest process exited",     "the guest crashed",        0,   false},
    {"no-word",        VMM_END_DIED, "the guest crashed",            NULL,                       0,   true },
    {"port-in",        VMM_END_DIED, "the guest crashed",            "a doorbell is not a word", 0,   false},
    {"halt",           VMM_END_DIED, "the guest crashed",            "the guest crashed",        0,   false},
    {"panic",          VMM_END_DIED, "the guest gave up",            "the guest gave up",        0,   false},
    {"write-code",     VMM_END_DIED, "the guest crashed",            "the guest crashed",        0,   false},
    {"write-boot",     VMM_END_DIED, "the guest crashed",            "the guest crashed",        0,   false},
    {"run-data",       VMM_END_DIED, "the guest crashed",            "the guest crashed",        0,   false},
    {"stack-overflow", VMM_END_DIED, "the guest crashed",            "the guest crashed",        0,   false},
    {"touch-host",     VMM_END_DIED, "the guest crashed",            "the guest crashed",        0,   false},
    {"bad-tail",       VMM_END_DIED, "bad sq_tail",                  "bad sq_tail",              0,   false},
    {"bad-tail-done",  VMM_END_DIED, "bad sq_tail",                  "bad sq_tail",              0,   false},
    {"garbage-record", VMM_END_DIED, "a record is not a tree",       "a record is not a tree",   0,   false},
    {"ring-for-ever",  VMM_END_TIME, NULL,                           NULL,                       50,  false},
};

static void test_endings(void **state)
{
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        struct run run = run_make(state);
        bool process = run.options.engine == VMM_ENGINE_PROCESS;
        const char *detail = process ? endings[i].process : endings[i].kvm;

        if (endings[i].process_only && !process)
            continue;
        run.options.time_limit_ms = endings[i].limit_ms;
        run_operation(&run, endings[i].operation);
        if (run.result.end != endings[i].end)
            fail_msg("%s: end %d, %s", endings[i].operation, run.result.end,
                     run.result.detail ? run.result.detail : "-");
        if (detail)
            assert_string_equal(run.result.detail, detail);
        assert_int_equal(run.records, 0);
    }
}

/* Touch one byte and end well, or not. */
static void touch(struct run *run, uint64_t address, bool write, enum vmm_end end)
{
    unsigned char job[256];
    struct tree_writer w;
    struct vmm *vmm = run_new(run);

    tree_begin(&w, job, sizeof(job));
    tree_put_str(&w, "operation", "touch");
    tree_put_u64(&w, "address", address);
    tree_put_bool(&w, "write", write);
    run_play(run, vmm, job, tree_finish(&w));
    vmm_free(vmm);
    if (run->result.end != end)
        fail_msg("%s at %#llx: end %d", write ? "write" : "read", (unsigned long long)address,
                 run->result.end);
}

static bool is_in_section(const struct layout *layout, uint64_t offset)
{
    for (unsigned i = 0; i < layout->sections; i++) {
        if (offset - layout->section[i].offset < layout->section[i].bytes)
            return true;
    }
    return false;
}

/* Around each section there is nothing, and none gives more than it should. */
static void test_guards(void **state)
{
    struct run run = run_make(state);

    touch(&run, ABI_GUEST_BASE, false, VMM_END_DONE); /* to learn the layout */
    struct layout layout = run.layout;
    for (unsigned i = 0; i < layout.sections; i++) {
        const struct layout_section *s = &layout.section[i];
        uint64_t addr = ABI_GUEST_BASE + s->offset;
        bool writable = s->access & LAYOUT_WRITE;
        touch(&run, addr, writable, VMM_END_DONE);
        touch(&run, addr + s->bytes - 1, writable, VMM_END_DONE);
        if (!writable)
            touch(&run, addr, true, VMM_END_DIED);
        if (!is_in_section(&layout, s->offset - 1))
            touch(&run, addr - 1, false, VMM_END_DIED);
        if (!is_in_section(&layout, s->offset + s->bytes))
            touch(&run, addr + s->bytes, false, VMM_END_DIED);
    }
    for (uint64_t at = layout.tables_offset; at < layout.memory_bytes; at += ABI_PAGE_BYTES)
        touch(&run, ABI_GUEST_BASE + at, false, VMM_END_DIED);
}

/* What is in the ring when the guest is done is served. */
static void test_last_record(void **state)
{
    struct run run = run_make(state);

    run_operation(&run, "record-done");
    assert_int_equal(run.result.end, VMM_END_DONE);
    assert_int_equal(run.records, 1);
}

static void test_requests_max(void **state)
{
    struct run run = run_make(state);

    run.options.requests_max = 10;
    run_operation(&run, "ring-for-ever");
    assert_int_equal(run.result.end, VMM_END_TIME);
    assert_int_equal(run.result.requests, 11);
}

static void test_script(void **state)
{
    unsigned char job[RUN_JOB_ROOM], data[2000], expected[4096];
    struct vmm_open_result result;
    struct run run = run_make(state);
    struct vmm *vmm = run_new(&run);
    const struct abi_request requests[] = {
        {.kind = ABI_REQ_WRITE, .cookie = 1, .offset = 1000, .length = 2000},
        {.kind = ABI_REQ_READ,  .cookie = 2, .length = 4096},
        {.kind = ABI_REQ_READ,          .cookie = 3, .device = 5, .length = 4096              },
    };

    rig_fill(data, sizeof(data), 3);
    rig_file("image", 4096, 1);
    struct vmm_open open = {
        .path = rig_path("image"), .writable = true, .named_by_user = true, .preload = true};
    assert_int_equal(vmm_device_open(vmm, &open, &result), 0);
    run_play(&run, vmm, job, run_script_make(job, data, sizeof(data), requests, 3, 3, 4096));
    assert_int_equal(run.result.end, VMM_END_DONE);
    assert_int_equal(run.records, 1);
    assert_int_equal(run.completions, 3);
    assert_int_equal(run.completion[0].status, 0);
    assert_int_equal(run.completion[1].status, 0);
    assert_int_equal(run.completion[2].status, -EBADF);
    rig_fill(expected, 4096, 1);
    memcpy(expected + 1000, data, 2000);
    assert_memory_equal(run.shown, expected, 4096);
    assert_int_equal(run.result.requests, 4);
    assert_int_equal(run.result.bytes_written, 2000);
    vmm_free(vmm);
}

static void test_vcpus(void **state)
{
    unsigned char job[RUN_JOB_ROOM];
    const struct abi_request nop = {.kind = ABI_REQ_PROGRESS};
    struct run run = run_make(state);

    run.options.vcpus = 4;
    run.options.memory_bytes = 32 << 20;
    run_operation(&run, "meet");
    assert_int_equal(run.result.end, VMM_END_DONE);
    run_operation(&run, "last-crashes");
    assert_int_equal(run.result.end, VMM_END_DIED);
    struct vmm *vmm = run_new(&run);
    run_play(&run, vmm, job, run_script_make(job, "", 0, &nop, 1, 1, 0));
    vmm_free(vmm);
    assert_int_equal(run.result.end, VMM_END_DONE);
    assert_int_equal(run.records, 4);
    assert_int_equal(run.vcpus_heard, 15);
}

/* Vector instructions work where they are asked for, if the processor has them. */
static void test_avx(void **state)
{
    struct run run = run_make(state);

    if (!__builtin_cpu_supports("avx2"))
        skip();
    run.options.wants_avx = true;
    run_operation(&run, "avx");
    assert_int_equal(run.result.end, VMM_END_DONE);
    run.options.vcpus = 2;
    run_operation(&run, "avx");
    assert_int_equal(run.result.end, VMM_END_DONE);
}

static void test_engines(void **state)
{
    (void)state;
    struct vmm_options options = {
        .engine = VMM_ENGINE_AUTO, .memory_bytes = RUN_MEMORY, .vcpus = 1};
    int status;
    struct vmm *vmm = vmm_new(&options, &status);
    assert_non_null(vmm);
    const char *name = vmm_engine_name(vmm);
    assert_true(strcmp(name, "kvm") == 0 || strcmp(name, "process") == 0);
    vmm_free(vmm);
    if (strcmp(name, "kvm") != 0) {
        options.engine = VMM_ENGINE_KVM;
        assert_null(vmm_new(&options, &status));
        assert_int_equal(status, -ENODEV);
    }
}

/* A machine that cannot be used after all. */
static void test_fallback(void **state)
{
    struct run run = run_make(state);
    unsigned char job[256];
    struct tree_writer w;
    const enum vmm_engine asked[] = {VMM_ENGINE_AUTO, VMM_ENGINE_KVM};

    for (unsigned i = 0; i < 2; i++) {
        run.options.engine = asked[i];
        struct vmm *vmm = run_new(&run);
        close(vmm->machine_fd);
        vmm->machine_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        tree_begin(&w, job, sizeof(job));
        tree_put_str(&w, "operation", "doorbells");
        run_play(&run, vmm, job, tree_finish(&w));
        assert_int_equal(run.result.end, asked[i] == VMM_ENGINE_AUTO ? VMM_END_DONE : VMM_END_HOST);
        assert_string_equal(vmm_engine_name(vmm), asked[i] == VMM_ENGINE_AUTO ? "process" : "kvm");
        vmm_free(vmm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_fallback, &run_engines[1]),
        cmocka_unit_test(test_engines),
        RUN_ON_EACH_ENGINE(test_endings),
        RUN_ON_EACH_ENGINE(test_guards),
        RUN_ON_EACH_ENGINE(test_last_record),
        RUN_ON_EACH_ENGINE(test_requests_max),
        RUN_ON_EACH_ENGINE(test_script),
        RUN_ON_EACH_ENGINE(test_vcpus),
        RUN_ON_EACH_ENGINE(test_avx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
