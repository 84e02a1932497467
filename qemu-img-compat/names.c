/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Node trees taken apart; see names.h. */
#include "names.h"

#include <string.h>

#include "lib/json-print.h"

/* Members of a format node that are not options of its driver. */
static const char *const node_members[] = {"driver",    "file",      "backing", "force-share",
                                           "node-name", "read-only", NULL};

/* Whether the node says no more than its file's name does, so that the name stands for it. */
static bool node_is_plain(const Value *node)
{
    for (size_t i = 0; i < value_dict_size(node); i++) {
        if (!g_strv_contains(node_members, value_dict_key_at(node, i)))
            return false;
    }
    return true;
}

/* Numbers may come as texts (--image-opts): drivers take them as numbers. */
static Value *option_typed(const Value *value)
{
    const char *text = value_kind(value) == VALUE_STRING ? value_string(value) : NULL;
    char *end;

    if (!text || !g_ascii_isdigit(text[0]))
        return value_copy(value);
    guint64 number = g_ascii_strtoull(text, &end, 10);
    return *end ? value_copy(value) : value_new_uint(number);
}

static void options_collect(const Value *node, Value *options)
{
    for (size_t i = 0; i < value_dict_size(node); i++) {
        const char *key = value_dict_key_at(node, i);
        const Value *value = value_dict_at(node, i);
        if (!g_strv_contains(node_members, key) && value_kind(value) != VALUE_DICT)
            value_dict_put(options, key, option_typed(value));
    }
}

bool node_facts(const Value *node, NodeFacts *facts, GError **error)
{
    const Value *file = value_dict_get(node, "file");
    const Value *backing = value_dict_get(node, "backing");

    *facts = (NodeFacts){0};
    const char *filename = value_dict_get_string(file, "filename");
    if (!filename)
        return failure_set(error, "A block device must be specified for \"file\"");
    facts->driver = g_strdup(value_dict_get_string(node, "driver"));
    facts->protocol = g_strdup(value_dict_get_string(file, "driver"));
    facts->filename = g_strdup(filename);
    facts->no_backing = backing && value_kind(backing) == VALUE_NULL;
    facts->force_share = value_bool(value_dict_get(node, "force-share"), false);
    facts->options = value_new_dict();
    options_collect(node, facts->options);
    if (node_is_plain(node)) {
        facts->image_filename = g_strdup(filename);
    } else {
        g_autofree char *json = json_value_print(node, false);
        facts->image_filename = g_strconcat("json:", json, NULL);
    }
    return true;
}

void node_facts_clear(NodeFacts *facts)
{
    g_free(facts->driver);
    g_free(facts->protocol);
    g_free(facts->filename);
    g_free(facts->image_filename);
    value_free(facts->options);
    *facts = (NodeFacts){0};
}
