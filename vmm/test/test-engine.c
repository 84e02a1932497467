/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole runs on each engine that this machine has: guests that work, crash, loop and lie. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMORY = 16 << 20, JOB_ROOM = 64 << 10 };

static const enum vmm_engine engines[] = {VMM_ENGINE_PROCESS, VMM_ENGINE_KVM};
enum { ENGINES = 2 };

struct run {
    struct vmm_options options;
    struct vmm_result result;
    unsigned records;
    unsigned vcpus_heard; /* a bit each */
    struct abi_completion completion[64];
    unsigned completions;
    unsigned first;
    unsigned char shown[4096];
};

static int on_record(void *ctx, enum abi_record kind, const struct tree *tree)
{
    struct run *run = ctx;
    size_t root = tree_root(tree);
    struct tree_bytes shown = tree_get_bytes(tree, root, "shown");
    struct tree_item list, item;

    (void)kind;
    run->records++;
    run->vcpus_heard |= 1u << tree_get_u64(tree, root, "vcpu", 31);
    run->first = (unsigned)tree_get_u64(tree, root, "first", 0);
    run->completions = 0;
    assert_true(tree_find(tree, root, "completions", &list));
    for (size_t at = list.inside; tree_next(tree, &at, &item) && run->completions < 64;)
        memcpy(&run->completion[run->completions++], item.bytes.data, sizeof(run->completion[0]));
    assert_true(shown.length <= sizeof(run->shown));
    if (shown.length)
        memcpy(run->shown, shown.data, shown.length);
    return 0;
}

static struct vmm *run_new(const struct run *run)
{
    int status;
    struct vmm *vmm = vmm_new(&run->options, &status);

    if (!vmm)
        assert_int_equal(status, -ENODEV); /* no /dev/kvm */
    return vmm;
}

static void run_play(struct run *run, struct vmm *vmm, const void *job, size_t job_bytes)
{
    struct vmm_callbacks callbacks = {.ctx = run, .record = on_record};

    vmm_run(vmm, job, job_bytes, &callbacks, &run->result);
}

/* Run the named operation; false: this machine does not have the engine. */
static bool run_operation(struct run *run, const char *operation)
{
    unsigned char job[256];
    struct tree_writer w;
    struct vmm *vmm = run_new(run);

    if (!vmm)
        return false;
    tree_begin(&w, job, sizeof(job));
    tree_put_str(&w, "operation", operation);
    run_play(run, vmm, job, tree_finish(&w));
    vmm_free(vmm);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
    return true;
}

static struct run run_with(unsigned engine)
{
    return (struct run){
        .options = {.engine = engines[engine], .memory_bytes = MEMORY, .vcpus = 1}
    };
}

static const struct {
    const char *operation;
    enum vmm_end end;
    const char *process; /* detail expected of the process engine */
    unsigned limit_ms;
    bool process_only;
} endings[] = {
    {"nothing",        VMM_END_DONE, NULL,                           0,   false},
    {"doorbells",      VMM_END_DONE, NULL,                           0,   false},
    {"crash",          VMM_END_DIED, "the guest crashed",            0,   false},
    {"no such thing",  VMM_END_DIED, "the guest crashed",            0,   false},
    {"loop",           VMM_END_TIME, "over the time limit",          100, false},
    {"half-a-word",    VMM_END_DIED, "a doorbell is not a word",     0,   true },
    {"system-call",    VMM_END_DIED, "the guest made a system call", 0,   false},
    {"other-fd",       VMM_END_DIED, "the guest made a system call", 0,   false},
    {"exit",           VMM_END_DIED, "the guest process exited",     0,   false},
    {"no-word",        VMM_END_DIED, "the guest crashed",            0,   true },
    {"panic",          VMM_END_DIED, "the guest gave up",            0,   false},
    {"write-code",     VMM_END_DIED, "the guest crashed",            0,   false},
    {"write-boot",     VMM_END_DIED, "the guest crashed",            0,   false},
    {"run-data",       VMM_END_DIED, "the guest crashed",            0,   false},
    {"stack-overflow", VMM_END_DIED, "the guest crashed",            0,   false},
    {"touch-host",     VMM_END_DIED, "the guest crashed",            0,   false},
    {"bad-tail",       VMM_END_DIED, "bad sq_tail",                  0,   false},
    {"garbage-record", VMM_END_DIED, "a record is not a tree",       0,   false},
    {"ring-for-ever",  VMM_END_TIME, NULL,                           50,  false},
};

static void test_endings(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < ENGINES; engine++) {
        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
            struct run run = run_with(engine);
            run.options.time_limit_ms = endings[i].limit_ms;
            if (endings[i].process_only && engines[engine] != VMM_ENGINE_PROCESS)
                continue;
            if (!run_operation(&run, endings[i].operation))
                break;
            if (run.result.end != endings[i].end)
                fail_msg("%s: end %d, %s", endings[i].operation, run.result.end,
                         run.result.detail ? run.result.detail : "-");
            if (engines[engine] == VMM_ENGINE_PROCESS && endings[i].process)
                assert_string_equal(run.result.detail, endings[i].process);
            assert_int_equal(run.records, 0);
        }
    }
}

static void test_requests_max(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < ENGINES; engine++) {
        struct run run = run_with(engine);
        run.options.requests_max = 10;
        if (!run_operation(&run, "ring-for-ever"))
            continue;
        assert_int_equal(run.result.end, VMM_END_TIME);
        assert_int_equal(run.result.requests, 11);
    }
}

/* A job with one step of @count requests. */
static size_t script_make(unsigned char job[JOB_ROOM], const void *data, size_t data_bytes,
                          const struct abi_request *request, unsigned count, unsigned wait,
                          unsigned show)
{
    struct tree_writer w;

    tree_begin(&w, job, JOB_ROOM);
    tree_put_str(&w, "operation", "script");
    tree_list(&w, "steps");
    tree_dict(&w, NULL);
    tree_put_bytes(&w, "data", data, data_bytes);
    tree_put_bytes(&w, "requests", request, count * sizeof(*request));
    tree_put_u64(&w, "wait", wait);
    tree_put_u64(&w, "show-bytes", show);
    tree_end(&w);
    tree_end(&w);
    return tree_finish(&w);
}

static void test_script(void **state)
{
    unsigned char job[JOB_ROOM], data[2000], expected[4096];

    (void)state;
    rig_fill(data, sizeof(data), 3);
    for (unsigned engine = 0; engine < ENGINES; engine++) {
        struct vmm_open_result result;
        struct run run = run_with(engine);
        rig_file("image", 4096, 1);
        struct vmm *vmm = run_new(&run);
        if (!vmm)
            continue;
        struct vmm_open open = {
            .path = rig_path("image"), .writable = true, .named_by_user = true, .preload = true};
        assert_int_equal(vmm_device_open(vmm, &open, &result), 0);
        const struct abi_request requests[] = {
            {.kind = ABI_REQ_WRITE, .cookie = 1, .offset = 1000, .length = 2000},
            {.kind = ABI_REQ_READ,  .cookie = 2, .length = 4096},
            {.kind = ABI_REQ_READ,          .cookie = 3, .device = 5, .length = 4096              },
        };
        size_t bytes = script_make(job, data, sizeof(data), requests, 3, 3, 4096);
        run_play(&run, vmm, job, bytes);
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
}

static void test_vcpus(void **state)
{
    unsigned char job[JOB_ROOM];
    const struct abi_request nop = {.kind = ABI_REQ_PROGRESS};

    (void)state;
    for (unsigned engine = 0; engine < ENGINES; engine++) {
        struct run run = run_with(engine);
        run.options.vcpus = 4;
        run.options.memory_bytes = 32 << 20;
        if (!run_operation(&run, "meet"))
            continue;
        assert_int_equal(run.result.end, VMM_END_DONE);
        if (!run_operation(&run, "last-crashes"))
            continue;
        assert_int_equal(run.result.end, VMM_END_DIED);
        struct vmm *vmm = run_new(&run);
        run_play(&run, vmm, job, script_make(job, "", 0, &nop, 1, 1, 0));
        vmm_free(vmm);
        assert_int_equal(run.result.end, VMM_END_DONE);
        assert_int_equal(run.records, 4);
        assert_int_equal(run.vcpus_heard, 15);
    }
}

static struct vmm *to_cancel;

static void on_alarm(int signal)
{
    (void)signal;
    vmm_cancel(to_cancel);
}

static void test_cancel(void **state)
{
    struct sigaction action = {.sa_handler = on_alarm}, old;
    unsigned char job[256];
    struct tree_writer w;

    (void)state;
    sigaction(SIGALRM, &action, &old);
    for (unsigned engine = 0; engine < ENGINES; engine++) {
        for (unsigned vcpus = 1; vcpus <= 3; vcpus += 2) {
            struct run run = run_with(engine);
            run.options.vcpus = vcpus;
            to_cancel = run_new(&run);
            if (!to_cancel)
                continue;
            struct itimerval soon = {.it_value.tv_usec = 50000};
            setitimer(ITIMER_REAL, &soon, NULL);
            tree_begin(&w, job, sizeof(job));
            tree_put_str(&w, "operation", "loop");
            run_play(&run, to_cancel, job, tree_finish(&w));
            assert_int_equal(run.result.end, VMM_END_SIGNAL);
            vmm_free(to_cancel);
        }
    }
    sigaction(SIGALRM, &old, NULL);
}

/* With the standard descriptors closed, nothing of ours may take their place. */
static void test_closed_stdio(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < ENGINES; engine++) {
        pid_t child = fork();
        if (child == 0) {
            struct run run = run_with(engine);
            struct vmm_open_result result;
            unsigned char job[256];
            struct tree_writer w;
            close(0);
            close(1);
            close(2);
            int status;
            struct vmm *vmm = vmm_new(&run.options, &status);
            if (!vmm)
                _exit(0);
            struct vmm_open open = {.path = "/proc/self/exe", .named_by_user = true};
            int number = vmm_device_open(vmm, &open, &result);
            if (number != 0 || device_at(vmm, 0)->fd < 3)
                _exit(1);
            tree_begin(&w, job, sizeof(job));
            tree_put_str(&w, "operation", "doorbells");
            run_play(&run, vmm, job, tree_finish(&w));
            bool free_still =
                fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
            _exit(run.result.end == VMM_END_DONE && free_still ? 0 : 2);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

/* The first word of a /proc file that @format finds, or 0. */
static int proc_number(const char *file, pid_t pid, const char *format)
{
    char path[64];
    int number = 0;

    snprintf(path, sizeof(path), file, pid, pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, format, &number) != 1)
        number = 0;
    if (f)
        fclose(f);
    return number;
}

/* A host that is killed takes its guest with it. */
static void test_killed_host(void **state)
{
    pid_t guest = 0;

    (void)state;
    pid_t host = fork();
    if (host == 0) {
        struct run run = run_with(0);
        run_operation(&run, "loop");
        _exit(1);
    }
    for (unsigned i = 0; i < 200 && guest == 0; i++) {
        usleep(10000);
        guest = proc_number("/proc/%d/task/%d/children", host, "%d");
    }
    assert_true(guest > 0);
    usleep(20000); /* it is confined by now */
    kill(host, SIGKILL);
    assert_int_equal(waitpid(host, NULL, 0), host);
    int letter = 'R'; /* gone, or a zombie until init takes notice */
    for (unsigned i = 0; i < 200 && letter != 0 && letter != 'Z'; i++) {
        usleep(10000);
        letter = proc_number("/proc/%d/stat", guest, "%*d (%*[^)]) %c") & 0xff;
    }
    assert_true(letter == 0 || letter == 'Z');
}

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Little address space is enough. */
static void test_address_space(void **state)
{
    (void)state;
    if (SANITIZED)
        skip(); /* the sanitizer's own tables take more */
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {1 << 30, 1 << 30};
        struct run run = run_with(0);
        run.options.memory_bytes = 256 << 20;
        setrlimit(RLIMIT_AS, &limit);
        _exit(run_operation(&run, "nothing") && run.result.end == VMM_END_DONE ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_engines(void **state)
{
    (void)state;
    struct vmm_options options = {.engine = VMM_ENGINE_AUTO, .memory_bytes = MEMORY, .vcpus = 1};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engines),       cmocka_unit_test(test_endings),
        cmocka_unit_test(test_requests_max),  cmocka_unit_test(test_script),
        cmocka_unit_test(test_vcpus),         cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_closed_stdio),  cmocka_unit_test(test_killed_host),
        cmocka_unit_test(test_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
