/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading what the host asks for: nodes, options and secrets in trees. */
#include "guest.h"

static struct fmt_bytes bytes_of(struct tree_bytes b)
{
    return (struct fmt_bytes){b.data, b.length};
}

int options_read(struct guest *g, const struct tree *tree, size_t position,
                 struct fmt_options *options)
{
    struct tree_item item;
    size_t count = 0;

    for (size_t at = position; tree_next(tree, &at, &item);)
        count++;
    struct fmt_option *row = fmt_alloc(&g->env, (count + 1) * sizeof(*row));
    if (!row)
        return -FMT_ENOMEM;
    *options = (struct fmt_options){row, count};
    for (size_t at = position; tree_next(tree, &at, &item); row++) {
        *row = (struct fmt_option){.name = bytes_of(item.key), .number = item.number};
        if (item.type == TREE_BYTES) {
            row->type = FMT_OPTION_TEXT;
            row->text = bytes_of(item.bytes);
        } else {
            row->type = item.type == TREE_BOOL ? FMT_OPTION_BOOL : FMT_OPTION_NUMBER;
        }
    }
    return 0;
}

int secrets_read(struct guest *g)
{
    struct tree_item list, item, text;
    size_t count = 0;

    if (!tree_find(&g->job, tree_root(&g->job), "secrets", &list) || list.type != TREE_LIST)
        return 0;
    for (size_t at = list.inside; tree_next(&g->job, &at, &item);)
        count++;
    struct fmt_secret *secret = fmt_alloc(&g->env, (count + 1) * sizeof(*secret));
    if (!secret)
        return -FMT_ENOMEM;
    g->env.secrets = secret;
    g->env.secret_count = count;
    for (size_t at = list.inside; tree_next(&g->job, &at, &item); secret++) {
        secret->id = bytes_of(tree_get_bytes(&g->job, item.inside, "id"));
        if (tree_find(&g->job, item.inside, "text", &text))
            secret->data = bytes_of(text.bytes);
        else
            secret->kind = tree_get_bool(&g->job, item.inside, "is-secret", false)
                               ? FMT_SECRET_NOT_UTF8
                               : FMT_SECRET_OTHER_OBJECT;
    }
    return 0;
}

int node_read(struct guest *g, const struct tree *tree, size_t position, struct guest_node *node)
{
    struct tree_item item;

    *node = (struct guest_node){
        .driver = bytes_of(tree_get_bytes(tree, position, "driver")),
        .filename = bytes_of(tree_get_bytes(tree, position, "filename")),
        .probe_name = bytes_of(tree_get_bytes(tree, position, "probe-name")),
        .busy = bytes_of(tree_get_bytes(tree, position, "busy")),
        .fault = bytes_of(tree_get_bytes(tree, position, "fault")),
        .device = (uint32_t)tree_get_u64(tree, position, "device", UINT32_MAX),
        .no_backing = tree_get_bool(tree, position, "no-backing", false),
        .tree = tree,
    };
    if (tree_find(tree, position, "file", &item) && item.type == TREE_DICT)
        node->file = item.inside;
    if (tree_find(tree, position, "header", &item) && item.type == TREE_DICT)
        node->header = item.inside;
    if (tree_find(tree, position, "formats", &item) && item.type == TREE_DICT)
        node->formats = item.inside;
    if (tree_find(tree, position, "children", &item) && item.type == TREE_LIST)
        node->children = item.inside;
    if (tree_find(tree, position, "options", &item) && item.type == TREE_DICT)
        return options_read(g, tree, item.inside, &node->options);
    return 0;
}
