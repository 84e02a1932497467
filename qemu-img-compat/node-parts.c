/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes with children of other names than "file": blkdebug, blkverify, quorum. */
#include <limits.h>

#include "lib/blkdebug-rules.h"
#include "lib/dotted.h"
#include "lib/node-options.h"
#include "lib/node.h"
#include "node-open-internal.h"

/* A node in the making: its parts as the guest is told of them, and the node with them put in. */
typedef struct Parts {
    const NodeOpen *run;
    const Value *node;
    const Driver *driver;
    Value *whole;     /* what the node is called by */
    Value *list;      /* {name, device, node}, the last child first, as info lists them */
    Value *options;   /* for the guest */
    uint32_t primary; /* the device of the child whose facts the node shows */
} Parts;

bool node_has_parts(const Driver *driver)
{
    return g_str_equal(driver->name, "blkdebug") || g_str_equal(driver->name, "blkverify") ||
           g_str_equal(driver->name, "quorum");
}

/* Open a resolved child. Returns what stands for it in the whole node, NULL with the error set. */
static Value *part_open(Parts *parts, const char *name, const Value *child, uint32_t *device,
                        GError **error)
{
    Value *below = NULL;

    if (!node_below_open(parts->run, child, parts->node, parts->driver, device, NULL, &below,
                         error))
        return NULL;
    Value *part = value_new_dict();
    value_dict_put_string(part, "name", name);
    value_dict_put_int(part, "device", *device);
    Value *rest = parts->list;
    parts->list = value_new_list();
    value_list_append(parts->list, part);
    for (size_t i = 0; i < value_list_length(rest); i++)
        value_list_append(parts->list, value_copy(value_list_at(rest, i)));
    value_free(rest);
    if (!below)
        return value_copy(child);
    value_dict_put(part, "node", below);
    return node_stand_in_new(below);
}

/* The child of that name, opened and put into the whole node. */
static bool part_add(Parts *parts, const char *name, const char *filename, bool is_file,
                     uint32_t *device, GError **error)
{
    g_autoptr(GString) warnings = g_string_new(NULL);
    g_autoptr(Value) child = node_part(parts->node, name, filename, is_file, warnings, error);
    Value *stand_in = child ? part_open(parts, name, child, device, error) : NULL;

    if (!stand_in)
        return false;
    value_dict_put(parts->whole, name, stand_in);
    return true;
}

bool node_log_open(const NodeOpen *run, const Value *node, Value *whole, Value **list,
                   GError **error)
{
    const char *driver = value_dict_get_string(node, "driver");
    uint32_t device;

    if (g_strcmp0(driver, "blklogwrites") != 0)
        return true;
    Parts parts = {.run = run,
                   .node = node,
                   .driver = driver_find(driver),
                   .whole = whole,
                   .list = value_new_list()};
    g_autoptr(Value) typed = node_options_typed(node, error);
    bool good = typed && part_add(&parts, "log", NULL, true, &device, error);
    uint64_t sector = value_uint(value_dict_get(typed, "log-sector-size"), 512);
    if (good && value_bool(value_dict_get(typed, "log-append"), false))
        good = failure_set(error, "Invalid log superblock magic");
    if (good && (sector < 512 || sector >= (1 << 24) || (sector & (sector - 1))))
        good = failure_set(error, "Invalid log sector size %" G_GUINT64_FORMAT, sector);
    *list = parts.list;
    return good;
}

/* Sizes that requests are held to: each a multiple of another. */
static bool limits_check(const Value *options, GError **error)
{
    static const struct {
        const char *name, *unit; /* NULL: what the alignment is */
    } limits[] = {
        {"max-transfer",   NULL            },
        {"opt-write-zero", NULL            },
        {"max-write-zero", "opt-write-zero"},
        {"opt-discard",    NULL            },
        {"max-discard",    "opt-discard"   },
    };
    uint64_t align = value_uint(value_dict_get(options, "align"), 0);

    if (align && (align >= INT_MAX || (align & (align - 1))))
        return failure_set(error, "Cannot meet constraints with align %" G_GUINT64_FORMAT, align);
    align = MAX(align, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        uint64_t bytes = value_uint(value_dict_get(options, limits[i].name), 0);
        uint64_t unit = limits[i].unit ? value_uint(value_dict_get(options, limits[i].unit), 0) : 0;
        if (bytes >= INT_MAX || bytes % MAX(align, unit))
            return failure_set(error, "Cannot meet constraints with %s %" G_GUINT64_FORMAT,
                               limits[i].name, bytes);
    }
    return true;
}

/* Permissions that the node shall take; with one to write it could not be read-only. */
static bool permissions_check(const Value *node, GError **error)
{
    static const char *const words[] = {"consistent-read", "write", "write-unchanged", "resize"};

    for (size_t i = 0; i < value_dict_size(node); i++) {
        const char *key = value_dict_key_at(node, i);
        const char *word = value_string(value_dict_at(node, i));
        bool takes = g_str_has_prefix(key, "take-child-perms.");
        size_t n = 0;

        if (!takes && !g_str_has_prefix(key, "unshare-child-perms."))
            continue;
        while (n < G_N_ELEMENTS(words) && g_strcmp0(words[n], word) != 0)
            n++;
        if (n == G_N_ELEMENTS(words))
            return failure_set(error, "Parameter 'null' does not accept value '%s'",
                               word ? word : "");
    }
    return true;
}

static bool takes_writes(const Value *node)
{
    for (size_t i = 0; i < value_dict_size(node); i++) {
        const char *word = value_string(value_dict_at(node, i));
        if (g_str_has_prefix(value_dict_key_at(node, i), "take-child-perms.") &&
            (g_strcmp0(word, "write") == 0 || g_strcmp0(word, "resize") == 0))
            return true;
    }
    return false;
}

static bool blkdebug_fill(Parts *parts, GError **error)
{
    g_autoptr(Value) typed = node_options_typed(parts->node, error);
    const char *config = typed ? value_dict_get_string(typed, "config") : NULL;

    if (!typed)
        return false;
    if (config && !parts->run->named_by_user)
        return failure_set(error, "Could not read blkdebug config file: an image may not name it");
    g_autofree char *rules = blkdebug_rules_read(parts->node, config, error);
    if (!rules || !permissions_check(parts->node, error) ||
        !part_add(parts, "image", value_dict_get_string(typed, "x-image"), true, &parts->primary,
                  error))
        return false;
    if (takes_writes(parts->node))
        return failure_set(error, "Block node is read-only");
    value_dict_put_string(parts->options, "rules", rules);
    value_dict_put(parts->options, "no-flush",
                   value_new_uint(node_flag(parts->node, "cache.no-flush")));
    value_dict_put(parts->options, "align",
                   value_new_uint(value_uint(value_dict_get(typed, "align"), 0)));
    return limits_check(typed, error);
}

static bool blkverify_fill(Parts *parts, GError **error)
{
    g_autoptr(Value) typed = node_options_typed(parts->node, error);
    uint32_t test;

    return typed &&
           part_add(parts, "raw", value_dict_get_string(typed, "x-raw"), true, &parts->primary,
                    error) &&
           part_add(parts, "test", value_dict_get_string(typed, "x-image"), false, &test, error);
}

/* How many children are there? Their numbers must have no gaps. */
static bool children_count(const Value *node, unsigned *count, GError **error)
{
    g_autoptr(Value) copy = value_copy(node);
    g_autoptr(Value) all = dotted_subdict_take(copy, "children");

    for (*count = 0; value_dict_size(all); (*count)++) {
        g_autofree char *number = g_strdup_printf("%u", *count);
        g_autoptr(Value) one = dotted_subdict_take(all, number);
        bool reference = value_dict_del(all, number);

        if (reference == (value_dict_size(one) > 0))
            return failure_set(error, "Option children is not a valid array");
    }
    return *count || failure_set(error, "Number of provided children must be 1 or more");
}

static bool quorum_check(const Value *options, unsigned count, GError **error)
{
    int64_t threshold = (int32_t)value_uint(value_dict_get(options, "vote-threshold"), 0);
    const char *pattern = value_dict_get_string(options, "read-pattern");
    bool verify = value_bool(value_dict_get(options, "blkverify"), false);

    if (threshold < 1)
        return failure_set(error, "Parameter 'vote-threshold' expects a value >= 1");
    if (threshold > count)
        return failure_set(error, "threshold may not exceed children count");
    if (pattern && !driver_list_has("quorum fifo", pattern))
        return failure_set(error, "Please set read-pattern as fifo or quorum");
    if (g_strcmp0(pattern, "fifo") == 0 || !verify)
        return true;
    if (count != 2 || threshold != 2)
        return failure_set(error, "blkverify=on can only be set if there are exactly two files "
                                  "and vote-threshold is 2");
    return !value_bool(value_dict_get(options, "rewrite-corrupted"), false) ||
           failure_set(error, "rewrite-corrupted=on cannot be used with blkverify=on");
}

static bool quorum_fill(Parts *parts, GError **error)
{
    const Value *file = value_dict_get(parts->node, "file");
    g_autoptr(Value) unused = file ? node_describe(parts->run, file, error) : NULL;
    Value *children = value_new_list();
    unsigned count;

    value_dict_put(parts->whole, "children", children);
    if ((file && !unused) || !children_count(parts->node, &count, error))
        return false;
    value_free(parts->options);
    parts->options = node_options_typed(parts->node, error);
    if (!parts->options || !quorum_check(parts->options, count, error))
        return false;
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf("children.%u", i);
        g_autoptr(GString) warnings = g_string_new(NULL);
        g_autoptr(Value) child = node_part(parts->node, name, NULL, false, warnings, error);
        uint32_t device;
        Value *stand_in = child ? part_open(parts, name, child, &device, error) : NULL;

        if (!stand_in)
            return false;
        value_list_append(children, stand_in);
        if (i == 0)
            parts->primary = device;
    }
    if (value_bool(value_dict_get(parts->options, "rewrite-corrupted"), false) &&
        g_strcmp0(value_dict_get_string(parts->options, "read-pattern"), "fifo") != 0)
        return failure_set(error, "Block node is read-only"); /* it would write */
    return true;
}

static bool parts_fill(Parts *parts, GError **error)
{
    if (g_str_equal(parts->driver->name, "blkdebug"))
        return blkdebug_fill(parts, error);
    if (g_str_equal(parts->driver->name, "blkverify"))
        return blkverify_fill(parts, error);
    return quorum_fill(parts, error);
}

Value *node_parts_describe(const NodeOpen *run, const Value *node, const Driver *driver,
                           GError **error)
{
    Parts parts = {.run = run,
                   .node = node,
                   .driver = driver,
                   .whole = value_copy(node),
                   .list = value_new_list(),
                   .options = value_new_dict()};
    Value *description = NULL;

    if (parts_fill(&parts, error)) {
        session_image_set(run->session, parts.primary, parts.whole);
        g_autofree char *name = session_image_name(run->session, parts.primary, NULL);
        description =
            node_description_new(node, name, parts.primary, g_steal_pointer(&parts.options));
        value_dict_put(description, "children", g_steal_pointer(&parts.list));
    }
    value_free(parts.whole);
    value_free(parts.list);
    value_free(parts.options);
    return description;
}
