/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See runs.h. */
#include "runs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum vmm_engine run_engines[2] = {VMM_ENGINE_PROCESS, VMM_ENGINE_KVM};

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
    for (size_t at = list.inside;
         tree_next(tree, &at, &item) && run->completions < RUN_COMPLETIONS;)
        memcpy(&run->completion[run->completions++], item.bytes.data, sizeof(run->completion[0]));
    assert_true(shown.length <= sizeof(run->shown));
    if (shown.length)
        memcpy(run->shown, shown.data, shown.length);
    return 0;
}

/* Whether KVM can be had here at all. */
static bool kvm_answers(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    bool answers = fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, 0) == KVM_API_VERSION;

    if (fd >= 0)
        close(fd);
    return answers;
}

struct run run_make(void **state)
{
    const enum vmm_engine *engine = *state;
    struct run run = {
        .options = {.engine = *engine, .memory_bytes = RUN_MEMORY, .vcpus = 1, .more_runs = true}
    };
    int status;
    struct vmm *vmm = vmm_new(&run.options, &status);

    if (!vmm) {
        assert_int_equal(status, -ENODEV);
        assert_false(kvm_answers()); /* where it is there, an engine that fails is a failure */
        skip();
    }
    vmm_free(vmm);
    return run;
}

struct vmm *run_new(const struct run *run)
{
    int status;
    struct vmm *vmm = vmm_new(&run->options, &status);

    assert_non_null(vmm);
    return vmm;
}

void run_play(struct run *run, struct vmm *vmm, const void *job, size_t job_bytes)
{
    struct vmm_callbacks callbacks = {.ctx = run, .record = on_record};

    vmm_run(vmm, job, job_bytes, &callbacks, &run->result);
    run->layout = vmm->layout;
}

void run_operation(struct run *run, const char *operation)
{
    unsigned char job[256];
    struct tree_writer w;
    struct vmm *vmm = run_new(run);

    tree_begin(&w, job, sizeof(job));
    tree_put_str(&w, "operation", operation);
    run_play(run, vmm, job, tree_finish(&w));
    vmm_free(vmm);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
}

size_t run_script_make(unsigned char job[RUN_JOB_ROOM], const void *data, size_t data_bytes,
                       const struct abi_request *request, unsigned count, unsigned wait,
                       unsigned show)
{
    struct tree_writer w;

    tree_begin(&w, job, RUN_JOB_ROOM);
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
