/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening images and their backing chains; the host resolves every name. */
#include "chain.h"
#include "guest.h"

enum { CHAIN_DEPTH_MAX = 4096, LAYER_DEPTH_MAX = 64 };

/* Open a node below, an image itself, so that it can be read as the file @device. */
static int layer_open(struct guest *g, const struct guest_node *node, size_t position,
                      uint32_t device, uint32_t flags)
{
    struct fmt_image *image = NULL;
    struct guest_node below;
    int r = 0;

    if (++g->layer_depth > LAYER_DEPTH_MAX)
        r = fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    if (r == 0)
        r = node_read(g, node->tree, position, &below);
    if (r == 0)
        r = guest_chain_open(g, &below, flags & FMT_OPEN_CHECK, &image);
    g->layer_depth--;
    return r < 0 ? r : layer_add(g, device, image);
}

/* Open the nodes of a list {name, device, node}; those without a node are files of the host. */
static int children_open(struct guest *g, const struct guest_node *node,
                         struct fmt_image_spec *spec, uint32_t flags)
{
    struct tree_item item, below;
    uint32_t count = 0;
    int r = 0;

    if (!node->children)
        return 0;
    for (size_t at = node->children; tree_next(node->tree, &at, &item);)
        count++;
    spec->child = fmt_alloc(&g->env, (count + 1) * sizeof(*spec->child));
    if (!spec->child)
        return -FMT_ENOMEM;
    for (size_t at = node->children; r == 0 && tree_next(node->tree, &at, &item);) {
        struct fmt_child *child = &spec->child[spec->child_count++];
        struct tree_bytes name = tree_get_bytes(node->tree, item.inside, "name");
        child->name = (struct fmt_bytes){name.data, name.length};
        child->device = (uint32_t)tree_get_u64(node->tree, item.inside, "device", UINT32_MAX);
        if (tree_find(node->tree, item.inside, "node", &below) && below.type == TREE_DICT)
            r = layer_open(g, node, below.inside, child->device, flags);
    }
    return r;
}

/* Somebody writes to the file: it may be read only by a driver that interprets nothing. */
static int busy_check(struct guest *g, const struct guest_node *node, struct fmt_image_spec *spec)
{
    int r = fmt_probe(g->image_env, spec->device, spec->probe_name, &spec->driver);

    if (r < 0 || spec->driver->passes_facts)
        return r;
    return fmt_fail(&g->env, FMT_EPERM, FMT_ERR_NODE, FMT_STR(node->busy));
}

/* What is taken for raw because nothing else fits may be made to look like something else. */
static int probe_to_write(struct guest *g, struct fmt_image_spec *spec)
{
    int r = fmt_probe(g->image_env, spec->device, spec->probe_name, &spec->driver);

    if (r == 0 && spec->driver->passes_facts)
        fmt_message(&g->env, FMT_MESSAGE_PLAIN, FMT_ERR_WRITE_PROBED, FMT_STR(spec->filename));
    return r;
}

/* The options of a probed node are those of the format that was found. */
static int probed_options(struct guest *g, struct guest_node *node, struct fmt_image_spec *spec)
{
    struct tree_item format, item;
    int r =
        spec->driver ? 0 : fmt_probe(g->image_env, spec->device, spec->probe_name, &spec->driver);

    if (r < 0 || !tree_find(node->tree, node->formats, spec->driver->name, &format) ||
        format.type != TREE_DICT)
        return r;
    struct tree_bytes error = tree_get_bytes(node->tree, format.inside, "error");
    struct tree_bytes fault = tree_get_bytes(node->tree, format.inside, "fault");
    if (error.length)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_NODE,
                        FMT_STR(((struct fmt_bytes){error.data, error.length})));
    node->fault = (struct fmt_bytes){fault.data, fault.length};
    if (tree_find(node->tree, format.inside, "options", &item) && item.type == TREE_DICT)
        r = options_read(g, node->tree, item.inside, &node->options);
    return r;
}

/* The driver that the node names, or that probing finds where that must be known before opening. */
static int driver_choose(struct guest *g, struct guest_node *node, struct fmt_image_spec *spec)
{
    int r = 0;

    if (node->driver.length) {
        spec->driver = fmt_driver_find(node->driver);
        if (!spec->driver)
            return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_UNKNOWN_DRIVER, FMT_STR(node->driver));
    }
    if (!spec->driver && spec->flags & FMT_OPEN_WRITABLE)
        r = probe_to_write(g, spec);
    if (r == 0 && node->busy.length)
        r = busy_check(g, node, spec);
    if (r == 0 && node->formats)
        r = probed_options(g, node, spec);
    return r;
}

int guest_image_open(struct guest *g, const struct guest_node *asked, uint32_t flags,
                     struct fmt_image **image)
{
    struct guest_node own = *asked, *node = &own;
    struct fmt_image_spec spec = {.device = node->device,
                                  .flags = flags,
                                  .filename = node->filename,
                                  .probe_name = node->probe_name,
                                  .options = &node->options};

    int r = node->file ? layer_open(g, node, node->file, node->device, flags) : 0;
    if (r == 0 && node->header)
        r = layer_open(g, node, node->header,
                       (uint32_t)fmt_option_number(&node->options, "header", UINT32_MAX), flags);
    if (r == 0)
        r = children_open(g, node, &spec, flags);
    if (r == 0)
        r = driver_choose(g, node, &spec);
    if (r == 0)
        r = fmt_image_open(g->image_env, &spec, image);
    if (r == 0)
        (*image)->over_image = layer_find(g, (*image)->device);
    if (r == 0 && node->fault.length)
        r = fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_NODE, FMT_STR(node->fault));
    return r;
}

/* The answer, copied out of the record's room, as a node. */
static int reference_answer(struct guest *g, const struct tree_writer *w,
                            const struct abi_completion *done, struct guest_node *node)
{
    void *copy = done->value2 ? fmt_arena_copy(&g->arena, w->data, done->value2) : NULL;
    struct tree *answer = copy ? fmt_alloc(&g->env, sizeof(*answer)) : NULL;

    *node = (struct guest_node){0};
    if (answer && tree_check(answer, copy, done->value2) == 0) {
        int r = node_read(g, answer, tree_root(answer), node);
        if (r < 0)
            return r;
    }
    node->device = (uint32_t)done->value;
    return 0;
}

/* Send the reference in the making, and take the answer. */
static int reference_send(struct guest *g, struct tree_writer *w, struct guest_node *node)
{
    struct abi_completion done;
    struct abi_request request = {.kind = ABI_REQ_OPEN,
                                  .addr = (uint64_t)(uintptr_t)w->data,
                                  .length = tree_finish(w),
                                  .offset = w->capacity};

    guest_window_offer(g, &request);
    int r = ring_call(g, &request, &done);
    if (r < 0)
        return fmt_fail(&g->env, -r, FMT_ERR_REFERENCE);
    guest_window_take(g, (uint32_t)done.value);
    return reference_answer(g, w, &done, node);
}

int guest_reference(struct guest *g, const struct fmt_image *image, enum fmt_ref_kind kind,
                    struct fmt_bytes name, struct fmt_bytes format, struct guest_node *node)
{
    struct tree_writer *w = report_note_begin(g);

    tree_put_u64(w, "kind", kind);
    tree_put_u64(w, "device", image->device);
    tree_put_bytes(w, "name", name.data, name.length);
    if (format.length)
        tree_put_bytes(w, "format", format.data, format.length);
    return reference_send(g, w, node);
}

int guest_target_reference(struct guest *g, struct fmt_bytes name, struct guest_node *node)
{
    struct tree_writer *w = report_note_begin(g);

    tree_put_u64(w, "kind", FMT_REF_TARGET);
    tree_put_u64(w, "device", UINT32_MAX);
    tree_put_bytes(w, "name", name.data, name.length);
    tree_put_bool(w, "writable", true);
    return reference_send(g, w, node);
}

/* Whether the image, the last one of the chain, has been opened before, by the same name. */
static bool chain_loops(const struct fmt_image *top, const struct fmt_image *last)
{
    for (; top != last; top = top->backing) {
        if (top->driver == last->driver && top->filename.length == last->filename.length &&
            memcmp(top->filename.data, last->filename.data, last->filename.length) == 0)
            return true;
    }
    return false;
}

int guest_chain_open(struct guest *g, const struct guest_node *node, uint32_t flags,
                     struct fmt_image **image)
{
    struct fmt_image **link = image;
    struct guest_node next = *node;
    unsigned depth = 0;
    int r;

    for (;;) {
        r = guest_image_open(g, &next, depth ? flags & ~FMT_OPEN_WRITABLE : flags, link);
        if (r < 0 || !(*link)->facts.backing_present || next.no_backing)
            break;
        if (chain_loops(*image, *link))
            return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_CHAIN_LOOP, FMT_STR((*link)->filename));
        if (++depth > CHAIN_DEPTH_MAX) {
            r = fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_CHAIN_TOO_DEEP, FMT_NUM(CHAIN_DEPTH_MAX));
            break;
        }
        const struct fmt_facts *facts = &(*link)->facts;
        r = guest_reference(g, *link, FMT_REF_BACKING, facts->backing_name, facts->backing_format,
                            &next);
        if (r < 0)
            break;
        link = &(*link)->backing;
    }
    for (; r < 0 && depth > 0; depth--)
        fmt_fail(&g->env, -r, FMT_ERR_BACKING_OPEN);
    return r;
}

int guest_source_open(struct guest *g, size_t position, struct fmt_image **image)
{
    struct tree_bytes failure = tree_get_bytes(&g->job, position, "failure");
    struct tree_bytes name = tree_get_bytes(&g->job, position, "name");
    const struct fmt_bytes text = {failure.data, failure.length};
    struct guest_node node;
    struct tree_item item;
    int r;

    if (failure.length) /* the host could not even open the file */
        r = fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_NODE, FMT_STR(text));
    else if (!tree_find(&g->job, position, "image", &item) || item.type != TREE_DICT)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    else if ((r = node_read(g, &g->job, item.inside, &node)) == 0)
        r = guest_chain_open(g, &node, 0, image);
    if (r == 0 && (r = chain_check(*image)) < 0)
        fmt_fail(&g->env, -r, FMT_ERR_IO, FMT_NUM(-r));
    if (r < 0 && name.data) /* without a name it is told already whose it is */
        fmt_fail(&g->env, -r, FMT_ERR_COULD_NOT_OPEN,
                 FMT_STR(((struct fmt_bytes){name.data, name.length})));
    return r;
}
