/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info: the facts of one image, or of each image of a backing chain, one record each. */
#include "guest.h"

static void sink_bytes(void *ctx, const char *key, struct fmt_bytes value)
{
    tree_put_bytes(ctx, key, value.data, value.length);
}

static void sink_number(void *ctx, const char *key, int64_t value)
{
    tree_put_i64(ctx, key, value);
}

static void sink_boolean(void *ctx, const char *key, bool value)
{
    tree_put_bool(ctx, key, value);
}

static void sink_dict(void *ctx, const char *key)
{
    tree_dict(ctx, key);
}

static void sink_list(void *ctx, const char *key)
{
    tree_list(ctx, key);
}

static void sink_end(void *ctx)
{
    tree_end(ctx);
}

static const struct fmt_info_ops tree_sink = {
    .bytes = sink_bytes,
    .number = sink_number,
    .boolean = sink_boolean,
    .dict = sink_dict,
    .list = sink_list,
    .end = sink_end,
};

/* The image whose dirty flag the image shows, or with @clusters whose cluster size; NULL: those of
 * a plain file. */
static const struct fmt_image *facts_source(const struct guest *g, const struct fmt_image *image,
                                            bool clusters)
{
    while (image &&
           (image->driver->passes_facts || (clusters && image->driver->passes_cluster_bytes)))
        image = layer_find(g, image->device);
    return image;
}

static void put_passed_facts(struct guest *g, struct tree_writer *w, const struct fmt_image *image)
{
    const struct fmt_image *source = facts_source(g, image, false);
    const struct fmt_image *clusters = facts_source(g, image, true);

    tree_put_u64(w, "cluster-bytes", clusters ? clusters->facts.cluster_bytes : 0);
    tree_put_bool(w, "dirty", source && source->facts.dirty);
    tree_put_bool(w, "no-dirty-flag",
                  source && (source->driver->no_dirty_flag || source->facts.no_dirty_flag));
}

static void put_facts(struct tree_writer *w, const struct fmt_image *image)
{
    const struct fmt_facts *facts = &image->facts;

    tree_put_str(w, "format", image->driver->name);
    tree_put_u64(w, "device", image->device);
    tree_put_u64(w, "virtual-bytes", facts->virtual_bytes);
    if (facts->huge_sectors)
        tree_put_u64(w, "huge-sectors", facts->huge_sectors);
    tree_put_bool(w, "encrypted", facts->encrypted);
    tree_put_bool(w, "compressed", facts->compressed);
    if (facts->backing_present)
        tree_put_bytes(w, "backing-name", facts->backing_name.data, facts->backing_name.length);
    if (facts->backing_format.length)
        tree_put_bytes(w, "backing-format", facts->backing_format.data,
                       facts->backing_format.length);
}

static int put_image(struct guest *g, struct tree_writer *w, struct fmt_image *image);

/* An image below or behind another, whole. */
static int put_inner(struct guest *g, struct tree_writer *w, const char *name,
                     struct fmt_image *image)
{
    if (!image)
        return 0;
    tree_dict(w, name);
    int r = put_image(g, w, image);
    tree_end(w);
    return r;
}

/* Further files; such as are images themselves, whole. */
static int put_children(struct guest *g, struct tree_writer *w, const struct fmt_image *image)
{
    int r = 0;

    tree_list(w, "children");
    for (uint32_t i = 0; r == 0 && i < image->child_count; i++) {
        tree_dict(w, NULL);
        tree_put_bytes(w, "name", image->child[i].name.data, image->child[i].name.length);
        tree_put_u64(w, "device", image->child[i].device);
        r = put_inner(g, w, "image", layer_find(g, image->child[i].device));
        tree_end(w);
    }
    tree_end(w);
    return r;
}

static int put_snapshots(struct guest *g, struct tree_writer *w, struct fmt_image *image)
{
    tree_list(w, "snapshots");
    for (uint32_t i = 0; i < image->facts.snapshot_count; i++) {
        struct fmt_snapshot s;
        int r = fmt_image_snapshot(image, i, &s);
        if (r < 0)
            return fmt_fail(&g->env, -r, FMT_ERR_IO, FMT_NUM(-r));
        tree_dict(w, NULL);
        tree_put_bytes(w, "id", s.id.data, s.id.length);
        tree_put_bytes(w, "name", s.name.data, s.name.length);
        tree_put_u64(w, "vm-state-bytes", s.vm_state_bytes);
        tree_put_u64(w, "date-seconds", s.date_seconds);
        tree_put_u64(w, "date-nanoseconds", s.date_nanoseconds);
        tree_put_u64(w, "vm-clock-nanoseconds", s.vm_clock_nanoseconds);
        tree_put_i64(w, "icount", s.icount);
        tree_end(w);
    }
    tree_end(w);
    return 0;
}

static int put_specific(struct tree_writer *w, struct fmt_image *image)
{
    struct fmt_info out = {&tree_sink, w};

    if (!image->driver->has_format_specific)
        return 0;
    tree_dict(w, "specific");
    int r = fmt_image_info(image, &out);
    tree_end(w);
    return r;
}

static int put_image(struct guest *g, struct tree_writer *w, struct fmt_image *image)
{
    put_facts(w, image);
    put_passed_facts(g, w, image);
    int r = put_children(g, w, image);
    if (r == 0)
        r = put_inner(g, w, "backing-image", image->backing);
    if (r == 0 && !image->driver->own_files)
        r = put_inner(g, w, "file-image", layer_find(g, image->device));
    if (r == 0)
        r = put_snapshots(g, w, image);
    return r < 0 ? r : put_specific(w, image);
}

static int report_image(struct guest *g, struct fmt_image *image)
{
    struct tree_writer *w = report_begin(g);

    int r = put_image(g, w, image);
    return r < 0 ? r : report_send(g, w, ABI_RECORD_STEP);
}

int op_info(struct guest *g)
{
    size_t root = tree_root(&g->job);
    bool chain = tree_get_bool(&g->job, root, "chain", false);
    struct tree_item item;
    struct guest_node node;

    if (!tree_find(&g->job, root, "image", &item) || item.type != TREE_DICT)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    int r = node_read(g, &g->job, item.inside, &node);
    while (r == 0) {
        struct fmt_image *image;
        r = guest_image_open(g, &node, FMT_OPEN_NO_DATA | FMT_OPEN_ANY_SIZE, &image);
        if (r == 0)
            r = report_image(g, image);
        if (r < 0 || !chain || !image->facts.backing_present)
            break;
        r = guest_reference(g, image, FMT_REF_BACKING, image->facts.backing_name,
                            image->facts.backing_format, &node);
    }
    return r;
}
