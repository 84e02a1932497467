/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs under trouble from outside: signals, closed descriptors, a killed host, little memory. */
#include "runs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

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

    for (unsigned vcpus = 1; vcpus <= 3; vcpus += 2) {
        struct run run = run_make(state);
        struct itimerval soon = {.it_value.tv_usec = 50000};
        run.options.vcpus = vcpus;
        to_cancel = run_new(&run);
        sigaction(SIGALRM, &action, &old);
        setitimer(ITIMER_REAL, &soon, NULL);
        tree_begin(&w, job, sizeof(job));
        tree_put_str(&w, "operation", "loop");
        run_play(&run, to_cancel, job, tree_finish(&w));
        assert_int_equal(run.result.end, VMM_END_SIGNAL);
        vmm_free(to_cancel);
        sigaction(SIGALRM, &old, NULL);
    }
}

/* In a child with the standard descriptors closed: 0 if nothing took their place. */
static int run_without_stdio(struct run *run)
{
    struct vmm_open open = {.path = "/proc/self/exe", .named_by_user = true};
    struct vmm_open_result result;
    unsigned char job[256];
    struct tree_writer w;

    for (int fd = 0; fd < 3; fd++)
        close(fd);
    struct vmm *vmm = run_new(run);
    int number = vmm_device_open(vmm, &open, &result);
    if (number != 0 || device_at(vmm, 0)->fd < 3)
        return 1;
    tree_begin(&w, job, sizeof(job));
    tree_put_str(&w, "operation", "doorbells");
    run_play(run, vmm, job, tree_finish(&w));
    bool free_still = fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
    return run->result.end == VMM_END_DONE && free_still ? 0 : 2;
}

static void test_closed_stdio(void **state)
{
    struct run run = run_make(state);
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(run_without_stdio(&run));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
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
    struct run run = run_make(state);
    pid_t guest = 0;

    pid_t host = fork();
    if (host == 0) {
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
    struct run run = run_make(state);
    const struct rlimit limit = {1 << 30, 1 << 30};
    int status;

    if (SANITIZED)
        skip(); /* the sanitizer's own tables take more */
    pid_t child = fork();
    if (child == 0) {
        run.options.memory_bytes = 256 << 20;
        setrlimit(RLIMIT_AS, &limit);
        run_operation(&run, "nothing");
        _exit(run.result.end == VMM_END_DONE ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* A descriptor that is left is closed soon. */
static void test_leave(void **state)
{
    int ends[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    fd_leave(ends[1]);
    assert_int_equal(fcntl(ends[1], F_GETFD), -1);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* not while anybody could write */
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_ON_EACH_ENGINE(test_cancel),
        RUN_ON_EACH_ENGINE(test_closed_stdio),
        cmocka_unit_test_prestate(test_killed_host, &run_engines[0]),
        RUN_ON_EACH_ENGINE(test_address_space),
        cmocka_unit_test(test_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
