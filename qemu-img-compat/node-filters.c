/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What filters demand of their options and of the nodes around them. */
#include "lib/node.h"
#include "node-open-internal.h"

/* Formats and filters that can write compressed data. */
static const char compressing[] = "qcow qcow2 vmdk throttle copy-on-read compress";

static char *preallocate_fault(const Value *options)
{
    enum { SECTOR_BYTES = 512 };
    uint64_t align = value_uint(value_dict_get(options, "prealloc-align"), 0);

    return align % SECTOR_BYTES == 0
               ? NULL
               : g_strdup("prealloc-align parameter of preallocate filter is not aligned to 512");
}

static char *replication_fault(const Value *options)
{
    const char *mode = value_dict_get_string(options, "mode");
    bool has_top = value_dict_has(options, "top-id");
    bool is_primary = g_strcmp0(mode, "primary") == 0;

    if (!mode)
        return g_strdup("Missing the option mode");
    if (!is_primary && !g_str_equal(mode, "secondary"))
        return g_strdup("The option mode's value should be primary or secondary");
    if (is_primary == has_top)
        return g_strdup(has_top ? "The primary side does not support option top-id"
                                : "Missing the option top-id");
    return NULL;
}

void node_filter_fault(const Value *node, const char *file_driver, Value *description)
{
    const char *driver = value_dict_get_string(node, "driver");
    const Value *options = value_dict_get(description, "options");
    char *fault = NULL;

    if (g_strcmp0(driver, "preallocate") == 0)
        fault = preallocate_fault(options);
    else if (g_strcmp0(driver, "replication") == 0)
        fault = replication_fault(options);
    else if (g_strcmp0(driver, "compress") == 0 && !driver_list_has(compressing, file_driver))
        fault =
            g_strdup_printf("Compression is not supported for underlying format: %s", file_driver);
    if (fault)
        value_dict_put(description, "fault", value_new_string_take(fault));
}

/* copy-before-write has a target, which it would write to. */
static bool target_check(const Value *node, GError **error)
{
    g_autoptr(GString) warnings = g_string_new(NULL);
    GError *reason = NULL;
    g_autoptr(Value) target = node_child(node, "target", warnings, &reason);

    if (reason) {
        g_propagate_error(error, reason);
        return false;
    }
    return failure_set(error, target ? "Block node is read-only" : "Parameter 'target' is missing");
}

bool node_filter_check(const NodeOpen *run, const Value *node, GError **error)
{
    const char *driver = value_dict_get_string(node, "driver");
    const char *group = value_dict_get_string(node, "throttle-group");
    const Objects *objects = session_options(run->session)->objects;

    if (g_strcmp0(driver, "copy-on-read") == 0)
        return failure_set(error, "Block node is read-only");
    if (g_strcmp0(driver, "copy-before-write") == 0)
        return target_check(node, error);
    if (g_strcmp0(driver, "throttle") != 0)
        return true;
    if (!group)
        return failure_set(error, "Please specify a throttle group");
    const Value *object = objects ? objects_find(objects, group) : NULL;
    if (g_strcmp0(value_dict_get_string(object, "qom-type"), "throttle-group") == 0)
        return true;
    return failure_set(error, "Throttle group '%s' does not exist", group);
}
