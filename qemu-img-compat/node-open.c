/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From nodes to what the guest is told; see node-open.h. */
#include "node-open.h"

#include <errno.h>
#include <string.h>

#include "lib/name.h"
#include "lib/node-options.h"
#include "lib/node.h"
#include "lib/opts.h"
#include "network-open.h"
#include "node-open-internal.h"
#include "tree-value.h"

bool node_flag(const Value *node, const char *key)
{
    const Value *value = value_dict_get(node, key);
    bool flag = value_bool(value, false);

    if (value_string(value))
        opt_bool_parse(key, value_string(value), &flag, NULL);
    return flag;
}

/* Was the switch set, and to this? */
static bool node_says(const Value *node, const char *key, bool flag)
{
    return value_dict_has(node, key) && node_flag(node, key) == flag;
}

static const char read_only[] = "Block node is read-only";

/* Is the node one to be written to, as far as its options go? */
static bool is_writable(const NodeOpen *run, const Value *node)
{
    return run->writable && !node_says(node, "read-only", true);
}

/* Who writes must take the locks. */
static bool share_check(const NodeOpen *run, const Value *node, GError **error)
{
    return !is_writable(run, node) || !node_flag(node, "force-share") ||
           failure_set(error, "force-share=on can only be used with read-only images");
}

/* Demands of a file's options that cannot be met. */
static bool file_options_check(const NodeOpen *run, const Value *file, GError **error)
{
    const char *manager = value_dict_get_string(file, "pr-manager");

    if (!share_check(run, file, error))
        return false;
    if (g_strcmp0(value_dict_get_string(file, "aio"), "native") == 0 &&
        !node_flag(file, "cache.direct"))
        return failure_set(error, "aio=native was specified, but it requires cache.direct=on, "
                                  "which was not specified.");
    return !manager ||
           failure_set(error, "No persistent reservation manager with id '%s'", manager);
}

/* Does an image of the driver read nothing of its file unless data is asked for? */
static bool is_plain(const Driver *driver)
{
    return driver_is_protocol(driver) || driver->kind == DRIVER_FILTER ||
           g_str_equal(driver->name, "raw");
}

/*
 * Open a file or device of the host for an image of the driver. NULL: its format is to be probed,
 * and a lock that is missing matters only if it is not plain; *busy is what to say then.
 */
static bool file_open(const NodeOpen *run, const Value *file, const Driver *driver,
                      uint32_t *device, char **busy, GError **error)
{
    const SessionOptions *options = session_options(run->session);
    bool unlocked = node_flag(file, "force-share") ||
                    g_strcmp0(value_dict_get_string(file, "locking"), "off") == 0 ||
                    (options->no_data && driver && is_plain(driver));
    FileOpen open = {.filename = value_dict_get_string(file, "filename"),
                     .driver = value_dict_get_string(file, "driver"),
                     .named_by_user = run->named_by_user,
                     .writable = is_writable(run, file),
                     .shares_all =
                         driver && is_plain(driver) && (run->writable || !options->no_share),
                     .direct = node_flag(file, "cache.direct"),
                     .no_flush = node_flag(file, "cache.no-flush"),
                     .force_share = unlocked,
                     .no_data = options->no_data};
    g_autoptr(Value) typed = node_options_typed(file, error);
    int status;

    if (!typed || !file_options_check(run, file, error))
        return false;
    bool opened = session_file_open(run->session, &open, device, &status, error);
    if (!opened && !options->no_share && !driver && status == -EAGAIN) {
        *busy = g_strdup((*error)->message);
        g_clear_error(error);
        open.force_share = open.no_data;
        open.shares_all = true;
        opened = session_file_open(run->session, &open, device, &status, error);
    }
    return opened && node_options_check(file, false, error);
}

/* Nodes without a name get one from the reference that nobody can foretell. */
static const char *node_name(const Value *node, const char *otherwise)
{
    const char *name = value_dict_get_string(node, "node-name");
    return name ? name : otherwise;
}

/* What a node demands of the one below that cannot be. */
static bool stack_check(const NodeOpen *run, const Value *node, const Value *file, GError **error)
{
    const char *driver = value_dict_get_string(node, "driver");

    if (node_says(file, "active", false) && !node_says(node, "active", false))
        return failure_set(error, "Inactive '%s' can't be a file child of active '%s'",
                           node_name(file, "#block000"), node_name(node, "#block001"));
    if (driver && !is_plain(driver_find(driver)) && node_says(file, "read-only", true) &&
        node_says(node, "read-only", false))
        return failure_set(error, read_only);
    if (is_writable(run, node) && node_says(file, "read-only", true))
        return failure_set(error, read_only);
    return true;
}

Value *node_description_new(const Value *node, const char *filename, uint32_t device,
                            Value *options)
{
    const char *driver = value_dict_get_string(node, "driver");
    const Value *backing = value_dict_get(node, "backing");
    Value *description = value_new_dict();
    GError *fault = NULL;

    if (driver)
        value_dict_put_string(description, "driver", driver);
    value_dict_put_string(description, "filename", filename);
    value_dict_put_int(description, "device", device);
    if (backing && value_kind(backing) == VALUE_NULL)
        value_dict_put_bool(description, "no-backing", true);
    value_dict_put(description, "options", options);
    /* Told only once the image is open: other faults come first. */
    if (driver && !node_options_check(node, false, &fault)) {
        value_dict_put_string(description, "fault", fault->message);
        g_error_free(fault);
    }
    return description;
}

/* A node without one below: a file used as it is, or a device of the guest's own. */
static Value *leaf_describe(const NodeOpen *run, const Value *node, const Driver *driver,
                            GError **error)
{
    uint32_t device;

    if (driver->kind == DRIVER_FILE) {
        if (!file_open(run, node, driver, &device, NULL, error))
            return NULL;
        session_image_set(run->session, device, node);
        return node_description_new(node, session_file_node(run->session, device)->filename, device,
                                    value_new_dict());
    }
    if (node_has_parts(driver))
        return node_parts_describe(run, node, driver, error);
    if (!g_str_has_prefix(driver->name, "null-")) {
        network_refuse(driver, node, run->named_by_user, error);
        return NULL;
    }
    Value *options = node_options_typed(node, error);
    if (!options)
        return NULL;
    device = session_layer_new(run->session, node, NULL);
    session_image_set(run->session, device, node);
    return node_description_new(node, session_file_node(run->session, device)->filename, device,
                                options);
}

bool node_header_open(const NodeOpen *run, const Value *node, Value *options, Value **below,
                      GError **error)
{
    g_autoptr(GString) warnings = g_string_new(NULL);
    GError *reason = NULL;
    uint32_t device;

    if (g_strcmp0(value_dict_get_string(node, "driver"), "luks") != 0)
        return true;
    g_autoptr(Value) header = node_child(node, "header", warnings, &reason);
    if (!header) {
        if (reason)
            g_propagate_error(error, reason);
        return !reason;
    }
    const Driver *driver = driver_find(value_dict_get_string(header, "driver"));
    if (!node_below_open(run, header, node, driver, &device, NULL, below, error))
        return false;
    value_dict_put(options, "header", value_new_uint(device));
    return true;
}

bool node_below_open(const NodeOpen *run, const Value *child, const Value *parent,
                     const Driver *driver, uint32_t *device, char **busy, Value **below,
                     GError **error)
{
    const char *name = value_dict_get_string(child, "driver");
    g_autoptr(Value) inherited = node_inherit(child, parent);

    if (name && driver_find(name)->kind == DRIVER_FILE)
        return file_open(run, inherited, driver, device, busy, error);
    *below = node_describe(run, inherited, error);
    if (!*below)
        return false;
    /* Children of other names than "file" have got theirs only now. */
    bool has_parts = name && node_has_parts(driver_find(name));
    *device = session_layer_new(run->session, child,
                                has_parts ? value_dict_get_string(*below, "filename") : NULL);
    return true;
}

Value *node_stand_in_new(const Value *below)
{
    Value *stand_in = value_new_dict();

    value_dict_put(stand_in, "device", value_copy(value_dict_get(below, "device")));
    return stand_in;
}

/* The node as it is called: what the guest opens below it may get a format only then. */
static Value *node_stacked_whole(const Value *node, const Value *below)
{
    Value *whole = value_copy(node);

    if (below)
        value_dict_put(whole, "file", node_stand_in_new(below));
    return whole;
}

/* A node over another: a format or filter. */
static Value *stacked_describe(const NodeOpen *run, const Value *node, GError **error)
{
    const char *driver = value_dict_get_string(node, "driver");
    const Value *file = value_dict_get(node, "file");
    const char *file_driver = value_dict_get_string(file, "driver");
    g_autoptr(Value) below = NULL;
    g_autoptr(Value) header = NULL;
    g_autofree char *busy = NULL;
    uint32_t device;

    if (!file || !file_driver) {
        failure_set(error, "Driver '%s' is not supported by qemu-img-compat yet", driver);
        return NULL;
    }
    if (!node_below_open(run, file, node, driver ? driver_find(driver) : NULL, &device, &busy,
                         &below, error))
        return NULL;
    g_autoptr(Value) whole = node_stacked_whole(node, below);
    if (!stack_check(run, node, file, error) || !node_filter_check(run, node, error))
        return NULL;
    Value *options = driver ? node_options_typed(node, error) : value_new_dict();
    if (!options || !node_header_open(run, node, options, &header, error)) {
        value_free(options);
        return NULL;
    }
    g_autoptr(Value) log = NULL;
    if (!node_log_open(run, node, whole, &log, error)) {
        value_free(options);
        return NULL;
    }
    session_image_set(run->session, device, whole);
    Value *description = node_description_new(
        node, session_file_node(run->session, device)->filename, device, options);
    node_filter_fault(node, file_driver, description);
    const char *probe_name = value_dict_get_string(node, NODE_PROBE_NAME);
    if (probe_name)
        value_dict_put_string(description, "probe-name", probe_name);
    Value *formats = driver ? NULL : node_probed_describe(run, node, &header);
    if (formats)
        value_dict_put(description, "formats", formats);
    if (log)
        value_dict_put(description, "children", g_steal_pointer(&log));
    if (below)
        value_dict_put(description, "file", g_steal_pointer(&below));
    if (header)
        value_dict_put(description, "header", g_steal_pointer(&header));
    if (busy)
        value_dict_put_string(description, "busy", busy);
    return description;
}

Value *node_describe(const NodeOpen *run, const Value *node, GError **error)
{
    const char *name = value_dict_get_string(node, "driver");
    const Driver *driver = name ? driver_find(name) : NULL;

    if (driver && driver_is_protocol(driver))
        return leaf_describe(run, node, driver, error);
    if (driver && node_has_parts(driver))
        return node_parts_describe(run, node, driver, error);
    return stacked_describe(run, node, error);
}

Value *session_node_open(Session *session, const Value *node, bool named_by_user, GError **error)
{
    const NodeOpen run = {.session = session, .named_by_user = named_by_user};
    return node_describe(&run, node, error);
}

Value *session_target_open(Session *session, const Value *node, GError **error)
{
    const NodeOpen run = {.session = session, .named_by_user = true, .writable = true};
    Value *description = share_check(&run, node, error) ? node_describe(&run, node, error) : NULL;

    if (description && !is_writable(&run, node) && !value_dict_has(description, "fault"))
        value_dict_put_string(description, "fault", read_only);
    return description;
}

uint32_t session_description_device(const Value *description)
{
    return (uint32_t)value_int(value_dict_get(description, "device"), 0);
}

/* The kinds of references, as the guest numbers them (enum fmt_ref_kind). */
enum { REFERENCE_EXTENT = 2 };

/* The node of a file by its path: a colon in it does not make a protocol. */
static Value *path_node_new(const char *path, const char *format)
{
    const Driver *device = name_device_find(path);
    Value *node = value_new_dict();
    Value *file = value_new_dict();

    value_dict_put_string(file, "driver", device ? device->name : "file");
    value_dict_put_string(file, "filename", path);
    value_dict_put_string(node, "driver", format);
    value_dict_put(node, "file", file);
    return node;
}

/* A file that a descriptor lists: beside it if its name is relative. Its format is not probed. */
static bool extent_open(const NodeOpen *run, const struct tree *reference, uint32_t *device,
                        struct tree_writer *reply, GError **error)
{
    size_t root = tree_root(reference);
    uint32_t number = (uint32_t)tree_get_u64(reference, root, "device", UINT32_MAX);
    bool is_plain_data = tree_get_bool(reference, root, "plain", false);
    const FileNode *beside = session_file_node(run->session, number);
    g_autofree char *name = tree_dup_text(reference, root, "name");

    if (!beside || !name)
        return failure_set(error, "The descriptor's file is not known");
    if (*name != '/' && g_str_has_prefix(beside->filename, "json:"))
        return failure_set(error,
                           "Cannot use relative paths with VMDK descriptor file '%s': "
                           "Cannot generate a base directory for %s nodes",
                           beside->filename, beside->driver);
    g_autofree char *full = name_combine(beside->filename, name);
    g_autoptr(Value) node = path_node_new(full, is_plain_data ? "raw" : "vmdk");
    g_autoptr(Value) description = node_describe(run, node, error);
    if (!description)
        return false;
    *device = session_description_device(description);
    tree_put_str(reply, "filename", value_dict_get_string(description, "filename"));
    return true;
}

static bool backing_open(const NodeOpen *run, const struct tree *reference, uint32_t *device,
                         struct tree_writer *reply, GError **error)
{
    size_t root = tree_root(reference);
    uint32_t overlay = (uint32_t)tree_get_u64(reference, root, "device", UINT32_MAX);
    g_autofree char *name = tree_dup_text(reference, root, "name");
    g_autofree char *format = tree_dup_text(reference, root, "format");
    g_autofree char *full = session_backing_name(run->session, overlay, name ? name : "", error);
    g_autoptr(GString) warnings = g_string_new(NULL);

    if (!full)
        return *error || failure_set(error, "The backing file has no name");
    g_autoptr(Value) node = node_from_name(full, format, warnings, error);
    g_autoptr(Value) description = node ? node_describe(run, node, error) : NULL;
    if (!description)
        return false;
    *device = session_description_device(description);
    tree_put_members(reply, description);
    return true;
}

/* Whatever an image names. */
static bool reference_open(const NodeOpen *run, const struct tree *reference, uint32_t *device,
                           struct tree_writer *reply, int *status, GError **error)
{
    *status = -EINVAL;
    if (tree_get_u64(reference, tree_root(reference), "kind", 0) == REFERENCE_EXTENT)
        return extent_open(run, reference, device, reply, error);
    return backing_open(run, reference, device, reply, error);
}

bool session_backing_open(Session *session, const struct tree *reference, uint32_t *device,
                          struct tree_writer *reply, int *status, GError **error)
{
    const NodeOpen run = {.session = session};
    return reference_open(&run, reference, device, reply, status, error);
}

bool session_part_open(Session *session, const struct tree *reference, uint32_t *device,
                       struct tree_writer *reply, int *status, GError **error)
{
    const NodeOpen run = {.session = session, .writable = true};
    return reference_open(&run, reference, device, reply, status, error);
}

bool session_named_backing_open(Session *session, const struct tree *reference, uint32_t *device,
                                struct tree_writer *reply, int *status, GError **error)
{
    const NodeOpen run = {.session = session, .named_by_user = true};

    *status = -EINVAL;
    return backing_open(&run, reference, device, reply, error);
}
