/* SPDX-License-Identifier: GPL-2.0-or-later */
/* convert: images copied into a new one, or one that is there. */
#include <string.h>

#include "atomic-target.h"
#include "command.h"
#include "copy-files.h"
#include "copy-progress.h"
#include "lib/cache-mode.h"
#include "lib/node.h"
#include "node-open.h"
#include "tree-value.h"

enum {
    SPARSE_DEFAULT_BYTES = 4096,
};

typedef struct ConvertRun {
    const CommandLine *line;
    Report *report;
    CopyProgress progress;
    CopyTarget target;
    AtomicTarget atomic;
    bool has_backing;
    GString *digest; /* the line that tells it, or NULL */
    GError *late;    /* known from the start, told when the reference would */
} ConvertRun;

/* ---- sources ---- */

static Value *sources_describe(const ConvertRun *run, Session *session)
{
    Value *list = value_new_list();
    unsigned count = run->line->operands->len - 1;

    for (unsigned i = 0; i < count; i++)
        value_list_append(list, copy_source_describe(run->line, command_line_operand(run->line, i),
                                                     command_line_text(run->line, 'f'), session,
                                                     run->report));
    return list;
}

/* ---- target ---- */

static bool backing_check(ConvertRun *run, GError **error)
{
    const CommandLine *line = run->line;
    const char *file =
        run->target.is_new ? opts_get(run->target.create.opts, "backing_file") : NULL;

    run->has_backing = file || command_line_has(line, 'B');
    if (run->has_backing && command_line_has(line, COMMAND_OPTION_TARGET_IS_ZERO))
        return failure_set(error, "Cannot use --target-is-zero when the destination image has a "
                                  "backing file");
    if (run->has_backing && line->operands->len > 2)
        return failure_set(error, "Having a backing file for the target makes no sense when "
                                  "concatenating multiple input images");
    return !file || opts_get(run->target.create.opts, "backing_fmt") ||
           failure_set(error, "Use of backing file requires explicit backing format");
}

static bool compression_check(const ConvertRun *run, GError **error)
{
    static const char *const formats[] = {"qcow", "qcow2", "vmdk", NULL};
    const Opts *opts = run->target.create.opts;

    if (!command_line_has(run->line, 'c') || !run->target.is_new)
        return true;
    const char *preallocation = opts_get(opts, "preallocation");
    if (!g_strv_contains(formats, run->target.create.format))
        return failure_set(error, "Compression not supported for this file format");
    if (opts_get_number(opts, "encryption", 0) || opts_get(opts, "encrypt.format"))
        return failure_set(error, "Compression and encryption not supported at the same time");
    return !preallocation || strcmp(preallocation, "off") == 0 ||
           failure_set(error, "Compression and preallocation not supported at the same time");
}

/* Let the image be written elsewhere, if it is to take its place only when it is whole. */
static bool atomic_prepare(ConvertRun *run, GError **error)
{
    CreateTarget *create = &run->target.create;

    if (!command_line_has(run->line, COMMAND_OPTION_ATOMIC))
        return true;
    if (!create_target_is_single(create))
        return failure_set(error,
                           "--atomic cannot replace '%s': the image would have several files",
                           create->filename);
    if (!atomic_target_begin(&run->atomic, create->filename, error))
        return false;
    create->written_as = run->atomic.temporary;
    return true;
}

/* The user knows the image by its own name alone. */
static void atomic_error_rename(const ConvertRun *run, GError *error)
{
    g_autoptr(GString) text = g_string_new(error->message);

    if (!run->atomic.temporary)
        return;
    g_string_replace(text, run->atomic.temporary, run->target.create.filename, 0);
    g_free(error->message);
    error->message = g_string_free(g_steal_pointer(&text), FALSE);
}

/* All that can be said of the target before it is made. */
static bool target_prepare(ConvertRun *run, GError **error)
{
    const CommandLine *line = run->line;

    if (run->target.is_new &&
        (!create_target_prepare(&run->target.create, line->option_list, error) ||
         !create_target_backing_set(&run->target.create, command_line_text(line, 'B'),
                                    command_line_text(line, 'F'), error)))
        return false;
    return backing_check(run, error) && compression_check(run, error) &&
           atomic_prepare(run, error) && copy_target_prepare(&run->target, error);
}

/* ---- the run ---- */

/* The digest of what was written: bytes, whatever the guest says. */
static bool digest_keep(ConvertRun *run, const struct tree *tree, GError **error)
{
    enum { DIGEST_BYTES_MAX = 64 };
    struct tree_bytes digest = tree_get_bytes(tree, tree_root(tree), "digest");
    const char *name = command_line_text(run->line, COMMAND_OPTION_CHECKSUM);

    if (!name || run->digest || digest.length < 1 || digest.length > DIGEST_BYTES_MAX)
        return failure_set(error, "The sandboxed image parser gave no answer");
    run->digest = g_string_new(name);
    g_string_append_c(run->digest, ' ');
    for (size_t i = 0; i < digest.length; i++)
        g_string_append_printf(run->digest, "%02x", (uint8_t)digest.data[i]);
    g_string_append_c(run->digest, '\n');
    return true;
}

/* The guest has opened the sources, or made the target. */
static bool convert_record(void *ctx, Session *session, enum abi_record kind,
                           const struct tree *tree, GError **error)
{
    ConvertRun *run = ctx;
    const char *cache = command_line_text(run->line, 't');

    (void)session;
    if (kind == ABI_RECORD_ANSWER)
        return digest_keep(run, tree, error);
    if (tree_get_bool(tree, tree_root(tree), "created", false))
        return !cache || cache_mode_find(cache) ||
               failure_set(error, "Invalid cache option: %s", cache);
    if (run->late)
        g_propagate_error(error, g_steal_pointer(&run->late));
    return !*error;
}

static bool convert_reference(void *ctx, Session *session, const struct tree *reference,
                              uint32_t *device, struct tree_writer *reply, int *status,
                              GError **error)
{
    ConvertRun *run = ctx;
    return copy_reference(&run->target, session, reference, device, reply, status, error);
}

static void convert_progress(void *ctx, uint64_t done, uint64_t total)
{
    ConvertRun *run = ctx;
    copy_progress_tell(&run->progress, done, total);
}

static Value *job_new(const ConvertRun *run, Value *sources)
{
    const CommandLine *line = run->line;
    Value *job = value_new_dict();

    value_dict_put_string(job, "operation", "convert");
    value_dict_put(job, "now", value_new_uint(session_now()));
    value_dict_put(job, "sources", sources);
    if (run->target.is_new && !run->late)
        value_dict_put(job, "create", create_target_describe(&run->target.create));
    value_dict_put_string(job, "target", run->target.create.filename);
    if (run->target.create.format)
        value_dict_put_string(job, "target-format", run->target.create.format);
    value_dict_put(job, "sparse-bytes",
                   value_new_uint((uint64_t)command_line_number(line, 'S', SPARSE_DEFAULT_BYTES)));
    value_dict_put_bool(job, "compressed", command_line_has(line, 'c'));
    if (run->target.create.opts)
        value_dict_put(
            job, "compression-level",
            value_new_uint(opts_get_number(run->target.create.opts, "compression_level", 0)));
    value_dict_put_bool(job, "offload", command_line_has(line, 'C'));
    value_dict_put_bool(job, "salvage", command_line_has(line, COMMAND_OPTION_SALVAGE));
    value_dict_put_bool(job, "paced", command_line_number(line, 'r', 0) > 0);
    value_dict_put_bool(job, "quiet", command_line_has(line, 'q'));
    value_dict_put_bool(job, "progress", run->progress.is_shown);
    value_dict_put_bool(job, "progress-fine", progress_stream_is_open(&run->progress.stream));
    value_dict_put_bool(job, "target-is-zero",
                        command_line_has(line, COMMAND_OPTION_TARGET_IS_ZERO));
    if (run->target.node && value_dict_get_string(run->target.node, "detect-zeroes"))
        value_dict_put_string(job, "detect-zeroes",
                              value_dict_get_string(run->target.node, "detect-zeroes"));
    value_dict_put_bool(job, "has-backing", run->has_backing);
    value_dict_put_bool(job, "bitmaps", command_line_has(line, COMMAND_OPTION_BITMAPS));
    value_dict_put_bool(job, "skip-broken-bitmaps",
                        command_line_has(line, COMMAND_OPTION_SKIP_BROKEN));
    if (command_line_has(line, COMMAND_OPTION_CHECKSUM))
        value_dict_put_string(job, "checksum", command_line_text(line, COMMAND_OPTION_CHECKSUM));
    objects_job_put(line->objects, job);
    copy_snapshot_describe(line, job);
    return job;
}

static bool convert_run(ConvertRun *run, GError **error)
{
    bool checksum = command_line_has(run->line, COMMAND_OPTION_CHECKSUM);
    uint64_t pace_bytes = (uint64_t)command_line_number(run->line, 'r', 0);
    unsigned vcpus = copy_vcpus_choose((const char *const *)run->line->operands->pdata,
                                       run->line->operands->len - 1);
    if (pace_bytes > 0)
        vcpus = 1; /* others would only wait, and busily */
    const SessionOptions options = {
        .memory_bytes = copy_memory_bytes(vcpus),
        .vcpus = vcpus,
        .force_share = command_line_has(run->line, 'U'),
        .wants_avx = vcpus > 1 || checksum || !objects_is_empty(run->line->objects),
        .pace_bytes = pace_bytes,
        .no_holes = command_line_has(run->line, COMMAND_OPTION_NO_HOLES),
        .bulk = true,
        .no_share = true,
        .objects = run->line->objects};
    const SessionHandlers handlers = {.ctx = run,
                                      .record = convert_record,
                                      .reference = convert_reference,
                                      .progress = convert_progress};
    g_autoptr(Session) session = session_new(&options, error);

    if (!session)
        return false;
    Value *sources = sources_describe(run, session);
    target_prepare(run, &run->late);
    if (run->target.is_new && !run->late)
        create_target_expect(&run->target.create, session);
    else
        session_file_expect(session, run->target.create.filename);
    g_autoptr(Value) job = job_new(run, sources);
    return session_run(session, job, &handlers, error) &&
           ((run->target.opened && checksum == (run->digest != NULL)) ||
            failure_set(error, "The sandboxed image parser gave no answer"));
}

static void target_fill(const CommandLine *line, CopyTarget *target)
{
    const char *format = command_line_text(line, 'O');
    const char *mode = command_line_text(line, 't');
    const CacheMode *cache = mode ? cache_mode_find(mode) : NULL;

    target->image_opts = command_line_has(line, COMMAND_OPTION_TARGET_IMAGE_OPTS);
    target->is_new = !command_line_has(line, 'n');
    target->no_flush = !mode || (cache && cache->no_flush);
    target->direct = cache && cache->direct;
    target->create.filename = command_line_operand(line, line->operands->len - 1);
    target->create.format = format || target->image_opts ? format : "raw";
}

void command_convert(const CommandLine *line, Report *report)
{
    ConvertRun run = {
        .line = line, .report = report, .atomic = {.folder_fd = -1, .fd = -1}
    };
    GError *error = NULL;

    target_fill(line, &run.target);
    if (!copy_progress_begin(&run.progress, line, report, 1, &error)) {
        report_failure(report, error);
        return;
    }
    copy_progress_set(&run.progress, 0, 1);
    bool done = (!command_line_has(line, COMMAND_OPTION_ATOMIC) ||
                 atomic_target_check(run.target.create.filename, &error)) &&
                convert_run(&run, &error) &&
                (!run.atomic.temporary || atomic_target_commit(&run.atomic, &error));
    copy_progress_end(&run.progress, done);
    if (done) {
        progress_stream_end(&run.progress.stream);
        g_string_append(report->out, run.digest ? run.digest->str : "");
    } else {
        atomic_error_rename(&run, error);
        report_failure(report, error);
        if (run.target.is_new && !run.target.opened && !run.atomic.temporary)
            create_target_remove(&run.target.create);
    }
    atomic_target_clear(&run.atomic);
    copy_target_clear(&run.target);
    g_clear_error(&run.late);
    if (run.digest)
        g_string_free(run.digest, TRUE);
}
