/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * create: size from the backing file where none is given, then the new image.
 *
 * The order is the reference's: the backing file is opened and the "Formatting" line shown before
 * the target is created or truncated.
 */
#include "guest.h"

#include <string.h>

struct create_job {
    const struct fmt_driver *driver;
    struct fmt_create create;
    bool has_size;
    bool tells_size; /* the user chose it: one that is too large is told as such */
};

/* Open the backing chain, for its errors, its size and its probed format. */
static int backing_open(struct guest *g, struct create_job *job)
{
    size_t root = tree_root(&g->job);
    struct guest_node node;
    struct tree_item item;

    if (!tree_find(&g->job, root, "backing", &item) || item.type != TREE_DICT)
        return 0;
    int r = node_read(g, &g->job, item.inside, &node);
    if (r == 0)
        r = guest_chain_open(g, &node, FMT_OPEN_NO_DATA, &job->create.backing);
    if (r < 0)
        return fmt_fail(&g->env, -r, FMT_ERR_CREATE_BACKING);
    if (!job->has_size)
        job->create.virtual_bytes = job->create.backing->facts.virtual_bytes;
    return 0;
}

/* Tell the host the size and what the backing file was found to be: it shows "Formatting" and may
 * end the job here. */
static int formatting_note(struct guest *g, const struct create_job *job)
{
    struct tree_writer *w = report_begin(g);

    tree_put_u64(w, "virtual-bytes", job->create.virtual_bytes);
    if (job->create.backing)
        tree_put_str(w, "backing-format", job->create.backing->driver->name);
    return report_send(g, w, ABI_RECORD_NOTE);
}

/* The new file, with all that is to be known of it before it is written. */
static int target_open(struct guest *g, struct create_job *job)
{
    struct fmt_ref ref = {.kind = FMT_REF_TARGET,
                          .device = UINT32_MAX,
                          .name = job->create.filename,
                          .writable = true,
                          .truncate = true};

    guest_random_post(g);
    int r = g->env.io->open(g->env.io_ctx, &ref, &job->create.device);
    return r < 0 ? fmt_fail(&g->env, -r, FMT_ERR_REFERENCE) : 0;
}

/*
 * A device that is there already must be large enough, and loses its first sector: whatever it
 * held before is not to be recognised any more.
 */
static int device_prepare(struct guest *g, const struct create_job *job)
{
    bool sized = strcmp(job->driver->name, "raw") == 0;
    struct fmt_device facts;

    int r = io_facts(&g->env, job->create.device, &facts);
    if (r < 0 || !facts.block_device)
        return r;
    if (sized && job->create.virtual_bytes > facts.size_bytes)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_GROW_DEVICE);
    return io_zero(&g->env, job->create.device, 0, min_u64(facts.size_bytes, FMT_SECTOR_BYTES),
                   false);
}

static int job_read(struct guest *g, size_t root, struct create_job *job)
{
    const struct tree *tree = &g->job;
    struct fmt_options *options = fmt_alloc(&g->env, sizeof(*options));
    struct tree_bytes format = tree_get_bytes(tree, root, "format");
    struct tree_bytes filename = tree_get_bytes(tree, root, "filename");
    struct tree_bytes name = tree_get_bytes(tree, root, "backing-name");
    struct tree_bytes backing_format = tree_get_bytes(tree, root, "backing-format");
    struct tree_bytes path = tree_get_bytes(tree, root, "backing-path");
    struct tree_item item;

    if (!options)
        return -FMT_ENOMEM;
    job->driver = fmt_driver_find((struct fmt_bytes){format.data, format.length});
    if (!job->driver || !job->driver->create || !tree_find(tree, root, "options", &item))
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    job->has_size = tree_find(tree, root, "virtual-bytes", &(struct tree_item){0});
    job->create = (struct fmt_create){
        .virtual_bytes = tree_get_u64(tree, root, "virtual-bytes", 0),
        .filename = {filename.data,       filename.length      },
        .options = options,
        .backing_present = name.length > 0,
        .backing_name = {name.data,           name.length          },
        .backing_format = {backing_format.data, backing_format.length},
        .backing_format_unknown = tree_get_bool(tree, root, "backing-format-unknown", false),
        .backing_path = {path.data,           path.length          },
        .backing_seconds = tree_get_u64(tree, root, "backing-seconds", 0),
    };
    return options_read(g, tree, item.inside, options);
}

/* The reference replaces whatever a driver says of a size that it cannot hold. */
static int too_large(struct guest *g, const struct create_job *job)
{
    bool cluster = fmt_option_number(job->create.options, "cluster_size", 0) != 0;

    fmt_error_clear(&g->error);
    return fmt_fail(&g->env, FMT_EFBIG,
                    cluster ? FMT_ERR_CREATE_TOO_LARGE_CLUSTER : FMT_ERR_CREATE_TOO_LARGE,
                    FMT_TXT(job->driver->name));
}

static int image_create(struct guest *g, void *ctx)
{
    const struct create_job *job = ctx;
    bool is_image = strcmp(job->driver->name, "raw") != 0;
    int r = device_prepare(g, job);

    if (r < 0)
        return r;
    r = job->driver->create(&g->env, &job->create);
    if (r < 0)
        return r == -FMT_EFBIG && job->tells_size ? too_large(g, job) : r;
    /* As the reference does when it closes an image. Failure leaves an image that may be lost. */
    r = is_image ? io_flush(&g->env, job->create.device) : 0;
    return r < 0 ? fmt_fail(&g->env, -r, FMT_ERR_IO, FMT_NUM(-r)) : 0;
}

int guest_create(struct guest *g, size_t position, uint64_t virtual_bytes, uint32_t *device)
{
    struct create_job job = {0};
    int r = job_read(g, position, &job);

    if (r == 0 && !job.has_size)
        job.create.virtual_bytes = virtual_bytes;
    if (r == 0 && job.driver->create_check)
        r = job.driver->create_check(&g->env, &job.create);
    if (r == 0)
        r = target_open(g, &job);
    if (r == 0)
        r = deferral_run(g, job.create.device, image_create, &job, false);
    *device = job.create.device;
    return r;
}

int op_create(struct guest *g)
{
    struct create_job job = {.tells_size = true};
    int r = job_read(g, tree_root(&g->job), &job);

    if (r == 0)
        r = backing_open(g, &job);
    if (r == 0)
        r = formatting_note(g, &job);
    if (r == 0 && job.driver->create_check)
        r = job.driver->create_check(&g->env, &job.create);
    if (r == 0)
        r = target_open(g, &job);
    if (r == 0)
        r = deferral_run(g, job.create.device, image_create, &job, true);
    return r;
}
