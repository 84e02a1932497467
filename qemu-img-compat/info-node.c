/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From records to info values; see info-node.h. */
#include "info-node.h"

#include "lib/name.h"
#include "tree-value.h"

/* QEMU counts files in sectors. */
enum { SECTOR_BYTES = 512 };

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
    value_dict_put_string(specific, "type", node->driver);
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

/* The image's files. Further files come before "file": QEMU puts new children first. */
static Value *children_new(const Session *session, const struct tree *record, uint32_t device)
{
    Value *children = value_new_list();
    struct tree_item list, item;

    if (tree_find(record, tree_root(record), "children", &list) && list.type == TREE_LIST) {
        size_t position = list.inside;
        while (tree_next(record, &position, &item)) {
            g_autofree char *name = tree_dup_text(record, item.inside, "name");
            uint32_t number = (uint32_t)tree_get_u64(record, item.inside, "device", UINT32_MAX);
            child_append(children, name ? name : "", file_info(session, number));
        }
    }
    child_append(children, "file", file_info(session, device));
    return children;
}

/* The space that the image's own files take. */
static int64_t actual_bytes(const Session *session, const struct tree *record, uint32_t device)
{
    struct vmm_device_facts facts;
    struct tree_item list, item;
    int64_t sum = session_file_facts(session, device, &facts) ? (int64_t)facts.allocated_bytes : 0;

    if (tree_find(record, tree_root(record), "children", &list) && list.type == TREE_LIST) {
        size_t position = list.inside;
        while (tree_next(record, &position, &item)) {
            uint32_t number = (uint32_t)tree_get_u64(record, item.inside, "device", UINT32_MAX);
            if (session_file_facts(session, number, &facts))
                sum += (int64_t)facts.allocated_bytes;
        }
    }
    return sum;
}

static void put_backing(Value *info, const struct tree *record, const char *filename)
{
    g_autofree char *name = tree_dup_text(record, tree_root(record), "backing-name");
    g_autofree char *format = tree_dup_text(record, tree_root(record), "backing-format");

    if (!name || !*name)
        return;
    value_dict_put_string(info, "backing-filename", name);
    g_autofree char *full = name_backing_full(filename, name, NULL);
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

static int64_t dict_int(const Value *dict, const char *key, int64_t otherwise)
{
    return value_int(value_dict_get(dict, key), otherwise);
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

static void put_snapshots(Value *info, const struct tree *record)
{
    struct tree_item list, item;

    if (!tree_find(record, tree_root(record), "snapshots", &list) || list.type != TREE_LIST)
        return;
    Value *snapshots = value_new_list();
    size_t position = list.inside;
    while (tree_next(record, &position, &item)) {
        g_autoptr(Value) facts = value_from_tree(record, &item);
        value_list_append(snapshots, snapshot_info(facts));
    }
    if (value_list_length(snapshots))
        value_dict_put(info, "snapshots", snapshots);
    else
        value_free(snapshots);
}

static void put_specific(Value *info, const struct tree *record, const char *format)
{
    struct tree_item item;

    if (!tree_find(record, tree_root(record), "specific", &item) || item.type != TREE_DICT)
        return;
    Value *specific = value_new_dict();
    value_dict_put_string(specific, "type", format);
    value_dict_put(specific, "data", value_from_tree(record, &item));
    value_dict_put(info, "format-specific", specific);
}

Value *info_node_new(const Session *session, const struct tree *record)
{
    size_t root = tree_root(record);
    uint32_t device = (uint32_t)tree_get_u64(record, root, "device", UINT32_MAX);
    g_autofree char *format = tree_dup_text(record, root, "format");
    g_autofree char *filename = session_image_name(session, device, format);
    uint64_t cluster_bytes = tree_get_u64(record, root, "cluster-bytes", 0);
    Value *info = value_new_dict();

    value_dict_put(info, "children", children_new(session, record, device));
    value_dict_put_string(info, "filename", filename);
    value_dict_put_string(info, "format", format ? format : "");
    value_dict_put_int(info, "virtual-size",
                       (int64_t)tree_get_u64(record, root, "virtual-bytes", 0));
    value_dict_put_int(info, "actual-size", actual_bytes(session, record, device));
    if (tree_get_bool(record, root, "encrypted", false))
        value_dict_put_bool(info, "encrypted", true);
    if (cluster_bytes)
        value_dict_put_int(info, "cluster-size", (int64_t)cluster_bytes);
    if (!tree_get_bool(record, root, "no-dirty-flag", false))
        value_dict_put_bool(info, "dirty-flag", tree_get_bool(record, root, "dirty", false));
    put_backing(info, record, filename);
    put_snapshots(info, record);
    put_specific(info, record, format);
    return info;
}
