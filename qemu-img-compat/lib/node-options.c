/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node-options - see node-options.h. */
#include "node-options.h"

#include <inttypes.h>
#include <string.h>

#include "drivers.h"
#include "keyval.h"
#include "node-tables.h"
#include "node.h"

enum {
    NODE_NAME_MAX_BYTES = 31,
};

char *node_option_text(const Value *value)
{
    switch (value_kind(value)) {
    case VALUE_STRING:
        return g_strdup(value_string(value));
    case VALUE_BOOL:
        return g_strdup(value_bool(value, false) ? "on" : "off");
    case VALUE_INT:
        return g_strdup_printf("%" PRId64, value_int(value, 0));
    case VALUE_UINT:
        return g_strdup_printf("%" PRIu64, value_uint(value, 0));
    case VALUE_DOUBLE:
        return g_strdup_printf("%.17g", value_double(value, 0));
    default:
        return NULL;
    }
}

Opts *node_options_absorb(const Value *node, const OptRow *rows, GError **error)
{
    const OptRow *tables[] = {rows, NULL};
    g_autoptr(Opts) opts = opts_new(tables);

    for (size_t i = 0; i < value_dict_size(node); i++) {
        const char *key = value_dict_key_at(node, i);
        g_autofree char *text = node_option_text(value_dict_at(node, i));

        if (text && opts_knows(opts, key) && !opts_set(opts, key, text, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&opts);
}

static bool node_choice_check(const Opts *opts, const NodeChoice *choice, GError **error)
{
    const char *text = opts_knows(opts, choice->option) ? opts_get(opts, choice->option) : NULL;
    g_auto(GStrv) parts = g_strsplit(choice->message, "%s", 2);
    g_autofree char *message = NULL;

    if (!text || driver_list_has(choice->words, text)) {
        return true;
    }
    message = g_strjoinv(text, parts);
    return failure_set(error, "%s", message);
}

static bool node_choices_check(const Opts *opts, const char *driver, GError **error)
{
    const NodeChoice *choice;

    for (size_t i = 0; (choice = node_choice_at(i)); i++) {
        if (g_strcmp0(choice->driver, driver) == 0 && !node_choice_check(opts, choice, error)) {
            return false;
        }
    }
    return true;
}

Value *node_inherit(const Value *node, const Value *above)
{
    static const char *const names[] = {"cache.direct", "cache.no-flush", "force-share",
                                        "read-only"};
    Value *whole = value_copy(node);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const Value *value = value_dict_get(above, names[i]);

        if (value && !value_dict_has(whole, names[i])) {
            value_dict_put(whole, names[i], value_copy(value));
        }
    }
    if (above && !value_dict_has(whole, "discard")) {
        value_dict_put_string(whole, "discard", "unmap"); /* formats decide, files obey */
    }
    return whole;
}

bool node_common_check(const Value *node, GError **error)
{
    g_autoptr(Opts) opts = node_options_absorb(node, node_common_rows, error);
    const char *name;

    if (!opts) {
        return false;
    }
    name = opts_get(opts, "node-name");
    if (name && !keyval_id_is_wellformed(name)) {
        return failure_set(error, "Invalid node-name: '%s'", name);
    }
    if (name && strlen(name) > NODE_NAME_MAX_BYTES) {
        return failure_set(error, "Node name too long");
    }
    if (!node_choices_check(opts, NULL, error)) {
        return false;
    }
    if (g_strcmp0(opts_get(opts, "detect-zeroes"), "unmap") == 0 &&
        !driver_list_has("unmap on", opts_get(opts, "discard") ? opts_get(opts, "discard") : "")) {
        return failure_set(error, "setting detect-zeroes to unmap is not allowed without setting "
                                  "discard operation to unmap");
    }
    return true;
}

Value *node_options_typed(const Value *node, GError **error)
{
    const char *driver = value_dict_get_string(node, "driver");
    const NodeTable *table = node_table_find(driver ? driver : "");
    g_autoptr(Opts) opts = NULL;

    if (!node_common_check(node, error)) {
        return NULL;
    }
    if (!table) {
        return value_copy(node);
    }
    opts = node_options_absorb(node, table->rows, error);
    if (!opts || !node_choices_check(opts, driver, error)) {
        return NULL;
    }
    return opts_to_dict(opts, false);
}

static bool node_rows_have(const OptRow *rows, const char *name)
{
    for (; rows->name; rows++) {
        if (g_str_equal(rows->name, name)) {
            return true;
        }
    }
    return false;
}

/* Is the key one for the node's backing file? With null there is nothing more to look for. */
static bool node_key_is_backing(const Value *node, const char *key, bool backing_used)
{
    const Value *backing = value_dict_get(node, "backing");
    bool is_null = backing && value_kind(backing) == VALUE_NULL;

    return (g_str_equal(key, "backing") && (is_null || backing_used)) ||
           (g_str_has_prefix(key, "backing.") && backing_used && !is_null);
}

/* As QEMU clones a dictionary: entries that share a bucket change their order. */
static Value *node_options_clone(const Value *node)
{
    Value *clone = value_new_dict();

    for (size_t i = 0; i < value_dict_size(node); i++) {
        value_dict_put(clone, value_dict_key_at(node, i), value_copy(value_dict_at(node, i)));
    }
    return clone;
}

bool node_options_check(const Value *node, bool backing_used, GError **error)
{
    const char *name = value_dict_get_string(node, "driver");
    const NodeTable *table = node_table_find(name ? name : "");
    g_autoptr(Value) clone = node_options_clone(node);

    for (size_t i = 0; table && i < value_dict_size(clone); i++) {
        const char *key = value_dict_key_at(clone, i);

        if (g_str_equal(key, NODE_PROBE_NAME) || node_rows_have(node_common_rows, key) ||
            node_rows_have(table->rows, key) || driver_list_has(table->children, key) ||
            node_key_is_backing(node, key, backing_used)) {
            continue;
        }
        if (driver_is_protocol(driver_find(name))) {
            return failure_set(error, "Block protocol '%s' doesn't support the option '%s'", name,
                               key);
        }
        return failure_set(error, "Block format '%s' does not support the option '%s'", name, key);
    }
    return true;
}
