/* SPDX-License-Identifier: GPL-2.0-or-later */
/* convert: images copied into a new one, or one that is there. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "copy-progress.h"
#include "create-target.h"
#include "lib/cache-mode.h"
#include "lib/node.h"
#include "node-open.h"
#include "tree-value.h"

enum {
    CONVERT_MEMORY_BYTES = 256 << 20,
    CONVERT_VCPUS_MAX = 4,
    SPARSE_DEFAULT_BYTES = 4096,
};

/* Less than this is not worth the start of another vCPU. */
static const uint64_t small_bytes = 16 << 20;

typedef struct ConvertRun {
    const CommandLine *line;
    Report *report;
    CopyProgress progress;
    CreateTarget target;
    bool is_new;
    bool has_backing;
    GError *late;       /* known from the start, told when the reference would */
    Value *target_node; /* what is opened for writing */
    uint32_t device;    /* of its file, once it is open */
    bool opened;
} ConvertRun;

/* ---- sources ---- */

/* What a report says, as the message of one failure. */
static char *report_text(const Report *report)
{
    static const char prefix[] = "qemu-img: ";
    const char *text = report->err->str;
    size_t length = strcspn(text, "\n");

    if (g_str_has_prefix(text, prefix)) {
        text += strlen(prefix);
        length -= strlen(prefix);
    }
    return g_strndup(text, length);
}

/* A source for the guest, or why it cannot be had: those before it may fail first. */
static Value *source_describe(const ConvertRun *run, const char *name, Session *session)
{
    const CommandLine *line = run->line;
    g_autoptr(Report) report = report_new();
    g_autoptr(Value) node =
        node_from_argument(name, command_line_has(line, COMMAND_OPTION_IMAGE_OPTS),
                           command_line_text(line, 'f'), command_line_has(line, 'U'), report);
    const char *mode = command_line_text(line, 'T');
    const CacheMode *cache = mode ? cache_mode_find(mode) : NULL;
    Value *source = value_new_dict();
    GError *error = NULL;

    if (!node) {
        g_autofree char *text = report_text(report);
        value_dict_put_string(source, "failure", text);
        return source;
    }
    g_string_append(run->report->err, report->err->str);
    if (cache && cache->direct)
        value_dict_put_bool(node, "cache.direct", true);
    Value *description = session_node_open(session, node, true, &error);
    value_dict_put_string(source, "name", name);
    if (!description) {
        value_dict_put_string(source, "failure", error->message);
        g_error_free(error);
        return source;
    }
    value_dict_put(source, "image", description);
    return source;
}

static Value *sources_describe(const ConvertRun *run, Session *session)
{
    Value *list = value_new_list();
    unsigned count = run->line->operands->len - 1;

    for (unsigned i = 0; i < count; i++)
        value_list_append(list, source_describe(run, command_line_operand(run->line, i), session));
    return list;
}

/* ---- target ---- */

static bool backing_check(ConvertRun *run, GError **error)
{
    const CommandLine *line = run->line;
    const char *file = run->is_new ? opts_get(run->target.opts, "backing_file") : NULL;

    run->has_backing = file || command_line_has(line, 'B');
    if (run->has_backing && command_line_has(line, COMMAND_OPTION_TARGET_IS_ZERO))
        return failure_set(error, "Cannot use --target-is-zero when the destination image has a "
                                  "backing file");
    if (run->has_backing && line->operands->len > 2)
        return failure_set(error, "Having a backing file for the target makes no sense when "
                                  "concatenating multiple input images");
    return !file || opts_get(run->target.opts, "backing_fmt") ||
           failure_set(error, "Use of backing file requires explicit backing format");
}

static bool compression_check(const ConvertRun *run, GError **error)
{
    static const char *const formats[] = {"qcow", "qcow2", "vmdk", NULL};
    const Opts *opts = run->target.opts;

    if (!command_line_has(run->line, 'c') || !run->is_new)
        return true;
    const char *preallocation = opts_get(opts, "preallocation");
    if (!g_strv_contains(formats, run->target.format))
        return failure_set(error, "Compression not supported for this file format");
    if (opts_get_number(opts, "encryption", 0) || opts_get(opts, "encrypt.format"))
        return failure_set(error, "Compression and encryption not supported at the same time");
    return !preallocation || strcmp(preallocation, "off") == 0 ||
           failure_set(error, "Compression and preallocation not supported at the same time");
}

/* All that can be said of the target before it is made. */
static bool target_prepare(ConvertRun *run, GError **error)
{
    const CommandLine *line = run->line;

    if (run->is_new && (!create_target_prepare(&run->target, line->option_list, error) ||
                        !create_target_backing_set(&run->target, command_line_text(line, 'B'),
                                                   command_line_text(line, 'F'), error)))
        return false;
    return backing_check(run, error) && compression_check(run, error);
}

/* Passphrases that creating was given are needed to open what was created. */
static void secrets_add(const ConvertRun *run, Value *node)
{
    static const char suffix[] = "key-secret";
    g_autoptr(Value) options = opts_to_dict(run->target.opts, true);

    for (size_t i = 0; i < value_dict_size(options); i++) {
        const char *key = value_dict_key_at(options, i);
        if (g_str_has_suffix(key, suffix))
            value_dict_put(node, key, value_copy(value_dict_get(options, key)));
    }
}

/* The node to write to; NULL: the report has the error. */
static Value *target_node(const ConvertRun *run, Report *report)
{
    const CommandLine *line = run->line;
    const char *mode = command_line_text(line, 't');
    const CacheMode *cache = mode ? cache_mode_find(mode) : NULL;
    Value *node = node_from_argument(run->target.filename,
                                     command_line_has(line, COMMAND_OPTION_TARGET_IMAGE_OPTS),
                                     run->target.format, false, report);

    if (!node)
        return NULL;
    if (!mode || (cache && cache->no_flush))
        value_dict_put_bool(node, "cache.no-flush", true);
    if (cache && cache->direct)
        value_dict_put_bool(node, "cache.direct", true);
    if (run->is_new)
        secrets_add(run, node);
    return node;
}

/* The target, made or there already, is opened to be written. */
static bool target_open(ConvertRun *run, Session *session, uint32_t *device,
                        struct tree_writer *reply, GError **error)
{
    g_autoptr(Report) report = report_new();
    g_autoptr(Value) node = target_node(run, report);

    if (!node) {
        g_autofree char *text = report_text(report);
        return failure_set(error, "%s", text);
    }
    g_autoptr(Value) description = session_target_open(session, node, error);
    if (!description)
        return false;
    *device = session_description_device(description);
    run->device = *device;
    run->opened = true;
    tree_put_members(reply, description);
    return true;
}

/* ---- the run ---- */

/* The guest has opened the sources, or made the target. */
static bool convert_record(void *ctx, Session *session, enum abi_record kind,
                           const struct tree *tree, GError **error)
{
    ConvertRun *run = ctx;
    const char *cache = command_line_text(run->line, 't');

    (void)session;
    (void)kind;
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
    enum { REFERENCE_TARGET = 4 };
    ConvertRun *run = ctx;
    size_t root = tree_root(reference);
    uint64_t kind = tree_get_u64(reference, root, "kind", UINT64_MAX);
    g_autofree char *name = tree_dup_text(reference, root, "name");

    if (kind != REFERENCE_TARGET)
        return session_backing_open(session, reference, device, reply, status, error);
    *status = -EINVAL;
    if (!name)
        return failure_set(error, "The new image has no name");
    if (run->is_new && tree_get_bool(reference, root, "truncate", false))
        return create_target_open(&run->target, name, session, device, status, error);
    if (strcmp(name, run->target.filename) != 0)
        return failure_set(error, "The file '%s' is not named on the command line", name);
    return target_open(run, session, device, reply, error);
}

static void convert_progress(void *ctx, uint64_t done, uint64_t total)
{
    ConvertRun *run = ctx;
    copy_progress_set(&run->progress, done, total);
}

static void snapshot_put(const CommandLine *line, Value *job)
{
    if (line->snapshot_id)
        value_dict_put_string(job, "snapshot-id", line->snapshot_id);
    if (line->snapshot_name)
        value_dict_put_string(job, line->snapshot_is_plain ? "snapshot" : "snapshot-name",
                              line->snapshot_name);
}

static Value *job_new(const ConvertRun *run, Value *sources)
{
    const CommandLine *line = run->line;
    Value *job = value_new_dict();
    Value *secrets = objects_secrets(line->objects);

    value_dict_put_string(job, "operation", "convert");
    value_dict_put(job, "now", value_new_uint(session_now()));
    value_dict_put(job, "sources", sources);
    if (run->is_new && !run->late)
        value_dict_put(job, "create", create_target_describe(&run->target));
    value_dict_put_string(job, "target", run->target.filename);
    if (run->target.format)
        value_dict_put_string(job, "target-format", run->target.format);
    value_dict_put(job, "sparse-bytes",
                   value_new_uint((uint64_t)command_line_number(line, 'S', SPARSE_DEFAULT_BYTES)));
    value_dict_put_bool(job, "compressed", command_line_has(line, 'c'));
    value_dict_put_bool(job, "salvage", command_line_has(line, COMMAND_OPTION_SALVAGE));
    value_dict_put_bool(job, "quiet", command_line_has(line, 'q'));
    value_dict_put_bool(job, "target-is-zero",
                        command_line_has(line, COMMAND_OPTION_TARGET_IS_ZERO));
    value_dict_put_bool(job, "has-backing", run->has_backing);
    if (secrets)
        value_dict_put(job, "secrets", secrets);
    snapshot_put(line, job);
    return job;
}

/* One vCPU for what is small, and else all, within reason. */
static unsigned vcpus_choose(const CommandLine *line)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t bytes = 0;
    struct stat st;

    for (unsigned i = 0; i + 1 < line->operands->len; i++) {
        bool is_file = stat(command_line_operand(line, i), &st) == 0 && S_ISREG(st.st_mode);
        bytes += is_file ? (uint64_t)st.st_size : small_bytes;
    }
    return cpus < 1 || bytes < small_bytes ? 1 : (unsigned)MIN(cpus, CONVERT_VCPUS_MAX);
}

static bool convert_run(ConvertRun *run, GError **error)
{
    const SessionOptions options = {.memory_bytes = CONVERT_MEMORY_BYTES,
                                    .vcpus = vcpus_choose(run->line),
                                    .force_share = command_line_has(run->line, 'U'),
                                    .wants_avx = !objects_is_empty(run->line->objects),
                                    .bulk = true,
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
    if (run->is_new && !run->late)
        create_target_expect(&run->target, session);
    else
        session_file_expect(session, run->target.filename);
    g_autoptr(Value) job = job_new(run, sources);
    return session_run(session, job, &handlers, error);
}

void command_convert(const CommandLine *line, Report *report)
{
    const char *format = command_line_text(line, 'O');
    bool options = command_line_has(line, COMMAND_OPTION_TARGET_IMAGE_OPTS);
    ConvertRun run = {
        .line = line,
        .report = report,
        .is_new = !command_line_has(line, 'n'),
        .target = {.filename = command_line_operand(line, line->operands->len - 1),
                   .format = format || options ? format : "raw"}
    };
    GError *error = NULL;

    copy_progress_begin(&run.progress, report,
                        command_line_has(line, 'p') && !command_line_has(line, 'q'));
    bool done = convert_run(&run, &error);
    copy_progress_end(&run.progress, done);
    if (!done) {
        report_failure(report, error);
        if (run.is_new && !run.opened)
            create_target_remove(&run.target);
    }
    create_target_clear(&run.target);
    g_clear_error(&run.late);
}
