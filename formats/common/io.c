/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory for drivers, with the error recorded; many reads. */
#include "io.h"

void *fmt_alloc(struct fmt_env *env, uint64_t bytes)
{
    void *block = fmt_arena_alloc(env->arena, bytes);
    if (!block)
        fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    return block;
}

static void reads_pass(struct fmt_env *env, uint32_t device, struct fmt_read *reads, size_t count)
{
    if (env->io->read_many && count > 1) {
        env->io->read_many(env->io_ctx, device, reads, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        reads[i].status =
            env->io->read(env->io_ctx, device, reads[i].offset, reads[i].buffer, reads[i].length);
}

void io_read_many(struct fmt_env *env, uint32_t device, struct fmt_read *reads, size_t count)
{
    size_t from = 0;

    for (size_t i = 0; i < count; i++) {
        if (io_range_ok(reads[i].offset, reads[i].length))
            continue;
        reads_pass(env, device, reads + from, i - from);
        reads[i].status = -FMT_EIO;
        from = i + 1;
    }
    reads_pass(env, device, reads + from, count - from);
}
