/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node - see node.h. */
#include "node.h"

#include <string.h>

#include "dotted.h"
#include "json-parse.h"
#include "keyval.h"
#include "name.h"
#include "network.h"
#include "node-options.h"

enum {
    NODE_NESTING_MAX = 64, /* nodes stacked by "file.file.file..." */
};

typedef struct NodeRequest {
    const char *filename;
    bool is_file;        /* it is the "file" of another node: never probed */
    bool parse_filename; /* prefixes in the name mean something */
    int level;
    const Value *above; /* the options of the node above, or NULL */
    GString *warnings;
} NodeRequest;

/* Options in a json: name give way to those that are there already. */
static bool node_json_join(Value *options, const char *name, GError **error)
{
    g_autoptr(Value) json = json_value_parse(name + strlen("json:"), error);
    g_autoptr(Value) flat = NULL;

    if (!json) {
        g_prefix_error(error, "Could not parse the JSON options: ");
        return false;
    }
    if (value_kind(json) != VALUE_DICT) {
        return failure_set(error, "Invalid JSON object given");
    }
    flat = dotted_flatten(json);
    for (size_t i = 0; i < value_dict_size(flat); i++) {
        const char *key = value_dict_key_at(flat, i);

        if (!value_dict_has(options, key)) {
            value_dict_put(options, key, value_copy(value_dict_at(flat, i)));
        }
    }
    return true;
}

/* blkdebug:CONFIG:IMAGE and blkverify:RAW:IMAGE; a name without the prefix is the image's. */
static bool node_test_filename_parse(const Driver *driver, Value *options, GError **error)
{
    bool is_debug = g_str_equal(driver->name, "blkdebug");
    g_autoptr(Value) filename = value_dict_steal(options, "filename");
    const char *name = value_string(filename);
    size_t prefix = strlen(driver->name);
    const char *colon;

    if (!g_str_has_prefix(name, driver->name) || name[prefix] != ':') {
        value_dict_put_string(options, "x-image", name);
        return true;
    }
    name += prefix + 1;
    colon = strchr(name, ':');
    if (!colon) {
        return failure_set(error, "%s requires %s and %s path", driver->name,
                           is_debug ? "both config file" : "raw copy",
                           is_debug ? "image" : "original image");
    }
    if (!is_debug || colon != name) {
        value_dict_put(options, is_debug ? "config" : "x-raw",
                       value_new_string_take(g_strndup(name, (gsize)(colon - name))));
    }
    value_dict_put_string(options, "x-image", colon + 1);
    return true;
}

/* Drivers that turn a file name into other options, or take a prefix off. */
static bool node_filename_parse(const Driver *driver, Value *options, GString *warnings,
                                GError **error)
{
    const char *filename = value_dict_get_string(options, "filename");
    g_autofree char *prefix = g_strconcat(driver->name, ":", NULL);
    g_autofree char *null_name = g_strconcat(prefix, "//", NULL);

    if (driver->kind == DRIVER_FILE) {
        value_dict_put(options, "filename",
                       value_new_string_take(name_prefix_strip(filename, prefix)));
    } else if (g_str_has_prefix(driver->name, "null-")) {
        if (!g_str_equal(filename, null_name)) {
            return failure_set(error, "The only allowed filename for this driver is '%s'",
                               null_name);
        }
        value_dict_del(options, "filename");
    } else if (g_str_has_prefix(driver->name, "blk")) {
        return node_test_filename_parse(driver, options, error);
    } else {
        return network_filename_parse(driver, options, warnings, error);
    }
    return true;
}

/* The driver of a protocol node, from its options or its file name. */
static bool node_protocol_fill(Value *options, const Driver *driver, const NodeRequest *request,
                               GError **error)
{
    const char *filename;

    if (request->filename && value_dict_has(options, "filename")) {
        return failure_set(error, "Can't specify 'file' and 'filename' options at the same time");
    }
    if (request->filename) {
        value_dict_put_string(options, "filename", request->filename);
    }
    filename = value_dict_get_string(options, "filename");
    if (!driver && !filename) {
        return failure_set(error, "Must specify either driver or file");
    }
    if (!driver && request->filename && request->parse_filename) {
        driver = name_protocol_find(filename, error);
        if (!driver) {
            return false;
        }
    } else if (!driver) {
        driver = name_device_find(filename);
        driver = driver ? driver : driver_find("file");
    }
    value_dict_put_string(options, "driver", driver->name);
    if (request->filename && request->parse_filename &&
        !node_filename_parse(driver, options, request->warnings, error)) {
        return false;
    }
    return true;
}

/* What the reference looks at before it opens a protocol node. */
static bool node_protocol_check(const Value *options, const NodeRequest *request, GError **error)
{
    const Driver *driver = driver_find(value_dict_get_string(options, "driver"));
    const char *filename = value_dict_get_string(options, "filename");
    g_autoptr(Value) whole = node_inherit(options, request->above);

    if (!node_common_check(whole, error)) {
        return false;
    }
    if (driver->needs_filename && (!filename || !*filename)) {
        return failure_set(error, "The '%s' block driver requires a file name", driver->name);
    }
    return true;
}

static Value *node_resolve(Value *options, const NodeRequest *request, GError **error);

/* No node has a name that another could refer to. */
static bool node_reference_fail(const char *reference, bool has_more, GError **error)
{
    if (has_more) {
        return failure_set(error, "Cannot reference an existing block device with additional "
                                  "options or a new filename");
    }
    return failure_set(error, "Cannot find device='%s' nor node-name='%s'", reference, reference);
}

/* The options are looked at first; of raw also its own ones. */
static bool node_file_missing(const Value *options, const Driver *driver, GError **error)
{
    g_autoptr(Value) own = NULL;

    if (!node_common_check(options, error)) {
        return false;
    }
    if (g_str_equal(driver->name, "raw")) {
        own = node_options_typed(options, error);
        if (!own) {
            return false;
        }
    }
    if (g_str_equal(driver->name, "copy-before-write")) {
        return failure_set(error, "Parameter 'file' is missing");
    }
    return failure_set(error, "A block device must be specified for \"file\"");
}

/* The node under "file": options "file.*" and the name that the whole was given. */
static bool node_file_fill(Value *options, const Driver *driver, const NodeRequest *request,
                           GError **error)
{
    g_autoptr(Value) file_options = dotted_subdict_take(options, "file");
    g_autoptr(Value) file = value_dict_steal(options, "file");
    g_autoptr(Value) whole = node_inherit(options, request->above);
    const char *reference = value_string(file);
    bool has_more = request->filename || value_dict_size(file_options);
    NodeRequest below = {request->filename,  true,  true,
                         request->level + 1, whole, request->warnings};
    Value *node;

    if (reference) {
        return node_reference_fail(reference, has_more, error);
    }
    if (has_more) {
        node = node_resolve(g_steal_pointer(&file_options), &below, error);
        if (node) {
            value_dict_put(options, "file", node);
        }
        return node != NULL;
    }
    if (!driver) {
        return failure_set(error, "Must specify either driver or file");
    }
    return driver->kind == DRIVER_OTHER || node_file_missing(whole, driver, error);
}

static void node_backing_normalise(Value *options, GString *warnings)
{
    const char *backing = value_dict_get_string(options, "backing");

    if (backing && !*backing) {
        g_string_append(warnings, "qemu-img: warning: Use of \"backing\": \"\" is deprecated; use "
                                  "\"backing\": null instead\n");
        value_dict_put(options, "backing", value_new_null());
    }
}

/* Turns flat options (taken over) into a node. */
static Value *node_resolve(Value *options, const NodeRequest *request, GError **error)
{
    g_autoptr(Value) node = options;
    NodeRequest inner = *request;
    const char *name;
    const Driver *driver = NULL;

    if (request->level > NODE_NESTING_MAX) {
        failure_set(error, "Too many nested nodes");
        return NULL;
    }
    if (inner.filename && inner.parse_filename && g_str_has_prefix(inner.filename, "json:")) {
        if (!node_json_join(node, inner.filename, error)) {
            return NULL;
        }
        inner.filename = NULL;
    }
    name = value_dict_get_string(node, "driver");
    driver = name ? driver_find(name) : NULL;
    if (name && !driver) {
        failure_set(error, "Unknown driver '%s'", name);
        return NULL;
    }
    if (!driver) {
        value_dict_del(node, "driver");
    }
    if (driver ? driver_is_protocol(driver) : request->is_file) {
        if (!node_protocol_fill(node, driver, &inner, error)) {
            return NULL;
        }
        node_backing_normalise(node, request->warnings);
        return node_protocol_check(node, request, error) ? g_steal_pointer(&node) : NULL;
    }
    node_backing_normalise(node, request->warnings);
    if (!driver && inner.filename) {
        value_dict_put_string(node, NODE_PROBE_NAME, inner.filename);
    }
    return node_file_fill(node, driver, &inner, error) ? g_steal_pointer(&node) : NULL;
}

Value *node_from_name(const char *name, const char *format, GString *warnings, GError **error)
{
    Value *options = value_new_dict();
    NodeRequest request = {name, false, true, 0, NULL, warnings};

    if (format) {
        value_dict_put_string(options, "driver", format);
    }
    return node_resolve(options, &request, error);
}

Value *node_backing(const Value *node, const char *name, const char *format, GString *warnings,
                    GError **error)
{
    g_autoptr(Value) copy = value_copy(node);
    g_autoptr(Value) options = dotted_subdict_take(copy, "backing");
    const Value *backing = value_dict_get(node, "backing");
    const char *reference = value_string(backing);
    const char *driver = value_dict_get_string(node, "driver");
    NodeRequest request = {name, false, true, 0, NULL, warnings};
    Value *resolved;

    if (backing && value_kind(backing) == VALUE_NULL) {
        return NULL;
    }
    if (!reference && !name && !value_dict_size(options)) {
        return NULL;
    }
    if (driver && driver_find(driver) && !driver_find(driver)->supports_backing) {
        failure_set(error, "Driver doesn't support backing files");
        return NULL;
    }
    if (reference) {
        node_reference_fail(reference, value_dict_size(options) > 0, error);
        g_prefix_error(error, "Could not open backing file: ");
        return NULL;
    }
    if (value_dict_has(options, "file.filename")) {
        request.filename = NULL;
    }
    if (format && !value_dict_has(options, "driver")) {
        value_dict_put_string(options, "driver", format);
    }
    resolved = node_resolve(g_steal_pointer(&options), &request, error);
    if (!resolved) {
        g_prefix_error(error, "Could not open backing file: ");
    }
    return resolved;
}

Value *node_child(const Value *node, const char *child, GString *warnings, GError **error)
{
    g_autoptr(Value) copy = value_copy(node);
    g_autoptr(Value) options = dotted_subdict_take(copy, child);
    const char *reference = value_dict_get_string(node, child);
    NodeRequest request = {NULL, true, true, 0, node, warnings};

    if (reference) {
        node_reference_fail(reference, value_dict_size(options) > 0, error);
        return NULL;
    }
    return value_dict_size(options) ? node_resolve(g_steal_pointer(&options), &request, error)
                                    : NULL;
}

Value *node_part(const Value *node, const char *child, const char *filename, bool is_file,
                 GString *warnings, GError **error)
{
    g_autoptr(Value) copy = value_copy(node);
    g_autoptr(Value) options = dotted_subdict_take(copy, child);
    const char *reference = value_dict_get_string(node, child);
    NodeRequest request = {filename, is_file, true, 1, node, warnings};

    if (reference) {
        node_reference_fail(reference, filename || value_dict_size(options) > 0, error);
        return NULL;
    }
    if (!filename && !value_dict_size(options)) {
        failure_set(error, "A block device must be specified for \"%s\"", child);
        return NULL;
    }
    return node_resolve(g_steal_pointer(&options), &request, error);
}

/* The options of an --image-opts list, with --force-share worked in. */
static Value *node_image_opts_parse(const char *text, bool force_share, Report *report)
{
    GError *error = NULL;
    g_autoptr(Value) options = keyval_image_opts_parse(text, report->err, &error);
    const char *given = value_dict_get_string(options, "force-share");

    if (!options) {
        report_failure(report, error);
        return NULL;
    }
    if (force_share && given && !g_str_equal(given, "on")) {
        report_error(report, "--force-share/-U conflicts with image options");
        return NULL;
    }
    if (force_share) {
        value_dict_put_string(options, "force-share", "on");
    }
    return g_steal_pointer(&options);
}

Value *node_from_argument(const char *argument, bool image_opts, const char *format,
                          bool force_share, Report *report)
{
    NodeRequest request = {image_opts ? NULL : argument, false, true, 0, NULL, report->err};
    GError *error = NULL;
    Value *options;
    Value *node;

    if (image_opts && format) {
        report_error(report, "--image-opts and --format are mutually exclusive");
        return NULL;
    }
    if (image_opts) {
        options = node_image_opts_parse(argument, force_share, report);
        if (!options) {
            return NULL;
        }
    } else {
        options = value_new_dict();
        if (format) {
            value_dict_put_string(options, "driver", format);
        }
        if (force_share) {
            value_dict_put_bool(options, "force-share", true);
        }
    }
    node = node_resolve(options, &request, &error);
    if (!node) {
        g_prefix_error(&error, "Could not open '%s': ", argument);
        report_failure(report, error);
    }
    return node;
}
