/* SPDX-License-Identifier: GPL-2.0-or-later */
/* measure: how large a file a new image takes, for a disk of a size or for that of an image. */
#include <inttypes.h>

#include "command.h"
#include "copy-files.h"
#include "lib/drivers.h"
#include "lib/option-tables.h"
#include "lib/opts.h"
#include "node-open.h"
#include "tree-value.h"

enum { MEASURE_MEMORY_BYTES = 256 << 20 };

typedef struct MeasureRun {
    const CommandLine *line;
    Report *report;
    const char *format;
    Opts *opts;
    GError *late; /* known from the start, told once the image is open, as the reference does */
    bool answered;
} MeasureRun;

/* The options of the image that is only thought of; those of a file may be among them. */
static bool opts_prepare(MeasureRun *run, GError **error)
{
    if (!driver_find(run->format))
        return failure_set(error, "Unknown file format '%s'", run->format);
    const OptRow *rows = option_table_create(run->format);
    if (!rows)
        return failure_set(error, "Format driver '%s' does not support image creation",
                           run->format);
    const OptRow *tables[] = {rows, option_table_create("file"), NULL};
    run->opts = opts_new(tables);
    if (!run->line->option_list || opts_parse(run->opts, run->line->option_list, error))
        return true;
    g_autofree char *hint =
        g_strdup_printf("qemu-img: Invalid options for file format '%s'", run->format);
    failure_hint(error, hint);
    return false;
}

static void human_print(GString *out, const struct tree *tree)
{
    size_t root = tree_root(tree);
    struct tree_item item;

    g_string_append_printf(out, "required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n",
                           tree_get_u64(tree, root, "required", 0),
                           tree_get_u64(tree, root, "fully-allocated", 0));
    if (tree_find(tree, root, "bitmaps", &item))
        g_string_append_printf(out, "bitmaps size: %" PRIu64 "\n",
                               tree_get_u64(tree, root, "bitmaps", 0));
}

/* Members in the reference's order; it counts with signs here. */
static void json_print(GString *out, const struct tree *tree)
{
    static const char *const keys[] = {"bitmaps", "required", "fully-allocated"};
    const char *separator = "{\n";
    struct tree_item item;

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!tree_find(tree, tree_root(tree), keys[i], &item))
            continue;
        g_string_append_printf(out, "%s    \"%s\": %" PRId64, separator, keys[i],
                               (int64_t)tree_get_u64(tree, tree_root(tree), keys[i], 0));
        separator = ",\n";
    }
    g_string_append(out, "\n}\n");
}

static bool measure_record(void *ctx, Session *session, enum abi_record kind,
                           const struct tree *tree, GError **error)
{
    MeasureRun *run = ctx;

    (void)session;
    if (kind == ABI_RECORD_NOTE) {
        if (run->late)
            g_propagate_error(error, g_steal_pointer(&run->late));
        return !*error;
    }
    if (run->answered)
        return failure_set(error, "The sandboxed image parser gave two answers");
    run->answered = true;
    if (command_line_wants_json(run->line))
        json_print(run->report->out, tree);
    else
        human_print(run->report->out, tree);
    return true;
}

static bool measure_reference(void *ctx, Session *session, const struct tree *reference,
                              uint32_t *device, struct tree_writer *reply, int *status,
                              GError **error)
{
    (void)ctx;
    return session_backing_open(session, reference, device, reply, status, error);
}

static Value *job_new(const MeasureRun *run)
{
    const CommandLine *line = run->line;
    Value *job = value_new_dict();
    int64_t size = command_line_number(line, COMMAND_OPTION_SIZE, -1);

    value_dict_put_string(job, "operation", "measure");
    value_dict_put_string(job, "format", run->format);
    if (!run->late) {
        uint64_t bytes = size >= 0 ? (uint64_t)size : opts_get_number(run->opts, "size", 0);
        value_dict_put(job, "virtual-bytes", value_new_uint(bytes));
        value_dict_put(job, "options", opts_to_dict(run->opts, true));
    }
    objects_job_put(line->objects, job);
    copy_snapshot_describe(line, job);
    return job;
}

static bool measure_run(MeasureRun *run, GError **error)
{
    const CommandLine *line = run->line;
    const char *name = command_line_operand(line, 0);
    const SessionOptions options = {.memory_bytes = MEASURE_MEMORY_BYTES,
                                    .vcpus = 1,
                                    .force_share = command_line_has(line, 'U'),
                                    .wants_avx = !objects_is_empty(line->objects),
                                    .objects = line->objects};
    const SessionHandlers handlers = {
        .ctx = run, .record = measure_record, .reference = measure_reference};
    g_autoptr(Session) session = session_new(&options, error);

    if (!session)
        return false;
    g_autoptr(Value) job = job_new(run);
    if (name)
        value_dict_put(
            job, "source",
            copy_source_describe(line, name, command_line_text(line, 'f'), session, run->report));
    if (!session_run(session, job, &handlers, error))
        return false;
    return run->answered || failure_set(error, "The sandboxed image parser gave no answer");
}

void command_measure(const CommandLine *line, Report *report)
{
    const char *format = command_line_text(line, 'O');
    MeasureRun run = {.line = line, .report = report, .format = format ? format : "raw"};
    GError *error = NULL;

    opts_prepare(&run, &run.late);
    if (run.late && !command_line_operand(line, 0))
        report_failure(report, g_steal_pointer(&run.late));
    else if (!measure_run(&run, &error))
        report_failure(report, error);
    g_clear_error(&run.late);
    if (run.opts)
        opts_free(run.opts);
}
