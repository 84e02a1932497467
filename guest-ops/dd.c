/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ranges of dd; see dd.h. */
#include "dd.h"

static uint64_t number(const struct guest *g, const char *key, uint64_t otherwise)
{
    return tree_get_u64(&g->job, tree_root(&g->job), key, otherwise);
}

/* Whole blocks in @bytes. */
static uint64_t blocks_bytes(const struct guest *g, uint64_t bytes)
{
    uint64_t block = number(g, "block-bytes", FMT_SECTOR_BYTES);

    return block > 0 ? bytes - bytes % block : 0;
}

static void data_set(struct copy_how *how, uint64_t bytes)
{
    how->source->data_bytes = bytes;
    how->source->bytes = how->total_bytes = round_up_u64(bytes, FMT_SECTOR_BYTES);
}

void dd_source_cut(struct guest *g, struct copy_how *how, struct dd *dd)
{
    struct copy_source *source = how->source;
    uint64_t disk = round_up_u64(source->chain.top->facts.virtual_bytes, FMT_SECTOR_BYTES);
    uint64_t output = number(g, "output-bytes", UINT64_MAX);
    uint64_t size =
        output < UINT64_MAX ? output : min_u64(disk, number(g, "count-bytes", UINT64_MAX));
    uint64_t skip = number(g, "skip-bytes", 0), end = number(g, "input-bytes", size);

    dd->disk_bytes = output < UINT64_MAX ? output : size - min_u64(size, skip);
    dd->source_may_end = tree_get_bool(&g->job, tree_root(&g->job), "input-may-end", false);
    if (skip >= size || skip >= end)
        skip = end = min_u64(disk, min_u64(size, end)); /* nothing */
    dd->source_is_short = end > disk;
    if (end > disk) {
        skip = min_u64(skip, disk);
        end = skip + blocks_bytes(g, disk - skip);
    }
    source->start = skip;
    source->stream = tree_get_bool(&g->job, tree_root(&g->job), "source-stream", false);
    data_set(how, end - skip);
}

void dd_target_fit(struct guest *g, struct copy_how *how, struct dd *dd)
{
    uint64_t room = round_up_u64(how->target->facts.virtual_bytes, FMT_SECTOR_BYTES);

    dd->target_is_short = how->source->data_bytes > room;
    if (dd->target_is_short)
        data_set(how, blocks_bytes(g, room));
}

int dd_judge(struct guest *g, const struct copy_how *how, const struct dd *dd)
{
    struct fmt_error_arg why = FMT_NUM(FMT_EIO);

    if (how->source->ended && !dd->source_may_end)
        return fmt_fail(&g->env, FMT_EIO, FMT_ERR_DD_ENDED);
    if (dd->target_is_short && !how->source->ended)
        return fmt_fail(&g->env, FMT_EIO, FMT_ERR_DD_WRITE, why);
    return dd->source_is_short ? fmt_fail(&g->env, FMT_EIO, FMT_ERR_DD_READ, why) : 0;
}
