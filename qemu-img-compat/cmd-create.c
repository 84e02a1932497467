/* SPDX-License-Identifier: GPL-2.0-or-later */
/* create: options checked in the reference's order, then a new image laid out by the guest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "create-target.h"
#include "lib/name.h"
#include "lib/node.h"
#include "node-open.h"
#include "tree-value.h"

enum { CREATE_MEMORY_BYTES = 64 << 20 };

typedef struct CreateRun {
    const CommandLine *line;
    Report *report;
    CreateTarget target;
    bool has_size;
} CreateRun;

/* The size operand against -o size=. */
static bool size_set(CreateRun *run, GError **error)
{
    int64_t size = command_line_number(run->line, COMMAND_OPERAND_SIZE, -1);

    run->has_size = size >= 0 || opts_is_set(run->target.opts, "size");
    if (size >= 0 && opts_is_set(run->target.opts, "size"))
        return failure_set(error, "The image size must be specified only once");
    if (size >= 0) {
        g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, size);
        return opts_set(run->target.opts, "size", text, error);
    }
    return true;
}

static bool backing_options_set(CreateRun *run, GError **error)
{
    const char *file = command_line_text(run->line, 'b');
    const char *format = command_line_text(run->line, 'F');

    if (!create_target_backing_set(&run->target, file, format, error))
        return false;
    file = opts_get(run->target.opts, "backing_file");
    if (file && strcmp(file, run->target.filename) == 0)
        return failure_set(error, "Error: Trying to create an image with the same filename as "
                                  "the backing file");
    if (file && !*file)
        return failure_set(error, "Expected backing file name, got empty string");
    return true;
}

/* The backing file named by the user, opened for the guest; NULL without an error: none. */
static Value *backing_describe(CreateRun *run, Session *session, GError **error)
{
    const char *file = opts_get(run->target.opts, "backing_file");
    g_autoptr(GString) warnings = g_string_new(NULL);

    if (!file)
        return NULL;
    if (command_line_has(run->line, 'u')) {
        if (!opts_get(run->target.opts, "backing_fmt"))
            failure_set(error, "Backing file specified without backing format");
        return NULL;
    }
    g_autofree char *full = name_backing_full(run->target.filename, file, error);
    if (!full)
        return NULL;
    g_autoptr(Value) node =
        node_from_name(full, opts_get(run->target.opts, "backing_fmt"), warnings, error);
    if (node)
        value_dict_put_bool(node, "force-share", true);
    Value *description = node ? session_node_open(session, node, true, error) : NULL;
    if (!description)
        failure_hint(error, "Could not open backing image.");
    return description;
}

/* What the guest found out of the backing file: the last checks before the target is made. */
static bool create_record(void *ctx, Session *session, enum abi_record kind,
                          const struct tree *tree, GError **error)
{
    CreateRun *run = ctx;
    size_t root = tree_root(tree);
    g_autofree char *probed = tree_dup_text(tree, root, "backing-format");

    (void)session;
    (void)kind;
    if (probed && !opts_get(run->target.opts, "backing_fmt")) {
        failure_set(error, "Backing file specified without backing format");
        g_autofree char *hint = g_strdup_printf("Detected format of %s.", probed);
        failure_hint(error, hint);
        return false;
    }
    if (!run->has_size) {
        g_autofree char *size =
            g_strdup_printf("%" G_GUINT64_FORMAT, tree_get_u64(tree, root, "virtual-bytes", 0));
        opts_set(run->target.opts, "size", size, NULL);
    }
    if (!command_line_has(run->line, 'q')) {
        g_autofree char *text = opts_line(run->target.opts);
        g_string_append_printf(run->report->out, "Formatting '%s', fmt=%s %s\n",
                               run->target.filename, run->target.format, text);
        report_flush(run->report);
    }
    return true;
}

/* The new file, or a link of the backing chain. */
static bool create_reference(void *ctx, Session *session, const struct tree *reference,
                             uint32_t *device, struct tree_writer *reply, int *status,
                             GError **error)
{
    enum { REFERENCE_BACKING = 0, REFERENCE_EXTENT = 2, REFERENCE_TARGET = 4 };
    CreateRun *run = ctx;
    size_t root = tree_root(reference);
    uint64_t kind = tree_get_u64(reference, root, "kind", UINT64_MAX);
    g_autofree char *name = tree_dup_text(reference, root, "name");

    /* VMDK opens its parent once more, for the new image. */
    if (kind == REFERENCE_BACKING && run->target.target_opened &&
        tree_get_u64(reference, root, "device", UINT32_MAX) == run->target.target_device &&
        g_strcmp0(name, opts_get(run->target.opts, "backing_file")) == 0)
        return session_named_backing_open(session, reference, device, reply, status, error);
    if (kind == REFERENCE_BACKING || kind == REFERENCE_EXTENT)
        return session_backing_open(session, reference, device, reply, status, error);
    if (kind != REFERENCE_TARGET || !name)
        return failure_set(error, "The image refers to a file of a kind that is not supported");
    return create_target_open(&run->target, name, session, device, status, error);
}

/* What a differencing image says of its parent, beside the name: where it is, and how old. */
static void parent_describe(const CreateRun *run, Value *job)
{
    g_autofree char *full =
        name_backing_full(run->target.filename, opts_get(run->target.opts, "backing_file"), NULL);
    g_autofree char *path = full ? realpath(full, NULL) : NULL;
    struct stat st;

    if (!path || stat(path, &st) < 0)
        return;
    value_dict_put_string(job, "backing-path", path);
    value_dict_put(job, "backing-seconds", value_new_uint((uint64_t)st.st_mtime));
}

static Value *job_new(const CreateRun *run, Value *backing)
{
    const Opts *opts = run->target.opts;
    Value *job = create_target_describe(&run->target);

    value_dict_put_string(job, "operation", "create");
    value_dict_put(job, "now", value_new_uint(session_now()));
    if (run->has_size)
        value_dict_put(job, "virtual-bytes", value_new_uint(opts_get_number(opts, "size", 0)));
    if (backing)
        value_dict_put(job, "backing", backing);
    if (backing && g_strcmp0(opts_get(opts, "subformat"), "differencing") == 0)
        parent_describe(run, job);
    objects_job_put(run->line->objects, job);
    return job;
}

static bool create_run(CreateRun *run, GError **error)
{
    /* With objects keys may be derived: that takes what the processor can do. */
    const SessionOptions options = {.memory_bytes = CREATE_MEMORY_BYTES,
                                    .vcpus = 1,
                                    .wants_avx = !objects_is_empty(run->line->objects)};
    const SessionHandlers handlers = {
        .ctx = run, .record = create_record, .reference = create_reference};

    if (!create_target_prepare(&run->target, run->line->option_list, error) ||
        !size_set(run, error) || !backing_options_set(run, error))
        return false;
    g_autoptr(Session) session = session_new(&options, error);
    if (!session)
        return false;
    Value *backing = backing_describe(run, session, error);
    if (*error)
        return false;
    if (!run->has_size && !backing)
        return failure_set(error, "Image creation needs a size parameter");
    create_target_expect(&run->target, session);
    g_autoptr(Value) job = job_new(run, backing);
    if (session_run(session, job, &handlers, error))
        return true;
    create_target_remove(&run->target);
    return false;
}

void command_create(const CommandLine *line, Report *report)
{
    const char *format = command_line_text(line, 'f');
    CreateRun run = {
        .line = line,
        .report = report,
        .target = {.filename = command_line_operand(line, 0), .format = format ? format : "raw"}
    };
    GError *error = NULL;

    if (!create_run(&run, &error)) {
        g_prefix_error(&error, "%s: ", run.target.filename);
        report_failure(report, error);
    }
    create_target_clear(&run.target);
}
