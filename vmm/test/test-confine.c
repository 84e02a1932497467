/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host process can still do after it has confined itself. Each case is a child. */
#include "runs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int answer(long r)
{
    return r < 0 ? errno : 0;
}

static int do_exec(void)
{
    return answer(execl("/bin/true", "true", NULL));
}

static int do_fork(void)
{
    return answer(fork());
}

static int do_socket(void)
{
    return answer(socket(AF_INET, SOCK_STREAM, 0));
}

static int do_trace(void)
{
    return answer(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int do_folder(void)
{
    return answer(mkdir(rig_path("new-folder"), 0700));
}

static int do_kill_other(void)
{
    return answer(kill(1, 0));
}

static int do_raise(void)
{
    return answer(raise(0));
}

static int do_executable_memory(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int do_executable_later(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -1 : answer(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int do_memory(void)
{
    void *p = malloc(8 << 20);
    bool made = p;
    free(p);
    return made ? 0 : errno;
}

static int do_type_on_terminal(void)
{
    return answer(ioctl(0, TIOCSTI, "x"));
}

static int do_dumpable(void)
{
    return answer(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int do_namespace(void)
{
    return answer(unshare(CLONE_NEWUSER));
}

static int do_unknown_call(void)
{
    return answer(syscall(1000));
}

static int do_new_clone(void)
{
    return answer(syscall(__NR_clone3, NULL, 0));
}

static void *thread_main(void *arg)
{
    return arg;
}

static int do_thread(void)
{
    pthread_t thread;
    int r = pthread_create(&thread, NULL, thread_main, NULL);
    return r ? r : pthread_join(thread, NULL);
}

static int do_clock(void)
{
    time_t now = time(NULL);
    return localtime(&now) ? 0 : errno;
}

static int do_open(void)
{
    return answer(open("/etc/passwd", O_RDONLY));
}

static int do_open_image(void)
{
    return answer(open(rig_path("image"), O_RDONLY));
}

static int do_open_beside(void)
{
    return answer(open(rig_path("beside"), O_RDONLY));
}

static int do_create(void)
{
    int fd = open(rig_path("created"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    return fd < 0 ? errno : answer(unlink(rig_path("created")));
}

static const struct {
    const char *name;
    int (*run)(void);
    int error; /* expected; 0: it works */
} calls[] = {
    {"exec",              do_exec,              EPERM },
    {"fork",              do_fork,              EPERM },
    {"socket",            do_socket,            EPERM },
    {"trace",             do_trace,             EPERM },
    {"folder",            do_folder,            EPERM },
    {"kill other",        do_kill_other,        EPERM },
    {"raise",             do_raise,             0     },
    {"executable memory", do_executable_memory, EPERM },
    {"executable later",  do_executable_later,  EPERM },
    {"memory",            do_memory,            0     },
    {"type on terminal",  do_type_on_terminal,  EPERM },
    {"dumpable",          do_dumpable,          EPERM },
    {"namespace",         do_namespace,         EPERM },
    {"unknown call",      do_unknown_call,      EPERM },
    {"new clone",         do_new_clone,         ENOSYS},
    {"thread",            do_thread,            0     },
    {"clock",             do_clock,             0     },
    {"open",              do_open,              0     },
    {"create",            do_create,            0     },
};

/* The answer of @run in a child that is confined for @policy. */
static int confined(enum vmm_policy policy, const char *expected_path, int (*run)(void))
{
    struct vmm_options options = {
        .engine = VMM_ENGINE_PROCESS, .policy = policy, .memory_bytes = RUN_MEMORY, .vcpus = 1};
    struct vmm_open open = {.path = rig_path("image"), .named_by_user = true};
    struct vmm_open_result result;
    int status;

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct vmm *vmm = vmm_new(&options, &status);
        if (!vmm || vmm_device_open(vmm, &open, &result) < 0)
            _exit(200);
        if (expected_path)
            vmm_path_expect(vmm, expected_path);
        if (confine_host(vmm) < 0)
            _exit(201);
        _exit(run());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_calls(void **state)
{
    (void)state;
    rig_file("image", 4096, 1);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        int error = confined(VMM_POLICY_PARITY, NULL, calls[i].run);
        if (error != calls[i].error)
            fail_msg("%s: %d", calls[i].name, error);
    }
}

static const struct {
    const char *name;
    int (*run)(void);
    bool expect; /* the file to be created was named */
    int contained, strict;
} opens[] = {
    {"image",            do_open_image,  false, 0,      0     },
    {"beside it",        do_open_beside, false, 0,      EACCES},
    {"elsewhere",        do_open,        false, EACCES, EACCES},
    {"elsewhere, named", do_open,        true,  EACCES, EACCES},
    {"create",           do_create,      false, 0,      EACCES},
    {"create, named",    do_create,      true,  0,      0     },
    {"clock",            do_clock,       false, 0,      0     },
};

static void test_files(void **state)
{
    (void)state;
    if (syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
        skip();
    rig_file("image", 4096, 1);
    rig_file("beside", 4096, 1);
    for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
        const char *expected = opens[i].expect ? rig_path("created") : NULL;
        int contained = confined(VMM_POLICY_CONTAINED, expected, opens[i].run);
        int strict = confined(VMM_POLICY_STRICT, expected, opens[i].run);
        if (contained != opens[i].contained || strict != opens[i].strict)
            fail_msg("%s: %d, %d", opens[i].name, contained, strict);
    }
}

/* A whole run by a host that does confine itself, with every way of moving bytes. */
static int run_confined(struct run *run, enum vmm_io io)
{
    enum { COUNT = 8, PIECE = 128 << 10 };
    unsigned char job[RUN_JOB_ROOM];
    struct vmm_open open = {
        .path = rig_path("big"), .writable = true, .named_by_user = true, .lock = true};
    struct abi_request read[COUNT];
    struct vmm_open_result result;

    run->options.more_runs = false;
    run->options.io = io;
    run->options.time_limit_ms = 20000;
    struct vmm *vmm = run_new(run);
    if (vmm_device_open(vmm, &open, &result) < 0)
        return 1;
    for (unsigned i = 0; i < COUNT; i++)
        read[i] = (struct abi_request){
            .kind = ABI_REQ_READ, .offset = i * (uint64_t)PIECE, .length = PIECE};
    run_play(run, vmm, job, run_script_make(job, "", 0, read, COUNT, 1, 0));
    vmm_free(vmm);
    if (run->result.end != VMM_END_DONE || run->completions != COUNT)
        return 2;
    for (unsigned i = 0; i < COUNT; i++) {
        if (run->completion[i].status != 0)
            return 3;
    }
    return 0;
}

static void test_run(void **state)
{
    for (unsigned vcpus = 1; vcpus <= 3; vcpus += 2) {
        for (enum vmm_io io = VMM_IO_AUTO; io <= VMM_IO_THREADS; io++) {
            struct run run = run_make(state);
            int status;
            run.options.vcpus = vcpus;
            rig_file("big", 2 << 20, 7);
            pid_t child = fork();
            if (child == 0)
                _exit(run_confined(&run, io));
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_int_equal(status, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_files),
        RUN_ON_EACH_ENGINE(test_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
