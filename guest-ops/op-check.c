/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: what is wrong with an image, finding by finding, many in one record; then the counts. */
#include "guest.h"

enum { FINDINGS_MAX = 512, FINDINGS_BYTES = 256 << 10 };

struct check_job {
    struct guest *g;
    struct tree_writer *w; /* the record in the making; NULL: none */
    unsigned findings;     /* in it */
};

static void findings_send(struct check_job *job)
{
    if (!job->w)
        return;
    tree_end(job->w);
    report_send(job->g, job->w, ABI_RECORD_STEP);
    job->w = NULL;
    job->findings = 0;
}

static void finding_add(void *ctx, enum fmt_error_code code, const struct fmt_error_arg *args,
                        unsigned count)
{
    struct check_job *job = ctx;

    if (!job->w) {
        job->w = report_begin(job->g);
        tree_list(job->w, "findings");
    }
    tree_dict(job->w, NULL);
    report_put_code(job->w, code, args, count);
    tree_end(job->w);
    if (++job->findings == FINDINGS_MAX || job->w->used >= FINDINGS_BYTES)
        findings_send(job);
}

/* How a check ended, and what it counted. */
static int counts_send(struct guest *g, const struct fmt_image *image,
                       const struct fmt_check *check, int status, enum abi_record record)
{
    struct tree_writer *w = report_begin(g);

    tree_put_i64(w, "status", status);
    tree_put_str(w, "format", image->driver->name);
    tree_put_u64(w, "check-errors", check->check_errors);
    tree_put_u64(w, "corruptions", check->corruptions);
    tree_put_u64(w, "leaks", check->leaks);
    tree_put_u64(w, "corruptions-fixed", check->corruptions_fixed);
    tree_put_u64(w, "leaks-fixed", check->leaks_fixed);
    tree_put_u64(w, "image-end-offset", check->has_image_end_offset ? check->image_end_offset : 0);
    tree_put_u64(w, "total-clusters", check->total_clusters);
    tree_put_u64(w, "allocated-clusters", check->allocated_clusters);
    tree_put_u64(w, "fragmented-clusters", check->fragmented_clusters);
    tree_put_u64(w, "compressed-clusters", check->compressed_clusters);
    return report_send(g, w, record);
}

static int image_check(struct check_job *job, struct fmt_image *image, unsigned fix,
                       struct fmt_check *check)
{
    *check = (struct fmt_check){.finding = finding_add, .finding_ctx = job};
    int r = fmt_image_check(image, check, fix);
    fmt_error_clear(&job->g->error); /* the status says it */
    findings_send(job);
    return r;
}

/* Check, and where something was mended, check once more. */
static int image_check_whole(struct check_job *job, struct fmt_image *image, unsigned fix)
{
    struct fmt_check check, again;

    int status = image_check(job, image, fix, &check);
    if (status == 0 && check.corruptions_fixed + check.leaks_fixed > 0) {
        int r = counts_send(job->g, image, &check, status, ABI_RECORD_NOTE);
        if (r < 0)
            return r;
        status = image_check(job, image, 0, &again);
        again.corruptions_fixed = check.corruptions_fixed;
        again.leaks_fixed = check.leaks_fixed;
        check = again;
    }
    if (fix)
        fmt_image_finish(image); /* failing, it leaves the image as checked */
    return counts_send(job->g, image, &check, status, ABI_RECORD_ANSWER);
}

int op_check(struct guest *g)
{
    size_t root = tree_root(&g->job);
    unsigned fix = (unsigned)tree_get_u64(&g->job, root, "fix", 0);
    uint32_t flags = FMT_OPEN_CHECK | (fix ? FMT_OPEN_WRITABLE : 0);
    struct check_job job = {.g = g};
    struct fmt_image *image = NULL;
    struct guest_node node;
    struct tree_item item;

    if (!tree_find(&g->job, root, "image", &item) || item.type != TREE_DICT)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    int r = node_read(g, &g->job, item.inside, &node);
    if (r == 0)
        r = guest_chain_open(g, &node, flags, &image);
    return r < 0 ? r : image_check_whole(&job, image, fix);
}
