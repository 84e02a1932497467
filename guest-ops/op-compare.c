/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare: do two disks hold the same? */
#include "compare.h"
#include "team.h"

/* The arena of the images: vCPU 0's, with a share set aside, since others take memory from it. */
enum { ARENA_SHARE = 2 };

static int env_make(struct guest *g, struct fmt_env *env, struct fmt_arena *arena)
{
    uint64_t bytes = g->arena.size_bytes / ARENA_SHARE;
    void *memory = fmt_arena_buffer(&g->arena, bytes, ABI_PAGE_BYTES);

    if (!memory)
        return fmt_fail(&g->env, FMT_ENOMEM, FMT_ERR_NOMEM);
    *arena = (struct fmt_arena){.base = memory, .size_bytes = bytes};
    *env = g->env;
    env->arena = arena;
    g->image_env = env;
    return 0;
}

static int images_open(struct guest *g, struct compare *c)
{
    struct tree_item list, item;
    unsigned count = 0;

    if (!tree_find(&g->job, tree_root(&g->job), "sources", &list) || list.type != TREE_LIST)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    for (size_t at = list.inside; count < 2 && tree_next(&g->job, &at, &item); count++) {
        struct fmt_image *image;
        int r = guest_source_open(g, item.inside, &image);
        if (r < 0)
            return r;
        chain_init(&c->chain[count], image);
        c->bytes[count] = round_up_u64(image->facts.virtual_bytes, FMT_SECTOR_BYTES);
    }
    return count == 2 ? 0 : fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
}

/* An image that cannot be read: its name is in the job. */
static int failure(struct guest *g, const struct compare *c)
{
    struct tree_writer *w = report_begin(g);
    struct tree_item list, item = {0};
    unsigned i = 0;

    tree_put_bool(w, "is-read", c->is_read);
    report_send(g, w, ABI_RECORD_NOTE);
    tree_find(&g->job, tree_root(&g->job), "sources", &list);
    for (size_t at = list.inside; tree_next(&g->job, &at, &item) && i < c->image;)
        i++;
    struct tree_bytes found = tree_get_bytes(&g->job, item.inside, "name");
    const struct fmt_bytes name = {found.data, found.length};
    fmt_error_clear(&g->error);
    if (!c->is_read)
        return fmt_fail(&g->env, -c->status, FMT_ERR_COMPARE_STATUS, FMT_STR(name));
    return fmt_fail(&g->env, -c->status, FMT_ERR_COMPARE_READ, FMT_NUM(c->event_off), FMT_STR(name),
                    FMT_NUM(-c->status));
}

static int answer(struct guest *g, const struct compare *c, const char *kind)
{
    struct tree_writer *w = report_begin(g);

    tree_put_u64(w, "bytes-a", c->bytes[0]);
    tree_put_u64(w, "bytes-b", c->bytes[1]);
    tree_put_u64(w, "event", c->event);
    tree_put_u64(w, "offset", c->event_off);
    tree_put_bool(w, kind, true);
    int r = report_send(g, w, ABI_RECORD_ANSWER);
    ring_flush(g);
    return r;
}

static void work(struct guest *g, void *ctx)
{
    compare_work(g, ctx);
}

static int compare(struct guest *g)
{
    size_t root = tree_root(&g->job);
    struct compare *c = fmt_alloc(&g->env, sizeof(*c));
    struct fmt_error *error = fmt_alloc(&g->env, sizeof(*error));
    struct fmt_arena arena;
    struct fmt_env env;

    if (!c || !error)
        return -FMT_ENOMEM;
    *c = (struct compare){.env = &env,
                          .strict = tree_get_bool(&g->job, root, "strict", false),
                          .progress = tree_get_bool(&g->job, root, "progress", false),
                          .ends_at = UINT64_MAX};
    int r = env_make(g, &env, &arena);
    if (r == 0)
        r = images_open(g, c);
    g->image_env = &g->env;
    if (r == 0)
        r = answer(g, c, "opened");
    if (r < 0 || (c->strict && c->bytes[0] != c->bytes[1]))
        return r;
    env.error = error;
    team_run(g, work, c);
    env.io_ctx = g;
    if (c->status < 0) {
        answer(g, c, "failed");
        return failure(g, c);
    }
    return answer(g, c, "compared");
}

int op_compare(struct guest *g)
{
    if (g->vcpu > 0) {
        team_join(g);
        return 0;
    }
    int r = compare(g);
    team_dismiss(g);
    return r;
}
