/* SPDX-License-Identifier: GPL-2.0-or-later */
/* measure: how large a file a new image takes, for a disk of a size or for that of an image. */
#include "chain.h"
#include "guest.h"

/* A cluster counts as soon as a byte of it is data; zeroes that are known to be that are not. */
static int allocated_count(void *ctx, uint64_t cluster_bytes, uint64_t *bytes)
{
    struct chain *chain = ctx;
    uint64_t end = chain->top->facts.virtual_bytes;
    struct fmt_env *env = chain->top->env;

    *bytes = 0;
    for (uint64_t at = 0; at < end;) {
        struct chain_extent found;
        int r = chain_extent_find(chain, at, end - at, CHAIN_STATUS, &found);
        if (r < 0) {
            fmt_error_clear(env->error);
            return fmt_fail(env, -r, FMT_ERR_MEASURE_STATUS, FMT_NUM(-r));
        }
        uint64_t next = at + found.length;
        if (found.flags & ABI_MAP_DATA && !(found.flags & ABI_MAP_ZERO)) {
            next = round_up_u64(next, cluster_bytes);
            *bytes += next - at / cluster_bytes * cluster_bytes;
        }
        at = next;
    }
    return 0;
}

/* Open the image, if there is one, and let it read as the snapshot that is meant. */
static int source_open(struct guest *g, struct fmt_image **image)
{
    size_t root = tree_root(&g->job);
    struct tree_item source;

    *image = NULL;
    if (!tree_find(&g->job, root, "source", &source) || source.type != TREE_DICT)
        return 0;
    int r = guest_source_open(g, source.inside, image);
    return r < 0 ? r : guest_snapshot_load(g, root, *image);
}

static int answer_send(struct guest *g, const struct fmt_measure *measure)
{
    struct tree_writer *w = report_begin(g);

    tree_put_u64(w, "required", measure->required_bytes);
    tree_put_u64(w, "fully-allocated", measure->fully_allocated_bytes);
    if (measure->has_bitmaps)
        tree_put_u64(w, "bitmaps", measure->bitmaps_bytes);
    return report_send(g, w, ABI_RECORD_ANSWER);
}

int op_measure(struct guest *g)
{
    const struct tree *job = &g->job;
    size_t root = tree_root(job);
    struct tree_bytes format = tree_get_bytes(job, root, "format");
    struct fmt_options *options = fmt_alloc(&g->env, sizeof(*options));
    struct fmt_measure measure = {.options = options,
                                  .virtual_bytes = tree_get_u64(job, root, "virtual-bytes", 0),
                                  .allocated = allocated_count};
    struct tree_item item;
    struct chain chain;

    if (!options)
        return -FMT_ENOMEM;
    int r = source_open(g, &measure.source);
    if (r < 0)
        return r;
    if (measure.source) { /* the host may know by now why that was in vain */
        report_send(g, report_begin(g), ABI_RECORD_NOTE);
        ring_flush(g);
        chain_init(&chain, measure.source);
        measure.ctx = &chain;
    }
    const struct fmt_driver *driver =
        fmt_driver_find((struct fmt_bytes){format.data, format.length});
    if (!driver || !driver->measure)
        return fmt_fail(&g->env, FMT_ENOTSUP, FMT_ERR_MEASURE,
                        FMT_STR(((struct fmt_bytes){format.data, format.length})));
    if (!tree_find(job, root, "options", &item))
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    r = options_read(g, job, item.inside, options);
    if (r == 0)
        r = driver->measure(&g->env, &measure);
    return r < 0 ? r : answer_send(g, &measure);
}
