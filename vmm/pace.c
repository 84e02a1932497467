/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The leaky bucket of pace.h, and PACE, by which the guest waits for it. */
#include "pace.h"

#include <errno.h>
#include <time.h>

#include "serve.h"

enum { SECOND_NS = 1000000000, SLICE_NS = 50000000 };

uint64_t pace_wait_ns(struct pace *pace, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns > pace->last_ns ? now_ns - pace->last_ns : 0;

    pace->debt_ns -= elapsed_ns < pace->debt_ns ? elapsed_ns : pace->debt_ns;
    pace->last_ns = now_ns;
    return pace->debt_ns > PACE_BURST_NS ? pace->debt_ns - PACE_BURST_NS : 0;
}

void pace_account(struct pace *pace, uint64_t bytes)
{
    if (pace->rate_bytes == 0)
        return;
    unsigned __int128 ns = (unsigned __int128)bytes * SECOND_NS / pace->rate_bytes + pace->debt_ns;
    pace->debt_ns = ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static uint64_t clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

int serve_pace(struct serve_call *call)
{
    struct vmm *vmm = call->vmm;
    uint64_t wait_ns;

    while (vmm->pace.rate_bytes > 0) {
        pthread_mutex_lock(&vmm->pace_lock);
        wait_ns = pace_wait_ns(&vmm->pace, clock_now_ns());
        if (wait_ns == 0)
            pace_account(&vmm->pace, call->request->length);
        pthread_mutex_unlock(&vmm->pace_lock);
        if (wait_ns == 0)
            break;
        if (vmm_has_ended(vmm))
            return -ECANCELED;
        /* In slices: the run may end meanwhile. */
        const struct timespec slice = {.tv_nsec = (long)(wait_ns < SLICE_NS ? wait_ns : SLICE_NS)};
        nanosleep(&slice, NULL);
    }
    return 0;
}
