/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare: do two images hold the same disk? */
#include <inttypes.h>

#include "command.h"
#include "copy-files.h"
#include "copy-progress.h"
#include "node-open.h"
#include "tree-value.h"

enum { EXIT_DIFFERENT = 1, EXIT_NOT_OPENED = 2, EXIT_STATUS_FAILED = 3, EXIT_READ_FAILED = 4 };

typedef struct CompareRun {
    const CommandLine *line;
    Report *report;
    CopyProgress progress;
    uint64_t a_bytes, b_bytes; /* of the disks */
    bool warned;               /* that they differ */
    bool answered;             /* the guest has said what it found */
    int failure;               /* the exit status if the run fails now */
} CompareRun;

G_GNUC_PRINTF(2, 3)
static void say(const CompareRun *run, const char *format, ...)
{
    va_list arguments;

    if (command_line_has(run->line, 'q'))
        return;
    va_start(arguments, format);
    g_string_append_vprintf(run->report->out, format, arguments);
    va_end(arguments);
}

static void size_warn(CompareRun *run)
{
    if (run->a_bytes != run->b_bytes && !run->warned)
        say(run, "Warning: Image size mismatch!\n");
    run->warned = true;
}

/* What the guest has found out, in the reference's words. */
static void answer_tell(CompareRun *run, const struct tree *tree)
{
    enum { EVENT_NONE, EVENT_CONTENT, EVENT_STATUS };
    size_t root = tree_root(tree);
    uint64_t both = MIN(run->a_bytes, run->b_bytes);
    uint64_t offset = tree_get_u64(tree, root, "offset", 0);
    uint64_t event = tree_get_u64(tree, root, "event", EVENT_NONE);
    bool failed = tree_get_bool(tree, root, "failed", false);

    if ((event == EVENT_NONE && !failed) || offset >= both)
        size_warn(run);
    if (event == EVENT_CONTENT)
        say(run, "Content mismatch at offset %" PRIu64 "!\n", offset);
    else if (event == EVENT_STATUS)
        say(run, "Strict mode: Offset %" PRIu64 " block status mismatch!\n", offset);
    else if (!failed)
        say(run, "Images are identical.\n");
    run->report->status = event == EVENT_NONE ? 0 : EXIT_DIFFERENT;
    run->answered = true;
}

static bool compare_record(void *ctx, Session *session, enum abi_record kind,
                           const struct tree *tree, GError **error)
{
    CompareRun *run = ctx;
    size_t root = tree_root(tree);

    (void)session;
    (void)error;
    if (kind == ABI_RECORD_NOTE) {
        bool is_read = tree_get_bool(tree, root, "is-read", false);
        run->failure = is_read ? EXIT_READ_FAILED : EXIT_STATUS_FAILED;
        return true;
    }
    if (!tree_get_bool(tree, root, "opened", false)) {
        answer_tell(run, tree);
        return true;
    }
    copy_progress_set(&run->progress, 0, 1);
    run->a_bytes = tree_get_u64(tree, root, "bytes-a", 0);
    run->b_bytes = tree_get_u64(tree, root, "bytes-b", 0);
    progress_stream_tell(&run->progress.stream, 0, MAX(run->a_bytes, run->b_bytes));
    if (command_line_has(run->line, 's') && run->a_bytes != run->b_bytes) {
        say(run, "Strict mode: Image size mismatch!\n");
        run->report->status = EXIT_DIFFERENT;
        run->answered = true;
    }
    return true;
}

static bool compare_reference(void *ctx, Session *session, const struct tree *reference,
                              uint32_t *device, struct tree_writer *reply, int *status,
                              GError **error)
{
    (void)ctx;
    return session_backing_open(session, reference, device, reply, status, error);
}

static void compare_progress(void *ctx, uint64_t done, uint64_t total)
{
    CompareRun *run = ctx;

    if (done > MIN(run->a_bytes, run->b_bytes))
        size_warn(run);
    copy_progress_tell(&run->progress, done, total);
}

static bool compare_run(CompareRun *run, GError **error)
{
    static const int formats[] = {'f', 'F'};
    const CommandLine *line = run->line;
    const char *const names[] = {command_line_operand(line, 0), command_line_operand(line, 1)};
    bool progress = run->progress.is_shown || progress_stream_is_open(&run->progress.stream);
    unsigned vcpus = progress ? 1 : copy_vcpus_choose(names, 2);
    const SessionOptions options = {.memory_bytes = copy_memory_bytes(vcpus),
                                    .vcpus = vcpus,
                                    .force_share = command_line_has(line, 'U'),
                                    .wants_avx = vcpus > 1 || !objects_is_empty(line->objects),
                                    .no_holes = command_line_has(line, COMMAND_OPTION_NO_HOLES),
                                    .bulk = true,
                                    .objects = line->objects};
    const SessionHandlers handlers = {.ctx = run,
                                      .record = compare_record,
                                      .reference = compare_reference,
                                      .progress = compare_progress};
    g_autoptr(Session) session = session_new(&options, error);

    if (!session)
        return false;
    g_autoptr(Value) job = value_new_dict();
    Value *sources = value_new_list();
    for (unsigned i = 0; i < 2; i++)
        value_list_append(sources,
                          copy_source_describe(line, names[i], command_line_text(line, formats[i]),
                                               session, run->report));
    value_dict_put_string(job, "operation", "compare");
    value_dict_put(job, "sources", sources);
    value_dict_put_bool(job, "strict", command_line_has(line, 's'));
    value_dict_put_bool(job, "progress", progress);
    objects_job_put(line->objects, job);
    return session_run(session, job, &handlers, error) &&
           (run->answered || failure_set(error, "The sandboxed image parser gave no answer"));
}

void command_compare(const CommandLine *line, Report *report)
{
    CompareRun run = {.line = line, .report = report, .failure = EXIT_NOT_OPENED};
    GError *error = NULL;

    if (!copy_progress_begin(&run.progress, line, report, 2, &error)) {
        report_failure(report, error);
        report->status = run.failure;
        return;
    }
    if (compare_run(&run, &error)) {
        progress_stream_end(&run.progress.stream);
    } else {
        report_failure(report, error);
        report->status = run.failure;
    }
    copy_progress_end(&run.progress, false);
}
