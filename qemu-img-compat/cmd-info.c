/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info: the facts of an image or of its backing chain, for people or as JSON. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "info-human.h"
#include "info-node.h"
#include "lib/json-print.h"
#include "lib/name.h"
#include "names.h"
#include "tree-value.h"

enum {
    INFO_MEMORY_BYTES = 64 << 20,
    INFO_TIME_LIMIT_MS = 30000, /* a hostile image must not keep the caller */
};

typedef struct InfoRun {
    Value *images;     /* list of info values, the top image first */
    GHashTable *names; /* of the images seen: a name that comes again is a loop */
    bool force_share;
} InfoRun;

static bool info_record(void *ctx, Session *session, enum abi_record kind, const struct tree *tree,
                        GError **error)
{
    InfoRun *run = ctx;

    (void)kind;
    (void)error;
    value_list_append(run->images, info_node_new(session, tree));
    return true;
}

/* Remember an image's name; false with an error set if it was there already. */
static bool name_remember(InfoRun *run, const char *name, GError **error)
{
    if (!g_hash_table_add(run->names, g_strdup(name)))
        return failure_set(error, "Backing file '%s' creates an infinite loop.", name);
    return true;
}

/* The next link: what the last record says of its backing file, opened as a name of its own. */
static bool info_reference(void *ctx, Session *session, const struct tree *reference,
                           uint32_t *device, struct tree_writer *reply, int *status, GError **error)
{
    InfoRun *run = ctx;
    size_t count = value_list_length(run->images);
    const Value *last = count ? value_list_at(run->images, count - 1) : NULL;
    const char *full = value_dict_get_string(last, "full-backing-filename");
    const char *format = value_dict_get_string(last, "backing-filename-format");

    (void)reference;
    *status = -1;
    if (!full)
        return failure_set(error, "Could not determine the backing file name of '%s'",
                           value_dict_get_string(last, "filename"));
    if (!name_remember(run, full, error))
        return false;
    g_autoptr(Value) node = name_to_node(full, false, format, error);
    g_autoptr(Value) described = node ? session_node_open(session, node, false, error) : NULL;
    if (!described) {
        g_prefix_error(error, "Could not open '%s': ", full);
        return false;
    }
    *device = (uint32_t)value_int(value_dict_get(described, "device"), 0);
    tree_put_members(reply, described);
    return true;
}
