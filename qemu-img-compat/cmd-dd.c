/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dd: blocks of an image copied into a new one. */
#include <string.h>

#include "command.h"
#include "copy-files.h"
#include "lib/drivers.h"
#include "node-open.h"
#include "progress-stream.h"
#include "tree-value.h"

enum { BLOCK_DEFAULT_BYTES = 512 };

typedef struct DdRun {
    const CommandLine *line;
    Report *report;
    CopyTarget target;
    ProgressStream stream;
    const char *input;
    GError *late;         /* known from the start, told when the reference would */
    uint64_t skip_bytes;  /* UINT64_MAX: beyond any disk */
    uint64_t count_bytes; /* the same */
} DdRun;

/* Blocks in bytes, or UINT64_MAX where that is too much. */
static uint64_t blocks_bytes(const CommandLine *line, int id, int64_t otherwise)
{
    int64_t block = command_line_number(line, COMMAND_OPERAND_BS, BLOCK_DEFAULT_BYTES);
    int64_t count = command_line_number(line, id, otherwise);

    return count > INT64_MAX / block ? UINT64_MAX : (uint64_t)(count * block);
}

static bool target_prepare(DdRun *run, GError **error)
{
    CreateTarget *create = &run->target.create;

    if (!driver_find(create->format))
        return failure_set(error, "Unknown file format");
    return create_target_prepare(create, NULL, error) && copy_target_prepare(&run->target, error);
}

static bool dd_record(void *ctx, Session *session, enum abi_record kind, const struct tree *tree,
                      GError **error)
{
    DdRun *run = ctx;
    uint64_t disk_bytes = tree_get_u64(tree, tree_root(tree), "disk-bytes", 0);

    (void)session;
    (void)kind;
    if (tree_get_bool(tree, tree_root(tree), "created", false)) {
        /* No failure: an empty image is made, as dd(1) does. */
        if (run->skip_bytes > MIN(disk_bytes, run->count_bytes))
            g_string_append_printf(run->report->err,
                                   "qemu-img: %s: cannot skip to specified offset\n", run->input);
        return true;
    }
    if (run->late)
        g_propagate_error(error, g_steal_pointer(&run->late));
    return !*error;
}

static bool dd_reference(void *ctx, Session *session, const struct tree *reference,
                         uint32_t *device, struct tree_writer *reply, int *status, GError **error)
{
    DdRun *run = ctx;
    return copy_reference(&run->target, session, reference, device, reply, status, error);
}

static void dd_progress(void *ctx, uint64_t done, uint64_t total)
{
    DdRun *run = ctx;
    progress_stream_tell(&run->stream, done, total);
}

static Value *job_new(const DdRun *run, Value *source)
{
    Value *job = value_new_dict();
    Value *sources = value_new_list();
    Value *secrets = objects_secrets(run->line->objects);

    value_list_append(sources, source);
    value_dict_put_string(job, "operation", "convert");
    value_dict_put_bool(job, "dd", true);
    value_dict_put(job, "now", value_new_uint(session_now()));
    value_dict_put(job, "sources", sources);
    value_dict_put(job, "block-bytes",
                   value_new_uint((uint64_t)command_line_number(run->line, COMMAND_OPERAND_BS,
                                                                BLOCK_DEFAULT_BYTES)));
    value_dict_put(job, "skip-bytes", value_new_uint(run->skip_bytes));
    value_dict_put(job, "count-bytes", value_new_uint(run->count_bytes));
    if (!run->late)
        value_dict_put(job, "create", create_target_describe(&run->target.create));
    value_dict_put_bool(job, "progress-fine", progress_stream_is_open(&run->stream));
    value_dict_put_string(job, "target", run->target.create.filename);
    if (secrets)
        value_dict_put(job, "secrets", secrets);
    return job;
}

static bool dd_run(DdRun *run, GError **error)
{
    const CommandLine *line = run->line;
    unsigned vcpus = copy_vcpus_choose(&run->input, 1);
    const SessionOptions options = {.memory_bytes = (uint64_t)vcpus * COPY_MEMORY_BYTES,
                                    .vcpus = vcpus,
                                    .force_share = command_line_has(line, 'U'),
                                    .wants_avx = vcpus > 1 || !objects_is_empty(line->objects),
                                    .bulk = true,
                                    .objects = line->objects};
    const SessionHandlers handlers = {
        .ctx = run, .record = dd_record, .reference = dd_reference, .progress = dd_progress};
    g_autoptr(Session) session = session_new(&options, error);

    if (!session)
        return false;
    Value *source =
        copy_source_describe(line, run->input, command_line_text(line, 'f'), session, run->report);
    target_prepare(run, &run->late);
    create_target_expect(&run->target.create, session);
    g_autoptr(Value) job = job_new(run, source);
    return session_run(session, job, &handlers, error) &&
           (run->target.opened || failure_set(error, "The sandboxed image parser gave no answer"));
}

void command_dd(const CommandLine *line, Report *report)
{
    const char *format = command_line_text(line, 'O');
    DdRun run = {
        .line = line,
        .report = report,
        .input = command_line_text(line, COMMAND_OPERAND_IF),
        .skip_bytes = blocks_bytes(line, COMMAND_OPERAND_SKIP, 0),
        .count_bytes = blocks_bytes(line, COMMAND_OPERAND_COUNT, INT64_MAX),
        .target = {.is_new = true,
                   .create = {.filename = command_line_text(line, COMMAND_OPERAND_OF),
                              .format = format ? format : "raw"}}
    };
    GError *error = NULL;

    if (!progress_stream_open(&run.stream, line, &error)) {
        report_failure(report, error);
        return;
    }
    if (dd_run(&run, &error)) {
        progress_stream_end(&run.stream);
    } else {
        report_failure(report, error);
        if (!run.target.opened)
            create_target_remove(&run.target.create);
    }
    copy_target_clear(&run.target);
    g_clear_error(&run.late);
}
