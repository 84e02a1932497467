/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * convert, dd: disks copied into a new image, or one that is there.
 *
 * The order is the reference's: all sources are opened, then the target is made, opened and
 * written. Between them the host looks whether what it was told is to be done at all.
 */
#include <string.h>

#include "copy-digest.h"
#include "dd.h"
#include "team.h"

/* Memory set aside for what the drivers of the sources and of the target take while they work:
 * sources may have chunks of 64 MiB, coded and decoded. */
enum { SOURCE_SHARE = 2, TARGET_SHARE = 4 };

struct convert {
    struct guest *g;
    size_t root; /* of the job */
    struct copy copy;
    struct dd dd;
    struct fmt_env env[2]; /* of the sources, of the target */
    struct fmt_error error[2];
    struct fmt_arena arena[2];
};

static int envs_make(struct convert *c)
{
    struct guest *g = c->g;
    const uint64_t shares[] = {g->arena.size_bytes / SOURCE_SHARE,
                               g->arena.size_bytes / TARGET_SHARE};

    for (unsigned i = 0; i < 2; i++) {
        void *memory = fmt_arena_buffer(&g->arena, shares[i], ABI_PAGE_BYTES);
        if (!memory)
            return fmt_fail(&g->env, FMT_ENOMEM, FMT_ERR_NOMEM);
        c->arena[i] = (struct fmt_arena){.base = memory, .size_bytes = shares[i]};
        c->env[i] = g->env;
        c->env[i].arena = &c->arena[i];
    }
    c->copy.source_env = &c->env[0];
    c->copy.target_env = &c->env[1];
    return 0;
}

static struct fmt_bytes job_bytes(const struct convert *c, size_t at, const char *key)
{
    struct tree_bytes found = tree_get_bytes(&c->g->job, at, key);
    return (struct fmt_bytes){found.data, found.length};
}

static bool job_flag(const struct convert *c, const char *key)
{
    return tree_get_bool(&c->g->job, c->root, key, false);
}

/* ---- sources ---- */

static int source_open(struct convert *c, size_t at, struct copy_source *source)
{
    struct fmt_image *image;
    int r = guest_source_open(c->g, at, &image);

    if (r < 0)
        return r;
    chain_init(&source->chain, image);
    source->bytes = round_up_u64(image->facts.virtual_bytes, FMT_SECTOR_BYTES);
    source->data_bytes = source->bytes;
    source->align_bytes = image->facts.cluster_bytes > FMT_SECTOR_BYTES
                              ? image->facts.cluster_bytes / FMT_SECTOR_BYTES * FMT_SECTOR_BYTES
                              : FMT_SECTOR_BYTES;
    return 0;
}

static int sources_open(struct convert *c)
{
    struct copy_how *how = &c->copy.how;
    struct guest *g = c->g;
    struct tree_item list, item;

    if (!tree_find(&g->job, c->root, "sources", &list) || list.type != TREE_LIST)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    for (size_t at = list.inside; tree_next(&g->job, &at, &item);)
        how->sources++;
    if (how->sources < 1 || how->sources > COPY_SOURCES_MAX)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    how->source = fmt_alloc(&g->env, how->sources * sizeof(*how->source));
    if (!how->source)
        return -FMT_ENOMEM;
    g->image_env = c->copy.source_env;
    struct copy_source *source = how->source;
    for (size_t at = list.inside; tree_next(&g->job, &at, &item); source++) {
        int r = source_open(c, item.inside, source);
        if (r < 0)
            return r;
        if (source->bytes > INT64_MAX - how->total_bytes)
            return fmt_fail(&g->env, FMT_EFBIG, FMT_ERR_IO, FMT_NUM(FMT_EFBIG));
        how->total_bytes += source->bytes;
    }
    g->image_env = &g->env;
    return 0;
}

/* ---- snapshot ---- */

/* Let the first source read as one of its snapshots, if that is asked for. */
static int snapshot_load(struct convert *c)
{
    if (job_bytes(c, c->root, "snapshot").data && c->copy.how.sources > 1)
        return fmt_fail(&c->g->env, FMT_EINVAL, FMT_ERR_CONVERT_SNAPSHOTS);
    return guest_snapshot_load(c->g, c->root, c->copy.how.source[0].chain.top);
}

/* The host may end the job here. */
static int stage_tell(struct convert *c, bool created)
{
    struct tree_writer *w = report_begin(c->g);

    tree_put_bool(w, "created", created);
    tree_put_u64(
        w, "disk-bytes",
        round_up_u64(c->copy.how.source[0].chain.top->facts.virtual_bytes, FMT_SECTOR_BYTES));
    int r = report_send(c->g, w, ABI_RECORD_NOTE);
    ring_flush(c->g);
    return r;
}

static bool has_bitmaps(const struct fmt_image *image)
{
    return image->driver->bitmaps_check && image->driver->bitmaps_copy &&
           image->facts.bitmaps_persist;
}

static int bitmaps_check(struct convert *c)
{
    struct fmt_env *env = &c->g->env;

    if (!job_flag(c, "bitmaps"))
        return 0;
    if (c->copy.how.sources > 1)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CONVERT_BITMAPS_SINGLE);
    struct fmt_image *source = c->copy.how.source[0].chain.top;
    return has_bitmaps(source)
               ? source->driver->bitmaps_check(source, job_flag(c, "skip-broken-bitmaps"))
               : fmt_fail(env, FMT_EINVAL, FMT_ERR_CONVERT_BITMAPS_SOURCE);
}

/* Behind all data. */
static int bitmaps_copy(struct convert *c)
{
    struct fmt_image *target = c->copy.how.target, *source = c->copy.how.source[0].chain.top;

    if (!job_flag(c, "bitmaps"))
        return 0;
    int r = target->driver->bitmaps_copy(target, source, job_flag(c, "skip-broken-bitmaps"));
    if (r == 0)
        return 0;
    c->g->error = *target->env->error;
    return c->g->error.frames == 0 ? fmt_fail(&c->g->env, -r, FMT_ERR_IO, FMT_NUM(-r)) : r;
}

/* ---- target ---- */

static int create_failed(struct convert *c, int status)
{
    struct fmt_bytes name = job_bytes(c, c->root, "target");

    if (job_flag(c, "dd"))
        return fmt_fail(&c->g->env, -status, FMT_ERR_DD_CREATE, FMT_STR(name));
    return fmt_fail(&c->g->env, -status, FMT_ERR_CONVERT_CREATE, FMT_STR(name),
                    FMT_STR(job_bytes(c, c->root, "target-format")));
}

static int target_make(struct convert *c)
{
    struct guest *g = c->g;
    struct tree_item item;
    uint32_t device;

    if (!tree_find(&g->job, c->root, "create", &item) || item.type != TREE_DICT)
        return 0;
    /* dd asks for the very bytes. */
    uint64_t bytes = job_flag(c, "dd") ? c->dd.disk_bytes : c->copy.how.total_bytes;
    int r = guest_create(g, item.inside, bytes, &device);
    if (r < 0)
        return create_failed(c, r);
    return g->env.io->close(g->env.io_ctx, device);
}

static int target_open(struct convert *c)
{
    struct guest *g = c->g;
    struct fmt_bytes name = job_bytes(c, c->root, "target");
    bool is_new = tree_find(&g->job, c->root, "create", &(struct tree_item){0});
    struct guest_node node;

    g->image_env = c->copy.target_env;
    int r = guest_target_reference(g, name, &node);
    if (r == 0)
        r = guest_chain_open(g, &node, FMT_OPEN_WRITABLE | (is_new ? FMT_OPEN_NEW : 0),
                             &c->copy.how.target);
    g->image_env = &g->env;
    return r < 0 ? fmt_fail(&g->env, -r, FMT_ERR_COULD_NOT_OPEN, FMT_STR(name)) : 0;
}

/* Whether a new image reads as zeroes: what has a place already must lie in a new file, as it is.
 */
static bool target_reads_zero(const struct fmt_image *target)
{
    struct fmt_extent extent = {.kind = FMT_EXTENT_UNALLOCATED};
    struct fmt_device facts;

    if (target->backing || target->facts.backing_present || !target->driver->map)
        return false;
    if (target->facts.virtual_bytes == 0)
        return true;
    if (fmt_image_map((struct fmt_image *)target, 0, 1, &extent) < 0)
        return false;
    if (extent.kind == FMT_EXTENT_UNALLOCATED)
        return true;
    if (extent.kind == FMT_EXTENT_ZERO && strcmp(target->driver->name, "raw") != 0)
        return true;
    if (extent.kind == FMT_EXTENT_CODED)
        return false;
    return io_facts(target->env, extent.device, &facts) == 0 && facts.zero_init;
}

static int how_fill(struct convert *c)
{
    const struct tree *job = &c->g->job;
    struct copy_how *how = &c->copy.how;
    const struct fmt_image *target = how->target;
    uint64_t size = round_up_u64(target->facts.virtual_bytes, FMT_SECTOR_BYTES);
    bool is_new = tree_find(job, c->root, "create", &(struct tree_item){0});
    uint64_t sparse = tree_get_u64(job, c->root, "sparse-bytes", 0);
    struct fmt_bytes detect = job_bytes(c, c->root, "detect-zeroes");

    how->compressed = job_flag(c, "compressed");
    how->level = (int)min_u64(INT32_MAX, tree_get_u64(job, c->root, "compression-level", 0));
    how->salvage = job_flag(c, "salvage");
    how->paced = job_flag(c, "paced");
    how->quiet = job_flag(c, "quiet");
    how->progress = job_flag(c, "progress");
    how->progress_steps = job_flag(c, "progress-fine") ? 10000 : 100;
    how->is_dd = job_flag(c, "dd");
    how->piece_bytes = COPY_BUFFER_BYTES;
    how->top_only = job_flag(c, "has-backing");
    how->zeroes_are_data = target->driver->allocate && target->driver->encrypt &&
                           strcmp(target->driver->name, "luks") == 0;
    how->data_first =
        target->over_image || (!(target->flags & FMT_OPEN_NEW) && target->facts.cluster_bytes > 0);
    how->detect_unmap = fmt_bytes_equal(detect, "unmap");
    how->detect_zeroes = how->detect_unmap || fmt_bytes_equal(detect, "on");
    how->offload = job_flag(c, "offload") && target->driver->offloads && !target->facts.encrypted &&
                   !target->over_image;
    how->in_order = strcmp(target->driver->name, "raw") != 0;
    if (how->in_order &&
        !how->source->stream) /* blocks of dd: where they land follows from how long they are */
        how->piece_bytes = min_u64(COPY_BUFFER_BYTES,
                                   tree_get_u64(job, c->root, "block-bytes", COPY_BUFFER_BYTES));
    how->in_order |= job_flag(c, "target-stream");
    how->data_end = job_flag(c, "target-stream") ? how->source->data_bytes : UINT64_MAX;
    how->sparse = (struct sparse){sparse, FMT_SECTOR_BYTES};
    while (how->sparse.align_bytes * 2 <= sparse)
        how->sparse.align_bytes *= 2;
    if (job_flag(c, "bitmaps") && !has_bitmaps(target))
        return fmt_fail(&c->g->env, FMT_EINVAL, FMT_ERR_CONVERT_BITMAPS_TARGET,
                        FMT_TXT(target->driver->name));
    if (how->compressed && !target->driver->write_compressed)
        return fmt_fail(&c->g->env, FMT_ENOTSUP, FMT_ERR_CONVERT_COMPRESSION);
    if (how->is_dd)
        dd_target_fit(c->g, how, &c->dd);
    if (!is_new && size < how->total_bytes)
        return fmt_fail(&c->g->env, FMT_EINVAL, FMT_ERR_CONVERT_SMALLER);
    how->backing_bytes = UINT64_MAX;
    if (is_new && how->top_only && target->backing)
        how->backing_bytes = round_up_u64(target->backing->facts.virtual_bytes, FMT_SECTOR_BYTES);
    how->compressed |= target->facts.compressed;
    how->cluster_bytes = target->facts.cluster_bytes;
    if (how->compressed && (how->cluster_bytes == 0 || how->cluster_bytes > COPY_BUFFER_BYTES))
        return fmt_fail(&c->g->env, FMT_EINVAL, FMT_ERR_CONVERT_CLUSTER);
    how->zero_init = job_flag(c, "target-is-zero") ||
                     (is_new && sparse > 0 && !how->top_only && target_reads_zero(target));
    return 0;
}

/* Everything is where it belongs; a new image is whole from now on. @before: whether something has
 * failed before, which is what is told then. */
static int target_finish(struct convert *c, int before)
{
    struct fmt_image *target = c->copy.how.target;
    int r = fmt_image_finish(target);

    if (r == 0)
        r = io_flush(target->env, target->device);
    if (r == 0 || before < 0)
        return before;
    /* Something that was written late: what part of the disk it was of is not known any more. */
    fmt_error_clear(&c->g->error);
    if (c->copy.how.is_dd)
        return fmt_fail(&c->g->env, -r, FMT_ERR_DD_WRITE, FMT_NUM(-r));
    return fmt_fail(&c->g->env, -r, FMT_ERR_CONVERT_WRITE, FMT_NUM(c->copy.how.total_bytes),
                    FMT_NUM(-r));
}

static int convert(struct convert *c)
{
    int r = envs_make(c);

    if (r == 0)
        r = sources_open(c);
    if (r == 0)
        r = snapshot_load(c);
    if (r == 0 && job_flag(c, "dd"))
        dd_source_cut(c->g, &c->copy.how, &c->dd);
    if (r == 0)
        r = stage_tell(c, false);
    if (r == 0)
        r = bitmaps_check(c);
    if (r == 0)
        r = target_make(c);
    if (r == 0)
        r = stage_tell(c, true);
    if (r == 0)
        r = target_open(c);
    if (r == 0)
        r = how_fill(c);
    if (r == 0)
        r = copy_digest_begin(c->g, &c->copy);
    /* From here on each has an error of its own, since several vCPUs may fail at once. */
    for (unsigned i = 0; i < 2; i++)
        c->env[i].error = r == 0 ? &c->error[i] : c->env[i].error;
    if (r == 0 && (r = copy_plan(&c->copy)) < 0)
        c->g->error = c->error[0];
    if (r == 0 && job_flag(c, "progress-fine"))
        copy_progress_send(c->g, &c->copy); /* the beginning */
    if (r == 0)
        r = copy_run(c->g, &c->copy);
    if (r == 0 && c->copy.how.is_dd)
        r = dd_judge(c->g, &c->copy.how, &c->dd);
    if (r == 0)
        r = bitmaps_copy(c);
    if (c->copy.how.target && (r == 0 || !(c->copy.how.target->flags & FMT_OPEN_NEW)))
        r = target_finish(c, r);
    return r < 0 ? r : copy_digest_finish(c->g, &c->copy);
}

int op_convert(struct guest *g)
{
    if (g->vcpu > 0) {
        team_join(g);
        return 0;
    }
    struct convert *c = fmt_alloc(&g->env, sizeof(*c));
    if (!c)
        return -FMT_ENOMEM;
    c->g = g;
    c->root = tree_root(&g->job);
    int r = convert(c);
    team_dismiss(g);
    return r;
}
