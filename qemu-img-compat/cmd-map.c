/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map: what the ranges of an image's disk are, for people or as JSON. */
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "lib/name.h"
#include "lib/node.h"
#include "node-open.h"
#include "tree-value.h"

enum { MAP_MEMORY_BYTES = 256 << 20 };

typedef struct MapRun {
    const CommandLine *line;
    Report *report;
    bool json;
    bool opened; /* the image is: output has begun */
    bool has_last;
    struct abi_map_entry last; /* not printed yet: what follows decides how */
} MapRun;

static const char *flag_text(const struct abi_map_entry *entry, unsigned flag)
{
    return entry->flags & flag ? "true" : "false";
}

static void json_print(GString *out, const struct abi_map_entry *entry, bool more)
{
    g_string_append_printf(out,
                           "{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %u, "
                           "\"present\": %s, \"zero\": %s, \"data\": %s, \"compressed\": %s",
                           entry->start, entry->length, entry->depth,
                           flag_text(entry, ABI_MAP_PRESENT), flag_text(entry, ABI_MAP_ZERO),
                           flag_text(entry, ABI_MAP_DATA), flag_text(entry, ABI_MAP_COMPRESSED));
    if (entry->flags & ABI_MAP_OFFSET)
        g_string_append_printf(out, ", \"offset\": %" PRIu64, entry->offset);
    g_string_append(out, more ? "},\n" : "}");
}

/* Only data is shown; false: data that lies nowhere cannot be. */
static bool human_print(GString *out, const Session *session, const struct abi_map_entry *entry,
                        GError **error)
{
    bool data = entry->flags & ABI_MAP_DATA, zero = entry->flags & ABI_MAP_ZERO;
    const FileNode *file = session_file_node(session, entry->device);

    if (data && !zero && !(entry->flags & ABI_MAP_OFFSET))
        return failure_set(error, "File contains external, encrypted or compressed clusters.");
    if (data && !zero)
        g_string_append_printf(out, "%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n",
                               entry->start, entry->length, entry->offset,
                               file ? file->filename : "");
    return true;
}

static bool last_print(MapRun *run, const Session *session, bool more, GError **error)
{
    if (run->json) {
        json_print(run->report->out, &run->last, more);
        return true;
    }
    return human_print(run->report->out, session, &run->last, error);
}

static bool map_record(void *ctx, Session *session, enum abi_record kind, const struct tree *tree,
                       GError **error)
{
    MapRun *run = ctx;
    struct tree_bytes entries = tree_get_bytes(tree, tree_root(tree), "entries");

    if (kind == ABI_RECORD_NOTE && !run->opened) {
        run->opened = true;
        if (run->json)
            g_string_append_c(run->report->out, '[');
        else
            g_string_append_printf(run->report->out, "%-16s%-16s%-16s%s\n", "Offset", "Length",
                                   "Mapped to", "File");
        return true;
    }
    for (size_t at = 0; at + sizeof(run->last) <= entries.length; at += sizeof(run->last)) {
        if (run->has_last && !last_print(run, session, true, error))
            return false;
        memcpy(&run->last, entries.data + at, sizeof(run->last));
        run->has_last = true;
    }
    report_flush(run->report);
    return true;
}

static bool map_reference(void *ctx, Session *session, const struct tree *reference,
                          uint32_t *device, struct tree_writer *reply, int *status, GError **error)
{
    (void)ctx;
    return session_backing_open(session, reference, device, reply, status, error);
}

static bool map_end(MapRun *run, const Session *session, GError **error)
{
    if (!run->opened)
        return failure_set(error, "The sandboxed image parser gave no answer");
    if (!run->has_last)
        run->last.start = (uint64_t)command_line_number(run->line, 's', 0);
    if (!last_print(run, session, false, error))
        return false;
    if (run->json)
        g_string_append(run->report->out, "]\n");
    return true;
}

static bool map_run(MapRun *run, const Value *node, GError **error)
{
    const CommandLine *line = run->line;
    const SessionOptions options = {.memory_bytes = MAP_MEMORY_BYTES,
                                    .vcpus = 1,
                                    .force_share = command_line_has(line, 'U'),
                                    .objects = line->objects};
    const SessionHandlers handlers = {.ctx = run, .record = map_record, .reference = map_reference};
    g_autoptr(Session) session = session_new(&options, error);
    g_autoptr(Value) description = session ? session_node_open(session, node, true, error) : NULL;

    if (!description)
        return false;
    g_autoptr(Value) job = value_new_dict();
    value_dict_put_string(job, "operation", "map");
    value_dict_put(job, "start", value_new_uint((uint64_t)command_line_number(line, 's', 0)));
    if (command_line_has(line, 'l'))
        value_dict_put(job, "length", value_new_uint((uint64_t)command_line_number(line, 'l', 0)));
    value_dict_put(job, "image", g_steal_pointer(&description));
    objects_job_put(line->objects, job);
    return session_run(session, job, &handlers, error) && map_end(run, session, error);
}

void command_map(const CommandLine *line, Report *report)
{
    const char *name = command_line_operand(line, 0);
    MapRun run = {.line = line, .report = report, .json = command_line_wants_json(line)};
    GError *error = NULL;
    g_autoptr(Value) node =
        node_from_argument(name, command_line_has(line, COMMAND_OPTION_IMAGE_OPTS),
                           command_line_text(line, 'f'), command_line_has(line, 'U'), report);

    if (!node || map_run(&run, node, &error))
        return;
    if (!run.opened)
        g_prefix_error(&error, "Could not open '%s': ", name);
    report_failure(report, error);
}
