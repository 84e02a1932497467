/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of a node whose format only probing will tell. */
#include "lib/node-options.h"
#include "lib/node.h"
#include "node-open-internal.h"

/* Is there nothing in the node but what --force-share puts there? */
static bool has_no_options(const Value *node)
{
    for (size_t i = 0; i < value_dict_size(node); i++) {
        const char *key = value_dict_key_at(node, i);
        if (!g_str_equal(key, "file") && !g_str_equal(key, "force-share") &&
            !g_str_equal(key, NODE_PROBE_NAME))
            return false;
    }
    return true;
}

/* What the options mean if the format is this one: {options, fault} or {error}. */
static Value *format_describe(const NodeOpen *run, const Value *node, const char *format,
                              Value **header)
{
    g_autoptr(Value) guess = value_copy(node);
    Value *description = value_new_dict();
    GError *error = NULL;

    value_dict_put_string(guess, "driver", format);
    Value *options = node_options_typed(guess, &error);
    if (options)
        node_header_open(run, guess, options, header, &error);
    if (error) {
        value_dict_put_string(description, "error", error->message);
        value_free(options);
        g_clear_error(&error);
        return description;
    }
    value_dict_put(description, "options", options);
    if (!node_options_check(guess, false, &error)) {
        value_dict_put_string(description, "fault", error->message);
        g_clear_error(&error);
    }
    return description;
}

Value *node_probed_describe(const NodeOpen *run, const Value *node, Value **header)
{
    if (has_no_options(node))
        return NULL;
    Value *formats = value_new_dict();
    const char *name;
    for (size_t i = 0; (name = driver_listed_at(i)); i++) {
        if (driver_find(name)->kind == DRIVER_FORMAT)
            value_dict_put(formats, name, format_describe(run, node, name, header));
    }
    return formats;
}
