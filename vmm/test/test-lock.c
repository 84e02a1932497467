/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Image locks between open files, and the gate's policies. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READ = VMM_LOCK_CONSISTENT_READ,
    WRITE = VMM_LOCK_WRITE,
    UNCHANGED = VMM_LOCK_WRITE_UNCHANGED,
    RESIZE = VMM_LOCK_RESIZE,
    ALL = VMM_LOCK_ALL
};

static int open_locked(struct vmm *vmm, uint64_t perm, uint64_t shared,
                       struct vmm_open_result *result)
{
    struct vmm_open open = {.path = rig_path("locked"),
                            .writable = true,
                            .named_by_user = true,
                            .lock = true,
                            .lock_perm = perm,
                            .lock_shared = shared};
    return vmm_device_open(vmm, &open, result);
}

static const struct {
    uint64_t perm1, shared1, perm2, shared2;
    uint64_t conflict; /* 0: none */
    bool shared;
} cases[] = {
    {READ,         ALL,              READ,                  ALL,              0,      false},
    {READ,         READ | UNCHANGED, READ,                  READ | UNCHANGED, 0,      false},
    {READ,         READ | UNCHANGED, READ | WRITE,          READ | UNCHANGED, WRITE,  false},
    {READ | WRITE, READ | UNCHANGED, READ,                  READ | UNCHANGED, WRITE,  true },
    {READ | WRITE, READ | UNCHANGED, READ,                  ALL,              0,      false},
    {READ,         ALL & ~RESIZE,    RESIZE,                ALL,              RESIZE, false},
    {RESIZE,       ALL,              WRITE,                 ALL & ~RESIZE,    RESIZE, true },
    {READ | WRITE, ALL,              READ | WRITE | RESIZE, ALL,              0,      false},
    {READ,         0,                READ,                  ALL,              READ,   false},
};

/* The other opener is another process: it holds its locks until told to end. */
static pid_t hold(uint64_t perm, uint64_t shared, int *end)
{
    struct vmm_open_result result;
    int ready[2], stop[2];
    char byte;

    assert_int_equal(pipe(ready) | pipe(stop), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rig rig;
        rig_start(&rig, VMM_IO_AUTO);
        int r = open_locked(rig.vmm, perm, shared, &result);
        close(stop[1]);
        if (write(ready[1], r < 0 ? "n" : "y", 1) != 1 || read(stop[0], &byte, 1) < 0)
            _exit(1);
        vmm_free(rig.vmm);
        _exit(0);
    }
    close(stop[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ready[0]);
    close(ready[1]);
    *end = stop[1];
    return child;
}

static void test_conflicts(void **state)
{
    (void)state;
    rig_file("locked", 4096, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vmm_open_result result;
        struct rig rig;
        int end;
        pid_t other = hold(cases[i].perm1, cases[i].shared1, &end);
        rig_start(&rig, VMM_IO_AUTO);
        int r = open_locked(rig.vmm, cases[i].perm2, cases[i].shared2, &result);
        if (cases[i].conflict) {
            assert_int_equal(r, -EAGAIN);
            assert_int_equal(result.step, VMM_OPEN_LOCK);
            assert_int_equal(result.lock_bit, cases[i].conflict);
            assert_int_equal(result.lock_shared, cases[i].shared);
        } else {
            assert_true(r >= 0);
        }
        close(end);
        assert_int_equal(waitpid(other, NULL, 0), other);
        /* nobody else is there now, and a failed open has left nothing behind */
        assert_true(open_locked(rig.vmm, cases[i].perm2, ALL, &result) >= 0);
        rig_stop(&rig);
    }
}

/* Somebody's exclusive lock on a byte: it cannot even be read-locked. */
static void test_byte(void **state)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 201, .l_len = 1};
    struct vmm_open_result result;
    struct rig rig;

    (void)state;
    rig_file("locked", 4096, 1);
    int fd = open(rig_path("locked"), O_RDWR);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    rig_start(&rig, VMM_IO_AUTO);
    assert_int_equal(open_locked(rig.vmm, READ, READ, &result), -EAGAIN);
    assert_int_equal(result.step, VMM_OPEN_LOCK_SYS);
    assert_int_equal(result.lock_bit, WRITE);
    assert_true(result.lock_shared);
    close(fd);
    rig_stop(&rig);
}

/* A process that has reads in flight in the kernel, and is killed. */
static void work_and_die(void)
{
    enum { REQUESTS = 8, PIECE = 4096 };
    struct vmm_open_result result;
    struct rig rig;

    rig_start(&rig, VMM_IO_URING);
    int device = open_locked(rig.vmm, READ | WRITE, 0, &result);
    for (unsigned i = 0; device >= 0 && i < REQUESTS; i++) {
        const struct abi_request read = {.kind = ABI_REQ_READ,
                                         .device = (uint32_t)device,
                                         .offset = (uint64_t)i * PIECE,
                                         .length = PIECE,
                                         .addr = rig_addr(&rig, (uint64_t)i * PIECE)};
        rig_push(&rig, &read);
    }
    ring_serve(&rig.vmm->vcpu[0], 1);
    raise(SIGKILL);
}

/* Nothing is locked any more once it is dead. */
static void test_killed(void **state)
{
    (void)state;
    rig_file("locked", 1 << 20, 1);
    for (unsigned i = 0; i < 20; i++) {
        struct vmm_open_result result;
        struct rig rig;
        pid_t child = fork();
        if (child == 0)
            work_and_die();
        assert_int_equal(waitpid(child, NULL, 0), child);
        rig_start(&rig, VMM_IO_AUTO);
        assert_true(open_locked(rig.vmm, READ | WRITE, 0, &result) >= 0);
        rig_stop(&rig);
    }
}

/* A target that is in use must not be emptied. */
static void test_create_locked(void **state)
{
    struct vmm_open_result result;
    struct stat st;
    struct rig rig;
    int end;

    (void)state;
    rig_file("locked", 4096, 1);
    pid_t other = hold(READ | WRITE, READ, &end);
    rig_start(&rig, VMM_IO_AUTO);
    struct vmm_open open = {.path = rig_path("locked"),
                            .create = true,
                            .named_by_user = true,
                            .lock = true,
                            .lock_perm = WRITE | RESIZE,
                            .lock_shared = ALL & ~RESIZE};
    assert_int_equal(vmm_device_open(rig.vmm, &open, &result), -EAGAIN);
    assert_int_equal(stat(rig_path("locked"), &st), 0);
    assert_int_equal(st.st_size, 4096);
    close(end);
    assert_int_equal(waitpid(other, NULL, 0), other);
    assert_true(vmm_device_open(rig.vmm, &open, &result) >= 0);
    assert_int_equal(stat(rig_path("locked"), &st), 0);
    assert_int_equal(st.st_size, 0);
    rig_stop(&rig);
}

static void test_types(void **state)
{
    struct vmm_open_result result;
    struct rig rig;

    (void)state;
    mkfifo(rig_path("fifo"), 0600);
    mkdir(rig_path("dir"), 0700);
    rig_start(&rig, VMM_IO_AUTO);
    struct vmm_open open = {.path = rig_path("fifo"), .named_by_user = true};
    assert_int_equal(vmm_device_open(rig.vmm, &open, &result), -EINVAL);
    assert_int_equal(result.step, VMM_OPEN_TYPE);
    open.path = rig_path("dir");
    assert_int_equal(vmm_device_open(rig.vmm, &open, &result), -EINVAL);
    assert_int_equal(result.step, VMM_OPEN_TYPE);
    open.path = rig_path("nothing");
    assert_int_equal(vmm_device_open(rig.vmm, &open, &result), -ENOENT);
    assert_int_equal(result.step, VMM_OPEN_OPEN);
    assert_int_equal(rig.vmm->device_count, 0);
    rig_stop(&rig);
}

static void test_many(void **state)
{
    struct vmm_open_result result;
    struct rig rig;

    (void)state;
    rig_file("locked", 4096, 1);
    rig_start(&rig, VMM_IO_AUTO);
    struct vmm_open open = {.path = rig_path("locked"), .named_by_user = true};
    for (uint32_t i = 0; i < ABI_DEVICES_MAX; i++) {
        int number = vmm_device_open(rig.vmm, &open, &result);
        assert_int_equal(number, i);
        device_close(rig.vmm, device_at(rig.vmm, i));
    }
    assert_int_equal(vmm_device_open(rig.vmm, &open, &result), -ENOSPC);
    assert_int_equal(result.step, VMM_OPEN_LIMIT);
    rig_stop(&rig);
}

static const struct {
    enum vmm_policy policy;
    const char *name;
    bool create;
    int status;
} gate_cases[] = {
    {VMM_POLICY_PARITY,    "in/beside",       false, 0      },
    {VMM_POLICY_PARITY,    "out/far",         false, 0      },
    {VMM_POLICY_PARITY,    "in/link-out",     false, 0      },
    {VMM_POLICY_CONTAINED, "in/beside",       false, 0      },
    {VMM_POLICY_CONTAINED, "in/deep/er",      false, 0      },
    {VMM_POLICY_CONTAINED, "in/../in/beside", false, 0      },
    {VMM_POLICY_CONTAINED, "out/link-in",     false, 0      },
    {VMM_POLICY_CONTAINED, "out/far",         false, -EPERM },
    {VMM_POLICY_CONTAINED, "in/link-out",     false, -EPERM },
    {VMM_POLICY_CONTAINED, "in/../out/far",   false, -EPERM },
    {VMM_POLICY_CONTAINED, "in-not/far",      false, -EPERM },
    {VMM_POLICY_CONTAINED, "in/pipe",         false, -EPERM },
    {VMM_POLICY_CONTAINED, "in/nothing",      false, -ENOENT},
    {VMM_POLICY_CONTAINED, "in/new",          true,  0      },
    {VMM_POLICY_CONTAINED, "in/beside",       true,  0      },
    {VMM_POLICY_CONTAINED, "out/new",         true,  -EPERM },
    {VMM_POLICY_CONTAINED, "in/link-dir/new", true,  -EPERM },
    {VMM_POLICY_CONTAINED, "in/link-nowhere", true,  -EPERM },
    {VMM_POLICY_CONTAINED, "out/far",         true,  -EPERM },
    {VMM_POLICY_STRICT,    "in/beside",       false, -EPERM },
    {VMM_POLICY_STRICT,    "in/nothing",      false, -EPERM },
};

static void gate_files(void)
{
    const char *const folders[] = {"in", "in/deep", "out", "in-not"};
    const char *const files[] = {"in/image", "in/beside", "in/deep/er", "out/far", "in-not/far"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        mkdir(rig_path(folders[i]), 0700);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        rig_file(files[i], 512, 1);
    mkfifo(rig_path("in/pipe"), 0600);
    assert_int_equal(symlink("../out/far", rig_path("in/link-out")), 0);
    assert_int_equal(symlink("../out", rig_path("in/link-dir")), 0);
    assert_int_equal(symlink("../out/nowhere", rig_path("in/link-nowhere")), 0);
    assert_int_equal(symlink("../in/beside", rig_path("out/link-in")), 0);
}

static void test_gate(void **state)
{
    (void)state;
    gate_files();
    for (size_t i = 0; i < sizeof(gate_cases) / sizeof(gate_cases[0]); i++) {
        struct vmm_open_result result;
        struct rig rig;
        rig_start(&rig, VMM_IO_AUTO);
        rig.vmm->options.policy = gate_cases[i].policy;
        rig_open(&rig, "in/image", false);
        struct vmm_open open = {.path = rig_path(gate_cases[i].name),
                                .create = gate_cases[i].create};
        int r = vmm_device_open(rig.vmm, &open, &result);
        if (gate_cases[i].status == 0)
            assert_true(r >= 0);
        else
            assert_int_equal(r, gate_cases[i].status);
        assert_int_equal(result.step, r >= 0        ? VMM_OPEN_OK
                                      : r == -EPERM ? VMM_OPEN_POLICY
                                                    : VMM_OPEN_OPEN);
        rig_stop(&rig);
    }
    assert_int_not_equal(access(rig_path("out/new"), F_OK), 0);
    assert_int_not_equal(access(rig_path("out/nowhere"), F_OK), 0);
}

/* An image named through a link: what lies beside the link, and beside the image, may be used. */
static void test_gate_link(void **state)
{
    struct vmm_open_result result;
    struct rig rig;

    (void)state;
    rig_start(&rig, VMM_IO_AUTO);
    rig.vmm->options.policy = VMM_POLICY_CONTAINED;
    rig_open(&rig, "out/link-in", false);
    struct vmm_open open = {.path = rig_path("out/far")};
    assert_true(vmm_device_open(rig.vmm, &open, &result) >= 0);
    open.path = rig_path("in/image");
    assert_true(vmm_device_open(rig.vmm, &open, &result) >= 0);
    open.path = rig_path("in-not/far");
    assert_int_equal(vmm_device_open(rig.vmm, &open, &result), -EPERM);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conflicts), cmocka_unit_test(test_byte),
        cmocka_unit_test(test_killed),    cmocka_unit_test(test_create_locked),
        cmocka_unit_test(test_types),     cmocka_unit_test(test_many),
        cmocka_unit_test(test_gate),      cmocka_unit_test(test_gate_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
