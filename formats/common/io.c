/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory for drivers, with the error recorded. */
#include "io.h"

void *fmt_alloc(struct fmt_env *env, uint64_t bytes)
{
    void *block = fmt_arena_alloc(env->arena, bytes);
    if (!block)
        fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    return block;
}
