/* SPDX-License-Identifier: GPL-2.0-or-later */
/* runs - whole runs of the test's guest, on each engine that this machine has. */
#ifndef VMM_TEST_RUNS_H
#define VMM_TEST_RUNS_H

#include "rig.h"

enum { RUN_MEMORY = 16 << 20, RUN_JOB_ROOM = 64 << 10, RUN_COMPLETIONS = 64 };

struct run {
    struct vmm_options options;
    struct vmm_result result;
    struct layout layout; /* of the last run */
    unsigned records;
    unsigned vcpus_heard; /* a bit each */
    struct abi_completion completion[RUN_COMPLETIONS];
    unsigned completions;
    unsigned first;
    unsigned char shown[4096];
};

/* A case once per engine. */
#define RUN_ON_EACH_ENGINE(test)                                                                   \
    {#test "/process", test, NULL, NULL, &run_engines[0]},                                         \
    {                                                                                              \
#test "/kvm", test, NULL, NULL, &run_engines[1]                                            \
    }
extern enum vmm_engine run_engines[2];

/* A run on the case's engine. Skips the case where this machine does not have it. */
struct run run_make(void **state);
struct vmm *run_new(const struct run *run);
void run_play(struct run *run, struct vmm *vmm, const void *job, size_t job_bytes);
/* Run the guest's operation of this name, which needs nothing but its name. */
void run_operation(struct run *run, const char *operation);
/* A job with one step of @count requests, after which @show bytes of data are shown. */
size_t run_script_make(unsigned char job[RUN_JOB_ROOM], const void *data, size_t data_bytes,
                       const struct abi_request *request, unsigned count, unsigned wait,
                       unsigned show);

#endif
