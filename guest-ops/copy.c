/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying as a whole; see copy.h. */
#include "copy.h"
#include "team.h"

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

void copy_progress_send(struct guest *g, struct copy *copy)
{
    copy->data_shown = copy->data_done;
    const struct abi_request request = {
        .kind = ABI_REQ_PROGRESS, .offset = copy->data_done, .length = copy->data_bytes};
    if (copy->how.progress)
        ring_call(g, &request, NULL); /* nothing may overtake it */
    else
        ring_post(g, &request, NULL);
}

void copy_target_lock(struct guest *g, struct copy *copy)
{
    team_lock(g, &copy->target_lock);
    copy->target_env->io_ctx = g;
    if (copy->holder && copy->holder != g)
        guest_devices_forget(g); /* sizes have changed behind this vCPU's back */
    copy->holder = g;
}

void copy_target_unlock(struct copy *copy)
{
    team_unlock(&copy->target_lock);
}

static int failure_record(struct guest *g, const struct copy *copy)
{
    static const enum fmt_error_code codes[] = {
        [COPY_STAGE_STATUS] = FMT_ERR_CONVERT_STATUS,
        [COPY_STAGE_READ] = FMT_ERR_CONVERT_READ,
        [COPY_STAGE_WRITE] = FMT_ERR_CONVERT_WRITE,
    };
    struct fmt_error_arg code = FMT_NUM(copy->code);

    fmt_error_clear(&g->error);
    if (copy->how.is_dd && copy->stage == COPY_STAGE_WRITE)
        return fmt_fail(&g->env, copy->code, FMT_ERR_DD_WRITE, code);
    if (copy->how.is_dd)
        return fmt_fail(&g->env, copy->code, FMT_ERR_DD_READ, code);
    return fmt_fail(&g->env, copy->code, codes[copy->stage], FMT_NUM(copy->offset), code);
}

static void work(struct guest *g, void *ctx)
{
    copy_work(g, ctx);
}

int copy_run(struct guest *g, struct copy *copy)
{
    team_run(g, work, copy);
    copy->source_env->io_ctx = g;
    copy->target_env->io_ctx = g;
    guest_devices_forget(g);
    return copy->failed ? failure_record(g, copy) : 0;
}
