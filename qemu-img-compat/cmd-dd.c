/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dd: blocks of an image copied into a new one. */
#include <string.h>
#include <unistd.h>

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
    const char *input;     /* NULL: standard input */
    bool output_is_stream; /* standard output */
    GError *late;          /* known from the start, told when the reference would */
    uint64_t skip_bytes;   /* UINT64_MAX: beyond any disk */
    uint64_t count_bytes;  /* the same */
    /* Sizes that are asked for, or UINT64_MAX. */
    uint64_t input_bytes;  /* where reading ends */
    uint64_t output_bytes; /* of the new disk */
} DdRun;

/* Nothing to speak of: a stream that is written has no size of its own. */
#define STREAM_BYTES_MAX (UINT64_C(1) << 62)

/* A file that was left out, or "-", is a stream. */
static const char *file_operand(const CommandLine *line, int id)
{
    const char *name = command_line_text(line, id);
    return g_strcmp0(name, "-") == 0 ? NULL : name;
}

/* Blocks in bytes, or UINT64_MAX where that is too much. */
static uint64_t blocks_bytes(const CommandLine *line, int id, int64_t otherwise)
{
    int64_t block = command_line_number(line, COMMAND_OPERAND_BS, BLOCK_DEFAULT_BYTES);
    int64_t count = command_line_number(line, id, otherwise);

    return count > INT64_MAX / block ? UINT64_MAX : (uint64_t)(count * block);
}

/* What is asked of streams. */
static bool streams_check(DdRun *run, GError **error)
{
    const CommandLine *line = run->line;

    if (!run->input && g_strcmp0(command_line_text(line, 'f'), "raw") != 0)
        return failure_set(error, "Input format must be raw when reading from standard input");
    if (run->output_is_stream && strcmp(run->target.create.format, "raw") != 0)
        return failure_set(error, "Output format must be raw when writing to standard output");
    if (!run->input && command_line_number(line, COMMAND_OPERAND_SKIP, 0) > 0)
        return failure_set(error, "Standard input cannot be skipped");
    if (!run->input && run->output_bytes == UINT64_MAX)
        return failure_set(error, "Output size must be known when reading from standard input");
    return true;
}

/* osize= and isize=; of standard input both are known. */
static void sizes_fill(DdRun *run)
{
    const CommandLine *line = run->line;
    uint64_t output = (uint64_t)command_line_number(line, COMMAND_OPERAND_OSIZE, -1);
    uint64_t input = (uint64_t)command_line_number(line, COMMAND_OPERAND_ISIZE, 0);

    if (!run->input && output == UINT64_MAX && command_line_has(line, COMMAND_OPERAND_COUNT))
        output = run->count_bytes;
    run->output_bytes = output;
    run->input_bytes = input > 0 || run->input ? input : output;
    if (run->input_bytes == 0 && run->input)
        run->input_bytes = UINT64_MAX;
}

static bool target_prepare(DdRun *run, GError **error)
{
    CreateTarget *create = &run->target.create;

    if (run->output_is_stream)
        return true;
    if (!driver_find(create->format))
        return failure_set(error, "Unknown file format");
    if (!create_target_prepare(create, NULL, error))
        return false;
    if (!run->target.is_new) /* the options of creating are checked all the same */
        g_clear_pointer(&create->opts, opts_free);
    return copy_target_prepare(&run->target, error);
}

static bool dd_record(void *ctx, Session *session, enum abi_record kind, const struct tree *tree,
                      GError **error)
{
    DdRun *run = ctx;
    uint64_t disk_bytes = tree_get_u64(tree, tree_root(tree), "disk-bytes", 0);
    uint64_t size_bytes =
        run->output_bytes < UINT64_MAX ? run->output_bytes : MIN(disk_bytes, run->count_bytes);

    (void)session;
    (void)kind;
    if (tree_get_bool(tree, tree_root(tree), "created", false)) {
        /* No failure: an empty image is made, as dd(1) does. */
        if (run->skip_bytes > size_bytes)
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
    if (run->input_bytes < UINT64_MAX)
        value_dict_put(job, "input-bytes", value_new_uint(run->input_bytes));
    if (run->output_bytes < UINT64_MAX)
        value_dict_put(job, "output-bytes", value_new_uint(run->output_bytes));
    value_dict_put_bool(job, "input-may-end",
                        command_line_number(run->line, COMMAND_OPERAND_ISIZE, -1) == 0);
    value_dict_put_bool(job, "source-stream", run->input == NULL);
    value_dict_put_bool(job, "target-stream", run->output_is_stream);
    copy_snapshot_describe(run->line, job);
    if (!run->late && run->target.is_new)
        value_dict_put(job, "create", create_target_describe(&run->target.create));
    value_dict_put_bool(job, "progress-fine", progress_stream_is_open(&run->stream));
    value_dict_put_string(job, "target", run->target.create.filename);
    objects_job_put(run->line->objects, job);
    return job;
}

/* The source, as the guest is told of it; NULL with the error set: there is no such stream. */
static Value *source_describe(const DdRun *run, Session *session, GError **error)
{
    static const char name[] = "standard input";

    if (run->input)
        return copy_source_describe(run->line, run->input, command_line_text(run->line, 'f'),
                                    session, run->report);
    Value *image = session_stream_open(session, STDIN_FILENO, false, run->input_bytes, error);
    if (!image)
        return NULL;
    Value *source = value_new_dict();
    value_dict_put_string(source, "name", name);
    value_dict_put(source, "image", image);
    return source;
}

static void target_expect(DdRun *run, Session *session)
{
    if (run->target.is_new && !run->late)
        create_target_expect(&run->target.create, session);
    else if (!run->output_is_stream)
        session_file_expect(session, run->target.create.filename);
}

static bool dd_run(DdRun *run, GError **error)
{
    const CommandLine *line = run->line;
    bool streams = !run->input || run->output_is_stream; /* nobody else may read or write them */
    unsigned vcpus = streams ? 1 : copy_vcpus_choose(&run->input, 1);
    const SessionOptions options = {.memory_bytes = copy_memory_bytes(vcpus),
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
    Value *source = source_describe(run, session, error);
    if (!source)
        return false;
    if (run->output_is_stream) {
        run->target.stream =
            session_stream_open(session, STDOUT_FILENO, true, STREAM_BYTES_MAX, error);
        if (!run->target.stream) {
            value_free(source);
            return false;
        }
    }
    target_prepare(run, &run->late);
    target_expect(run, session);
    g_autoptr(Value) job = job_new(run, source);
    return session_run(session, job, &handlers, error) &&
           (run->target.opened || failure_set(error, "The sandboxed image parser gave no answer"));
}

static void dd_fill(DdRun *run)
{
    const CommandLine *line = run->line;
    const char *output = file_operand(line, COMMAND_OPERAND_OF);
    const char *format = command_line_text(line, 'O');

    run->input = file_operand(line, COMMAND_OPERAND_IF);
    run->output_is_stream = output == NULL;
    run->skip_bytes = blocks_bytes(line, COMMAND_OPERAND_SKIP, 0);
    run->count_bytes = blocks_bytes(line, COMMAND_OPERAND_COUNT, INT64_MAX);
    run->target.is_new = output && !command_line_has(line, 'n');
    run->target.create.filename = output ? output : "standard output";
    run->target.create.format = format ? format : "raw";
    sizes_fill(run);
}

void command_dd(const CommandLine *line, Report *report)
{
    DdRun run = {.line = line, .report = report};
    GError *error = NULL;

    dd_fill(&run);
    if (!progress_stream_open(&run.stream, line, &error) || !streams_check(&run, &error)) {
        report_failure(report, error);
        return;
    }
    if (dd_run(&run, &error)) {
        progress_stream_end(&run.stream);
    } else {
        report_failure(report, error);
        if (run.target.is_new && !run.target.opened)
            create_target_remove(&run.target.create);
    }
    copy_target_clear(&run.target);
    g_clear_error(&run.late);
}
