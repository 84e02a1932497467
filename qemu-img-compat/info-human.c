/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human text of info; see info-human.h. */
#include "info-human.h"

#include <inttypes.h>
#include <string.h>

#include "lib/size.h"

enum { INDENT_SPACES = 4 };

static void dump_append(GString *out, const Value *value, unsigned level);

static bool is_composite(const Value *value)
{
    return value_kind(value) == VALUE_DICT || value_kind(value) == VALUE_LIST;
}

static void indent_append(GString *out, unsigned level)
{
    g_string_append_printf(out, "%*s", (int)(level * INDENT_SPACES), "");
}

/* "key: value", the value of a container on the lines below. */
static void member_append(GString *out, const char *key, const Value *value, unsigned level)
{
    indent_append(out, level);
    g_string_append_printf(out, "%s:%c", key, is_composite(value) ? '\n' : ' ');
    dump_append(out, value, level + 1);
    if (!is_composite(value))
        g_string_append_c(out, '\n');
}

static void dump_append(GString *out, const Value *value, unsigned level)
{
    switch (value_kind(value)) {
    case VALUE_DICT:
        for (size_t i = 0; i < value_dict_size(value); i++) {
            g_autofree char *key = g_strdelimit(g_strdup(value_dict_key_at(value, i)), "-", ' ');
            member_append(out, key, value_dict_at(value, i), level);
        }
        break;
    case VALUE_LIST:
        for (size_t i = 0; i < value_list_length(value); i++) {
            g_autofree char *key = g_strdup_printf("[%zu]", i);
            member_append(out, key, value_list_at(value, i), level);
        }
        break;
    case VALUE_STRING:
        g_string_append(out, value_string(value));
        break;
    case VALUE_BOOL:
        g_string_append(out, value_bool(value, false) ? "true" : "false");
        break;
    case VALUE_UINT:
        g_string_append_printf(out, "%" PRIu64, value_uint(value, 0));
        break;
    default:
        g_string_append_printf(out, "%" PRId64, value_int(value, 0));
        break;
    }
}

/* Whether dumping the value would print nothing: no scalar anywhere in it. */
static bool is_empty(const Value *value)
{
    switch (value_kind(value)) {
    case VALUE_DICT:
        for (size_t i = 0; i < value_dict_size(value); i++) {
            if (!is_empty(value_dict_at(value, i)))
                return false;
        }
        return true;
    case VALUE_LIST:
        for (size_t i = 0; i < value_list_length(value); i++) {
            if (!is_empty(value_list_at(value, i)))
                return false;
        }
        return true;
    default:
        return false;
    }
}

static int64_t dict_int(const Value *dict, const char *key)
{
    return value_int(value_dict_get(dict, key), 0);
}

static char *date_text(int64_t seconds)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_local(seconds);

    if (!date) /* no image has such a date: the guest lies */
        return g_strdup("");
    return g_date_time_format(date, "%Y-%m-%d %H:%M:%S");
}

static void snapshot_line(GString *out, const Value *snapshot)
{
    int64_t clock = dict_int(snapshot, "vm-clock-sec");
    g_autofree char *size = size_human((uint64_t)dict_int(snapshot, "vm-state-size"));
    g_autofree char *date = date_text(dict_int(snapshot, "date-sec"));
    g_autofree char *icount = value_dict_has(snapshot, "icount")
                                  ? g_strdup_printf("%" PRId64, dict_int(snapshot, "icount"))
                                  : g_strdup("--");
    g_autofree char *time =
        g_strdup_printf("%04d:%02d:%02d.%03d", (int)(clock / 3600), (int)(clock / 60 % 60),
                        (int)(clock % 60), (int)(dict_int(snapshot, "vm-clock-nsec") / 1000000));

    g_string_append_printf(out, "%-7s %-16s %8s %19s %15s %10s",
                           value_dict_get_string(snapshot, "id"),
                           value_dict_get_string(snapshot, "name"), size, date, time, icount);
}

void snapshots_human_append(GString *out, const Value *snapshots, const char *indent)
{
    g_string_append_printf(out, "%s%-7s %-16s %8s %19s %15s %10s\n", indent, "ID", "TAG", "VM_SIZE",
                           "DATE", "VM_CLOCK", "ICOUNT");
    for (size_t i = 0; i < value_list_length(snapshots); i++) {
        g_string_append(out, indent);
        snapshot_line(out, value_list_at(snapshots, i));
        g_string_append_c(out, '\n');
    }
}

static void backing_append(GString *out, const Value *info, const char *indent)
{
    const char *name = value_dict_get_string(info, "backing-filename");
    const char *full = value_dict_get_string(info, "full-backing-filename");
    const char *format = value_dict_get_string(info, "backing-filename-format");

    if (!name)
        return;
    g_string_append_printf(out, "%sbacking file: %s", indent, name);
    if (!full)
        g_string_append(out, " (cannot determine actual path)");
    else if (strcmp(name, full) != 0)
        g_string_append_printf(out, " (actual path: %s)", full);
    g_string_append_c(out, '\n');
    if (format)
        g_string_append_printf(out, "%sbacking file format: %s\n", indent, format);
}

static void sizes_append(GString *out, const Value *info, const char *indent, bool protocol)
{
    int64_t bytes = dict_int(info, "virtual-size");
    g_autofree char *size = size_human((uint64_t)bytes);
    g_autofree char *disk = value_dict_has(info, "actual-size")
                                ? size_human((uint64_t)dict_int(info, "actual-size"))
                                : g_strdup("unavailable");

    g_string_append_printf(out, "%s%s: %s\n", indent, protocol ? "filename" : "image",
                           value_dict_get_string(info, "filename"));
    g_string_append_printf(out, "%s%s: %s\n", indent, protocol ? "protocol type" : "file format",
                           value_dict_get_string(info, "format"));
    g_string_append_printf(out, "%s%s: %s (%" PRId64 " bytes)\n", indent,
                           protocol ? "file length" : "virtual size", size, bytes);
    g_string_append_printf(out, "%sdisk size: %s\n", indent, disk);
    if (value_bool(value_dict_get(info, "encrypted"), false))
        g_string_append_printf(out, "%sencrypted: yes\n", indent);
    if (value_dict_has(info, "cluster-size"))
        g_string_append_printf(out, "%scluster_size: %" PRId64 "\n", indent,
                               dict_int(info, "cluster-size"));
    if (value_bool(value_dict_get(info, "dirty-flag"), false))
        g_string_append_printf(out, "%scleanly shut down: no\n", indent);
}

/* One node and, a level deeper each, its children; @path is the node's in the graph. */
static void node_append(GString *out, const Value *info, unsigned level, const char *path)
{
    const Value *children = value_dict_get(info, "children");
    const Value *snapshots = value_dict_get(info, "snapshots");
    const Value *specific = value_dict_get(info, "format-specific");
    g_autofree char *indent = g_strnfill(level * INDENT_SPACES, ' ');

    sizes_append(out, info, indent, level > 0 && value_list_length(children) == 0);
    backing_append(out, info, indent);
    if (snapshots) {
        g_string_append_printf(out, "%sSnapshot list:\n", indent);
        snapshots_human_append(out, snapshots, indent);
    }
    const Value *data = value_dict_get(specific, "data");
    if (data && !is_empty(data)) {
        g_string_append_printf(out, "%sFormat specific information:\n", indent);
        dump_append(out, data, level + 1);
    }
    for (size_t i = 0; i < value_list_length(children); i++) {
        const Value *child = value_list_at(children, i);
        const char *name = value_dict_get_string(child, "name");
        g_autofree char *child_path = g_strdup_printf("%s%s/", path, name);
        g_string_append_printf(out, "%sChild node '%s%s':\n", indent, path, name);
        node_append(out, value_dict_get(child, "info"), level + 1, child_path);
    }
}

void info_human_append(GString *out, const Value *info)
{
    node_append(out, info, 0, "/");
}
