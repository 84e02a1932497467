/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node-name - how a node is called; part of node.h. "Strong" options are those that change what
 * the node's data is: with one of them the file's name alone does not stand for the node.
 */
#include <string.h>

#include "drivers.h"
#include "json-print.h"
#include "node.h"

enum {
    NODE_FILENAME_MAX_BYTES = 4095, /* longer ones end in "..." */
};

static bool node_option_is_strong(const Driver *driver, const char *key)
{
    return g_str_equal(key, "driver") || g_str_equal(key, "filename") ||
           driver_list_has(driver->strong_options, key);
}

/* The options without which the node would be another, those of its children included. */
static Value *node_full_options(const Value *node)
{
    const char *name = value_dict_get_string(node, "driver");
    const Driver *driver = name ? driver_find(name) : NULL;
    const Value *file = value_dict_get(node, "file");
    Value *options = value_new_dict();

    for (size_t i = 0; driver && i < value_dict_size(node); i++) {
        const char *key = value_dict_key_at(node, i);

        if (node_option_is_strong(driver, key)) {
            value_dict_put(options, key, value_copy(value_dict_at(node, i)));
        }
    }
    if (file) {
        value_dict_put(options, "file", node_full_options(file));
    }
    return options;
}

/* The plain name that stands for the node, or NULL. */
static char *node_exact_filename(const Value *node)
{
    const char *name = value_dict_get_string(node, "driver");
    const Driver *driver = name ? driver_find(name) : NULL;
    const Value *file = value_dict_get(node, "file");
    const char *file_driver = value_dict_get_string(file, "driver");
    bool is_protocol = driver && driver_is_protocol(driver);
    g_autoptr(Value) options = node_full_options(node);
    bool has_strong = value_dict_size(options) > (size_t)value_dict_has(options, "driver") +
                                                     value_dict_has(options, "filename") +
                                                     value_dict_has(options, "file");

    if (driver && g_str_has_prefix(driver->name, "null-")) {
        return has_strong ? NULL : g_strconcat(driver->name, "://", NULL);
    }
    if (is_protocol) {
        return g_strdup(value_dict_get_string(node, "filename"));
    }
    if (!file_driver || !driver_find(file_driver) || has_strong ||
        !driver_is_protocol(driver_find(file_driver)) ||
        (driver && driver->kind == DRIVER_FILTER)) {
        return NULL;
    }
    return node_exact_filename(file);
}

char *node_filename(const Value *node)
{
    g_autoptr(Value) options = NULL;
    g_autofree char *json = NULL;
    g_autofree char *name = node_exact_filename(node);

    if (name) {
        return g_steal_pointer(&name);
    }
    options = node_full_options(node);
    json = json_value_print(options, false);
    name = g_strconcat("json:", json, NULL);
    if (strlen(name) > NODE_FILENAME_MAX_BYTES) {
        return g_strdup_printf("%.*s...", NODE_FILENAME_MAX_BYTES - 3, name);
    }
    return g_steal_pointer(&name);
}
