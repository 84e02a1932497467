/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs that copy together; see copy.h. */
#include "copy.h"

/* In the page that all vCPUs share. */
struct copy_board {
    struct copy *copy;
    uint32_t state;
};

enum { BOARD_WAIT, BOARD_WORK, BOARD_LEAVE };

static struct copy_board *board(const struct guest *g)
{
    return (struct copy_board *)g->boot->shared_addr;
}

void copy_lock(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(lock, __ATOMIC_RELAXED))
            __builtin_ia32_pause();
    }
}

void copy_unlock(uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

void copy_fail(struct copy *copy, enum copy_stage stage, uint64_t offset, int code)
{
    uint32_t none = 0;

    /* 1: being told; 2: it is told. */
    if (!__atomic_compare_exchange_n(&copy->failed, &none, 1, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return;
    copy->stage = stage;
    copy->offset = offset;
    copy->code = -code;
    __atomic_store_n(&copy->failed, 2, __ATOMIC_RELEASE);
}

static int failure_record(struct guest *g, const struct copy *copy)
{
    static const enum fmt_error_code codes[] = {
        [COPY_STAGE_STATUS] = FMT_ERR_CONVERT_STATUS,
        [COPY_STAGE_READ] = FMT_ERR_CONVERT_READ,
        [COPY_STAGE_WRITE] = FMT_ERR_CONVERT_WRITE,
    };

    fmt_error_clear(&g->error);
    return fmt_fail(&g->env, copy->code, codes[copy->stage], FMT_NUM(copy->offset),
                    FMT_NUM(copy->code));
}

static void board_set(const struct guest *g, struct copy *copy, uint32_t state)
{
    board(g)->copy = copy;
    __atomic_store_n(&board(g)->state, state, __ATOMIC_RELEASE);
}

int copy_run(struct guest *g, struct copy *copy)
{
    copy->working = g->boot->vcpu_count - 1;
    board_set(g, copy, BOARD_WORK);
    copy_work(g, copy);
    while (__atomic_load_n(&copy->working, __ATOMIC_ACQUIRE) > 0)
        __builtin_ia32_pause();
    copy->source_env->io_ctx = g;
    copy->target_env->io_ctx = g;
    guest_devices_forget(g);
    return copy->failed ? failure_record(g, copy) : 0;
}

void copy_help(struct guest *g)
{
    uint32_t state;

    while ((state = __atomic_load_n(&board(g)->state, __ATOMIC_ACQUIRE)) == BOARD_WAIT)
        __builtin_ia32_pause();
    if (state != BOARD_WORK)
        return;
    struct copy *copy = board(g)->copy;
    copy_work(g, copy);
    __atomic_fetch_sub(&copy->working, 1, __ATOMIC_ACQ_REL);
}

void copy_dismiss(struct guest *g)
{
    uint32_t wait = BOARD_WAIT;

    __atomic_compare_exchange_n(&board(g)->state, &wait, BOARD_LEAVE, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
}
