/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info: the facts of an image or of its backing chain, for people or as JSON. */
#include <errno.h>
#include <string.h>

#include "command.h"
#include "info-human.h"
#include "info-node.h"
#include "lib/json-print.h"
#include "lib/name.h"
#include "lib/node.h"
#include "node-open.h"
#include "tree-value.h"

enum {
    INFO_MEMORY_BYTES = 64 << 20,
    INFO_TIME_LIMIT_MS = 30000, /* a hostile image must not keep the caller */
    INFO_IMAGES_MAX = 4096,     /* nor fill its memory with records */
    INFO_TREE_BYTES_MAX = 64 << 20,
    INFO_REQUESTS_MAX = 1 << 20, /* nor keep it busy with small requests */
};

typedef struct InfoRun {
    Value *images;        /* list of info values, the top image first */
    GHashTable *names;    /* of the images seen: a name that comes again is a loop */
    uint32_t last_device; /* the last image's file: who names the next link */
    char *complete;       /* an error text that stands alone: no "Could not open" before it */
} InfoRun;

/*
 * A disk of so many sectors that no number counts its bytes. The reference takes sectors beyond
 * 2^63 for an error number.
 */
static bool size_check(InfoRun *run, const struct tree *tree, GError **error)
{
    int64_t sectors = (int64_t)tree_get_u64(tree, tree_root(tree), "huge-sectors", 0);
    const Value *last = value_list_at(run->images, value_list_length(run->images) - 1);
    int status = sectors < 0 ? (int)(0 - (uint64_t)sectors) : EFBIG;

    if (!sectors)
        return true;
    run->complete =
        g_strdup_printf("Can't get image size '%s'%s%s", value_dict_get_string(last, "filename"),
                        status ? ": " : "", status ? strerror(status) : "");
    return failure_set(error, "%s", run->complete);
}

static bool info_record(void *ctx, Session *session, enum abi_record kind, const struct tree *tree,
                        GError **error)
{
    InfoRun *run = ctx;

    (void)kind;
    if (value_list_length(run->images) == INFO_IMAGES_MAX)
        return failure_set(error, "The backing chain has more than %d images", INFO_IMAGES_MAX);
    run->last_device = (uint32_t)tree_get_u64(tree, tree_root(tree), "device", UINT32_MAX);
    value_list_append(run->images, info_node_new(session, tree));
    return size_check(run, tree, error);
}

/* The next link: what the last record says of its backing file, opened as a name of its own. */
static bool info_reference(void *ctx, Session *session, const struct tree *reference,
                           uint32_t *device, struct tree_writer *reply, int *status, GError **error)
{
    enum { REFERENCE_BACKING = 0 };
    InfoRun *run = ctx;
    size_t count = value_list_length(run->images);
    size_t root = tree_root(reference);

    if (tree_get_u64(reference, root, "kind", 0) != REFERENCE_BACKING ||
        tree_get_u64(reference, root, "device", UINT32_MAX) != run->last_device)
        return session_backing_open(session, reference, device, reply, status, error);
    const Value *last = count ? value_list_at(run->images, count - 1) : NULL;
    const char *full = value_dict_get_string(last, "full-backing-filename");

    *status = -1;
    if (!full) {
        const char *name = value_dict_get_string(last, "backing-filename");
        run->complete = g_strdup_printf("Could not determine absolute backing filename, but "
                                        "backing filename '%s' present",
                                        name ? name : "");
        return false;
    }
    if (!g_hash_table_add(run->names, g_strdup(full))) {
        run->complete = g_strdup_printf("Backing file '%s' creates an infinite loop.", full);
        return false;
    }
    return session_backing_open(session, reference, device, reply, status, error);
}

/* The name that a failure is about: the link's that was being opened. */
static const char *failing_name(const InfoRun *run, const char *top)
{
    size_t count = value_list_length(run->images);
    const char *full = count ? value_dict_get_string(value_list_at(run->images, count - 1),
                                                     "full-backing-filename")
                             : NULL;
    return full ? full : top;
}

static bool info_run(InfoRun *run, const CommandLine *line, const Value *node, GError **error)
{
    const SessionOptions options = {.memory_bytes = INFO_MEMORY_BYTES,
                                    .vcpus = 1,
                                    .time_limit_ms = INFO_TIME_LIMIT_MS,
                                    .requests_max = INFO_REQUESTS_MAX,
                                    .tree_bytes_max = INFO_TREE_BYTES_MAX,
                                    .force_share = command_line_has(line, 'U'),
                                    .no_data = true,
                                    .objects = line->objects};
    const SessionHandlers handlers = {
        .ctx = run, .record = info_record, .reference = info_reference};
    g_autoptr(Session) session = session_new(&options, error);
    g_autoptr(Value) description = session ? session_node_open(session, node, true, error) : NULL;

    if (!description)
        return false;
    g_autoptr(Value) job = value_new_dict();
    value_dict_put_string(job, "operation", "info");
    value_dict_put_bool(job, "chain", command_line_has(line, 'b'));
    value_dict_put(job, "image", g_steal_pointer(&description));
    objects_job_put(line->objects, job);
    if (!session_run(session, job, &handlers, error))
        return false;
    /* A guest that has been taken over may end without a word. */
    return value_list_length(run->images) ||
           failure_set(error, "The sandboxed image parser gave no answer");
}

static void flush_some(void *ctx)
{
    report_flush(ctx);
}

static void info_print(const InfoRun *run, const CommandLine *line, Report *report)
{
    GString *out = report->out;

    if (command_line_wants_json(line)) {
        const Value *value =
            command_line_has(line, 'b') ? run->images : value_list_at(run->images, 0);
        json_value_stream(out, value, flush_some, report);
        g_string_append_c(out, '\n');
        return;
    }
    for (size_t i = 0; i < value_list_length(run->images); i++) {
        if (i > 0)
            g_string_append_c(out, '\n');
        info_human_append(out, value_list_at(run->images, i));
        report_flush(report);
    }
}

void command_info(const CommandLine *line, Report *report)
{
    const char *name = command_line_operand(line, 0);
    g_autoptr(Value) images = value_new_list();
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    InfoRun run = {.images = images, .names = names, .last_device = UINT32_MAX - 1};
    GError *error = NULL;
    g_autoptr(Value) node =
        node_from_argument(name, command_line_has(line, COMMAND_OPTION_IMAGE_OPTS),
                           command_line_text(line, 'f'), command_line_has(line, 'U'), report);

    if (!node)
        return;
    g_hash_table_add(names, g_strdup(name));
    if (info_run(&run, line, node, &error)) {
        info_print(&run, line, report);
        return;
    }
    if (run.complete) {
        report_error(report, "%s", run.complete);
        g_clear_error(&error);
        g_free(run.complete);
        return;
    }
    g_prefix_error(&error, "Could not open '%s': ", failing_name(&run, name));
    report_failure(report, error);
}
