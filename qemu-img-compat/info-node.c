/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From records to info values; see info-node.h. */
#include "info-node.h"

#include "lib/drivers.h"
#include "tree-value.h"

/* QEMU counts files in sectors. */
enum { SECTOR_BYTES = 512 };

/* One image of a record: where its facts stand. */
typedef struct ImageFacts {
    const Session *session;
    const struct tree *tree;
    size_t position;
    uint32_t device;
    char *format;
} ImageFacts;

static Value *image_info(const Session *session, const struct tree *tree, size_t position);

/* A file as a node of its own: {filename, format, sizes, empty "format-specific"}. */
static Value *file_info(const Session *session, uint32_t device)
{
    const FileNode *node = session_file_node(session, device);
    struct vmm_device_facts facts = {0};
    Value *info = value_new_dict();

    if (!node)
        return info;
    session_file_facts(session, device, &facts);
    value_dict_put(info, "children", value_new_list());
    value_dict_put_string(info, "filename", node->filename);
    value_dict_put_string(info, "format", node->driver);
    value_dict_put_int(
        info, "virtual-size",
        (int64_t)((facts.size_bytes + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES));
    value_dict_put_int(info, "actual-size", (int64_t)facts.allocated_bytes);
    value_dict_put_bool(info, "dirty-flag", false);
    Value *specific = value_new_dict();
    value_dict_put_string(specific, "type", "file"); /* of devices, too */
    value_dict_put(specific, "data", value_new_dict());
    value_dict_put(info, "format-specific", specific);
    return info;
}

static void child_append(Value *children, const char *name, Value *info)
{
    Value *child = value_new_dict();
    value_dict_put_string(child, "name", name);
    value_dict_put(child, "info", info);
    value_list_append(children, child);
}

/* A child that is an image itself, if the record has it. */
static bool inner_append(Value *children, const ImageFacts *image, const char *key,
                         const char *name)
{
    struct tree_item item;

    if (!tree_find(image->tree, image->position, key, &item) || item.type != TREE_DICT)
        return false;
    child_append(children, name, image_info(image->session, image->tree, item.inside));
    return true;
}

/* Has the image no file that is a node of its own? */
static bool is_leaf(const ImageFacts *image)
{
    const Driver *driver = image->format ? driver_find(image->format) : NULL;
    return driver && driver_is_protocol(driver);
}

/* Are its files those that the record lists, and no other? */
static bool has_own_files(const ImageFacts *image)
{
    const Driver *driver = image->format ? driver_find(image->format) : NULL;
    return driver && (driver_is_protocol(driver) || driver->kind == DRIVER_OTHER);
}

/* The image's files. The latest comes first: QEMU puts new children before the others. */
static Value *children_new(const ImageFacts *image)
{
    Value *children = value_new_list();
    struct tree_item list, item;

    inner_append(children, image, "backing-image", "backing");
    if (tree_find(image->tree, image->position, "children", &list) && list.type == TREE_LIST) {
        size_t position = list.inside;
        while (tree_next(image->tree, &position, &item)) {
            g_autofree char *name = tree_dup_text(image->tree, item.inside, "name");
            uint32_t number =
                (uint32_t)tree_get_u64(image->tree, item.inside, "device", UINT32_MAX);
            const ImageFacts child = {image->session, image->tree, item.inside, number, NULL};
            if (!inner_append(children, &child, "image", name ? name : ""))
                child_append(children, name ? name : "", file_info(image->session, number));
        }
    }
    if (!inner_append(children, image, "file-image", "file") && !has_own_files(image))
        child_append(children, "file", file_info(image->session, image->device));
    return children;
}

/* The space that the image's own files take; -1: not known. */
static int64_t actual_bytes(const ImageFacts *image, const Value *children)
{
    struct vmm_device_facts facts;
    const Driver *driver = image->format ? driver_find(image->format) : NULL;
    bool is_filter = driver && driver->kind == DRIVER_FILTER; /* what else it has does not count */
    int64_t sum = 0;

    if (is_leaf(image) && value_list_length(children))
        return -1;
    if (is_leaf(image))
        return session_file_facts(image->session, image->device, &facts)
                   ? (int64_t)facts.allocated_bytes
                   : 0;
    for (size_t i = 0; i < value_list_length(children); i++) {
        const Value *child = value_list_at(children, i);
        const char *name = value_dict_get_string(child, "name");
        if (g_strcmp0(name, "backing") == 0 || (is_filter && g_strcmp0(name, "file") != 0))
            continue;
        const Value *bytes = value_dict_get(value_dict_get(child, "info"), "actual-size");
        if (!bytes)
            return -1;
        sum += value_int(bytes, 0);
    }
    return sum;
}

static void put_backing(Value *info, const ImageFacts *image)
{
    g_autofree char *name = tree_dup_text(image->tree, image->position, "backing-name");
    g_autofree char *format = tree_dup_text(image->tree, image->position, "backing-format");

    if (!name || !*name)
        return;
    value_dict_put_string(info, "backing-filename", name);
    g_autofree char *full = session_backing_name(image->session, image->device, name, NULL);
    if (full)
        value_dict_put_string(info, "full-backing-filename", full);
    if (format)
        value_dict_put_string(info, "backing-filename-format", format);
}

static const char *dict_text(const Value *dict, const char *key)
{
    const char *text = value_dict_get_string(dict, key);
    return text ? text : "";
}

/* As the reference's schema has it: numbers beyond its signed range wrap round. */
static int64_t dict_int(const Value *dict, const char *key, int64_t otherwise)
{
    const Value *value = value_dict_get(dict, key);
    return value && value_kind(value) == VALUE_UINT ? (int64_t)value_uint(value, 0)
                                                    : value_int(value, otherwise);
}

/* A snapshot of the guest's in QEMU's schema (SnapshotInfo). */
static Value *snapshot_info(const Value *facts)
{
    const int64_t second = 1000000000;
    int64_t clock = dict_int(facts, "vm-clock-nanoseconds", 0);
    Value *info = value_new_dict();

    value_dict_put_string(info, "id", dict_text(facts, "id"));
    value_dict_put_string(info, "name", dict_text(facts, "name"));
    value_dict_put_int(info, "vm-state-size", dict_int(facts, "vm-state-bytes", 0));
    value_dict_put_int(info, "date-sec", dict_int(facts, "date-seconds", 0));
    value_dict_put_int(info, "date-nsec", dict_int(facts, "date-nanoseconds", 0));
    value_dict_put_int(info, "vm-clock-sec", (int64_t)((uint64_t)clock / (uint64_t)second));
    value_dict_put_int(info, "vm-clock-nsec", (int64_t)((uint64_t)clock % (uint64_t)second));
    if (dict_int(facts, "icount", -1) != -1)
        value_dict_put_int(info, "icount", dict_int(facts, "icount", -1));
    return info;
}

static void put_snapshots(Value *info, const struct tree *record, size_t image)
{
    struct tree_item list;

    if (!tree_find(record, image, "snapshots", &list) || list.type != TREE_LIST)
        return;
    Value *snapshots = value_list_from_tree(record, &list, snapshot_info);
    if (value_list_length(snapshots))
        value_dict_put(info, "snapshots", snapshots);
    else
        value_free(snapshots);
}

static void put_specific(Value *info, const ImageFacts *image)
{
    const char *format = image->format ? image->format : ""; /* from a guest that has gone mad */
    struct tree_item item;

    if (!tree_find(image->tree, image->position, "specific", &item) || item.type != TREE_DICT)
        return;
    Value *specific = value_new_dict();
    value_dict_put_string(specific, "type", is_leaf(image) ? "file" : format);
    value_dict_put(specific, "data", value_from_tree(image->tree, &item));
    value_dict_put(info, "format-specific", specific);
}

static Value *image_info(const Session *session, const struct tree *tree, size_t position)
{
    g_autofree char *format = tree_dup_text(tree, position, "format");
    const ImageFacts image = {
        .session = session,
        .tree = tree,
        .position = position,
        .device = (uint32_t)tree_get_u64(tree, position, "device", UINT32_MAX),
        .format = format,
    };
    uint64_t cluster_bytes = tree_get_u64(tree, position, "cluster-bytes", 0);
    Value *info = value_new_dict();
    Value *children = children_new(&image);
    session_image_format_set(session, image.device, format);
    g_autofree char *filename = session_image_name(session, image.device, format);
    int64_t actual = actual_bytes(&image, children);

    value_dict_put_string(info, "filename", filename);
    value_dict_put_string(info, "format", format ? format : "");
    value_dict_put_int(info, "virtual-size",
                       (int64_t)tree_get_u64(tree, position, "virtual-bytes", 0));
    if (actual >= 0)
        value_dict_put_int(info, "actual-size", actual);
    if (tree_get_bool(tree, position, "encrypted", false))
        value_dict_put_bool(info, "encrypted", true);
    if (cluster_bytes) /* an int in the reference: 2 GiB shows as a negative number */
        value_dict_put_int(info, "cluster-size", (int32_t)cluster_bytes);
    if (!tree_get_bool(tree, position, "no-dirty-flag", false))
        value_dict_put_bool(info, "dirty-flag", tree_get_bool(tree, position, "dirty", false));
    put_backing(info, &image);
    put_snapshots(info, tree, position);
    put_specific(info, &image);
    /* Last, as QEMU: the order within a hash bucket depends on it. */
    value_dict_put(info, "children", children);
    return info;
}

Value *info_node_new(const Session *session, const struct tree *record)
{
    return image_info(session, record, tree_root(record));
}
