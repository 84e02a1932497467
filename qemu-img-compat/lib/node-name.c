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

static Value *node_full_options(const Value *node);

/* Puts the same of the node's children. */
static void node_children_options(Value *options, const Value *node)
{
    static const char *const names[] = {"file", "image", "raw", "test", "log"};
    const Value *list = value_dict_get(node, "children");

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const Value *child = value_dict_get(node, names[i]);

        if (child && value_kind(child) == VALUE_DICT) {
            value_dict_put(options, names[i], node_full_options(child));
        }
    }
    if (list && value_kind(list) == VALUE_LIST) {
        Value *all = value_new_list();

        for (size_t i = 0; i < value_list_length(list); i++) {
            value_list_append(all, node_full_options(value_list_at(list, i)));
        }
        value_dict_put(options, "children", all);
    }
}

/* The options without which the node would be another, those of its children included. */
static Value *node_full_options(const Value *node)
{
    const char *name = value_dict_get_string(node, "driver");
    const Driver *driver = name ? driver_find(name) : NULL;
    Value *options = value_new_dict();

    for (size_t i = 0; driver && i < value_dict_size(node); i++) {
        const char *key = value_dict_key_at(node, i);

        if (node_option_is_strong(driver, key)) {
            value_dict_put(options, key, value_copy(value_dict_at(node, i)));
        }
    }
    node_children_options(options, node);
    return options;
}

static char *node_exact_filename(const Value *node);

/* blkdebug:CONFIG:IMAGE or blkverify:RAW:IMAGE, or NULL. */
static char *node_test_filename(const Value *node, const Value *options)
{
    bool is_debug = g_str_equal(value_dict_get_string(node, "driver"), "blkdebug");
    const char *config = value_dict_get_string(node, "config");
    g_autofree char *raw = is_debug ? g_strdup(config ? config : "")
                                    : node_exact_filename(value_dict_get(node, "raw"));
    g_autofree char *image = node_exact_filename(value_dict_get(node, is_debug ? "image" : "test"));
    size_t named = 2 + (is_debug ? config != NULL : 1); /* driver, children, config */

    if (!raw || !image || (is_debug && value_dict_size(options) > named)) {
        return NULL;
    }
    return g_strdup_printf("%s:%s:%s", is_debug ? "blkdebug" : "blkverify", raw, image);
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
    if (is_protocol && g_str_has_prefix(driver->name, "blk")) {
        return node_test_filename(node, options);
    }
    if (driver && file && g_str_equal(driver->name, "snapshot-access")) {
        return node_exact_filename(file);
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

char *node_base(const Value *node, GError **error)
{
    const char *driver = value_dict_get_string(node, "driver");
    const Value *below = value_dict_get(node, "file");
    char *name;

    if (!below) {
        below = value_dict_get(node, "image");
    }
    if (below && value_kind(below) == VALUE_DICT) {
        return node_base(below, error);
    }
    name = g_strcmp0(driver, "blkverify") == 0 ? NULL : node_exact_filename(node);
    if (!name) {
        failure_set(error, "Cannot generate a base directory for %s nodes", driver ? driver : "");
    }
    return name;
}
