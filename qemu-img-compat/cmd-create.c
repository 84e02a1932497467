/* SPDX-License-Identifier: GPL-2.0-or-later */
/* create: options checked in the reference's order, then a new image laid out by the guest. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "create-file.h"
#include "lib/name.h"
#include "lib/node.h"
#include "lib/option-tables.h"
#include "node-open.h"
#include "tree-value.h"

enum { CREATE_MEMORY_BYTES = 64 << 20 };

typedef struct CreateRun {
    const CommandLine *line;
    Report *report;
    const char *filename;
    const char *format;
    Opts *opts;
    char *data_file; /* where qcow2's data goes, or NULL */
    bool has_size;
    uint32_t target_device;
    bool target_opened;    /* the guest may have begun to write */
    bool data_file_opened; /* the same of qcow2's data file */
} CreateRun;

static bool opts_prepare(CreateRun *run, GError **error)
{
    if (!driver_find(run->format))
        return failure_set(error, "Unknown file format '%s'", run->format);
    const Driver *protocol = name_protocol_find(run->filename, error);
    if (!protocol)
        return false;
    const OptRow *rows = option_table_create(run->format);
    const OptRow *protocol_rows = option_table_create(protocol->name);
    if (!rows)
        return failure_set(error, "Format driver '%s' does not support image creation",
                           run->format);
    if (!protocol_rows)
        return failure_set(error, "Protocol driver '%s' does not support image creation",
                           protocol->name);
    const OptRow *tables[] = {rows, protocol_rows,
                              option_table_extension(run->format, run->line->option_list), NULL};
    run->opts = opts_new(tables);
    if (run->line->option_list && !opts_parse(run->opts, run->line->option_list, error))
        return false;
    if (opts_is_set(run->opts, "data_file"))
        run->data_file = name_prefix_strip(opts_get(run->opts, "data_file"), "file:");
    return true;
}

/* The size operand against -o size=. */
static bool size_set(CreateRun *run, GError **error)
{
    int64_t size = command_line_number(run->line, COMMAND_OPERAND_SIZE, -1);

    run->has_size = size >= 0 || opts_is_set(run->opts, "size");
    if (size >= 0 && opts_is_set(run->opts, "size"))
        return failure_set(error, "The image size must be specified only once");
    if (size >= 0) {
        g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, size);
        return opts_set(run->opts, "size", text, error);
    }
    return true;
}

static bool backing_options_set(CreateRun *run, GError **error)
{
    const char *file = command_line_text(run->line, 'b');
    const char *format = command_line_text(run->line, 'F');

    if (file && !opts_set(run->opts, "backing_file", file, NULL))
        return failure_set(error, "Backing file not supported for file format '%s'", run->format);
    if (format && !opts_set(run->opts, "backing_fmt", format, NULL))
        return failure_set(error, "Backing file format not supported for file format '%s'",
                           run->format);
    file = opts_get(run->opts, "backing_file");
    if (file && strcmp(file, run->filename) == 0)
        return failure_set(error, "Error: Trying to create an image with the same filename as "
                                  "the backing file");
    if (file && !*file)
        return failure_set(error, "Expected backing file name, got empty string");
    return true;
}

/* The backing file named by the user, opened for the guest; NULL without an error: none. */
static Value *backing_describe(CreateRun *run, Session *session, GError **error)
{
    const char *file = opts_get(run->opts, "backing_file");
    g_autoptr(GString) warnings = g_string_new(NULL);

    if (!file)
        return NULL;
    if (command_line_has(run->line, 'u')) {
        if (!opts_get(run->opts, "backing_fmt"))
            failure_set(error, "Backing file specified without backing format");
        return NULL;
    }
    g_autofree char *full = name_backing_full(run->filename, file, error);
    if (!full)
        return NULL;
    g_autoptr(Value) node =
        node_from_name(full, opts_get(run->opts, "backing_fmt"), warnings, error);
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
    if (probed && !opts_get(run->opts, "backing_fmt")) {
        failure_set(error, "Backing file specified without backing format");
        g_autofree char *hint = g_strdup_printf("Detected format of %s.", probed);
        failure_hint(error, hint);
        return false;
    }
    if (!run->has_size) {
        g_autofree char *size =
            g_strdup_printf("%" G_GUINT64_FORMAT, tree_get_u64(tree, root, "virtual-bytes", 0));
        opts_set(run->opts, "size", size, NULL);
    }
    if (!command_line_has(run->line, 'q')) {
        g_autofree char *text = opts_line(run->opts);
        g_string_append_printf(run->report->out, "Formatting '%s', fmt=%s %s\n", run->filename,
                               run->format, text);
        report_flush(run->report);
    }
    return true;
}

/* A file as a format of its own is written as raw. */
static const char *guest_format(const CreateRun *run)
{
    const Driver *driver = driver_find(run->format);
    return driver->kind == DRIVER_FILE ? "raw" : run->format;
}

/* The image's file, or a further one of its files. */
static bool target_open(CreateRun *run, const char *name, Session *session, uint32_t *device,
                        int *status, GError **error)
{
    const Driver *format = driver_find(run->format);
    const char *backing_format = opts_get(run->opts, "backing_fmt");
    bool is_protocol = driver_is_protocol(format);

    if (strcmp(run->format, "qcow") == 0 && backing_format && !driver_find(backing_format))
        return failure_set(error, "unrecognized backing format '%s'", backing_format);
    CreateFile file = {.name = name,
                       .protocol = is_protocol ? format : NULL,
                       .opts = run->opts,
                       .format_rows = is_protocol ? NULL : option_table_create(run->format),
                       .guest_sizes = strcmp(guest_format(run), "raw") == 0,
                       .guest_preallocates = strcmp(guest_format(run), "luks") == 0,
                       .is_reopened = strcmp(run->format, "qcow2") == 0};

    bool opened = create_file_open(&file, session, device, status, error);
    if (opened && !run->target_opened)
        run->target_device = *device;
    run->target_opened = opened || *status == -EBUSY;
    return opened;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat a_stat, b_stat;

    return stat(a, &a_stat) == 0 && stat(b, &b_stat) == 0 && a_stat.st_dev == b_stat.st_dev &&
           a_stat.st_ino == b_stat.st_ino;
}

static bool data_file_open(CreateRun *run, Session *session, uint32_t *device, int *status,
                           GError **error)
{
    CreateFile file = {
        .name = run->data_file, .opts = run->opts, .format_rows = option_table_create(run->format)};

    /* The reference's own two openings of the file are in each other's way. */
    if (is_same_file(run->data_file, run->filename)) {
        run->data_file_opened = true;
        return failure_set(error,
                           "Failed to get shared \"resize\" lock\n"
                           "Is another process using the image [%s]?",
                           run->data_file);
    }
    run->data_file_opened = create_file_open(&file, session, device, status, error);
    return run->data_file_opened;
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
    if (kind == REFERENCE_BACKING && run->target_opened &&
        tree_get_u64(reference, root, "device", UINT32_MAX) == run->target_device &&
        g_strcmp0(name, opts_get(run->opts, "backing_file")) == 0)
        return session_named_backing_open(session, reference, device, reply, status, error);
    if (kind == REFERENCE_BACKING || kind == REFERENCE_EXTENT)
        return session_backing_open(session, reference, device, reply, status, error);
    if (kind != REFERENCE_TARGET || !name)
        return failure_set(error, "The image refers to a file of a kind that is not supported");
    bool is_target = strcmp(name, run->filename) == 0;
    bool is_extent = strcmp(run->format, "vmdk") == 0 && create_file_is_extent(run->filename, name);
    if (!is_target && !is_extent && g_strcmp0(name, run->data_file) != 0) {
        *status = -EPERM; /* a guest may not make files that the command line does not name */
        return failure_set(error, "The file '%s' is not named on the command line", name);
    }
    if (g_strcmp0(name, run->data_file) == 0 && (!is_target || run->target_opened))
        return data_file_open(run, session, device, status, error);
    return target_open(run, name, session, device, status, error);
}

/* Of the words for true and false only "on" and "off" mean them here: others stay words. */
static void encryption_put(const CreateRun *run, Value *options)
{
    const char *text =
        opts_is_set(run->opts, "encryption") ? opts_get(run->opts, "encryption") : NULL;

    if (text && strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
        value_dict_put_string(options, "encryption", text);
}

/* What a differencing image says of its parent, beside the name: where it is, and how old. */
static void parent_describe(const CreateRun *run, Value *job)
{
    g_autofree char *full =
        name_backing_full(run->filename, opts_get(run->opts, "backing_file"), NULL);
    g_autofree char *path = full ? realpath(full, NULL) : NULL;
    struct stat st;

    if (!path || stat(path, &st) < 0)
        return;
    value_dict_put_string(job, "backing-path", path);
    value_dict_put(job, "backing-seconds", value_new_uint((uint64_t)st.st_mtime));
}

static Value *job_new(const CreateRun *run, Value *backing)
{
    Value *job = value_new_dict();
    Value *options = opts_to_dict(run->opts, true);
    const char *file = opts_get(run->opts, "backing_file");
    const char *format = opts_get(run->opts, "backing_fmt");

    value_dict_put_string(job, "operation", "create");
    value_dict_put_string(job, "format", guest_format(run));
    value_dict_put_string(job, "filename", run->filename);
    value_dict_put(job, "now", value_new_uint(session_now()));
    if (run->has_size)
        value_dict_put(job, "virtual-bytes", value_new_uint(opts_get_number(run->opts, "size", 0)));
    if (file)
        value_dict_put_string(job, "backing-name", file);
    if (format)
        value_dict_put_string(job, "backing-format", format);
    if (format && !driver_is_named(format))
        value_dict_put_bool(job, "backing-format-unknown", true);
    if (backing)
        value_dict_put(job, "backing", backing);
    if (backing && g_strcmp0(opts_get(run->opts, "subformat"), "differencing") == 0)
        parent_describe(run, job);
    Value *secrets = objects_secrets(run->line->objects);
    if (secrets)
        value_dict_put(job, "secrets", secrets);
    if (run->data_file)
        value_dict_put_string(options, "data_file", run->data_file);
    encryption_put(run, options);
    value_dict_put(job, "options", options);
    return job;
}

static void file_remove(const char *name)
{
    const char *path = g_str_has_prefix(name, "file:") ? name + strlen("file:") : name;
    const Driver *protocol = name_protocol_find(name, NULL);
    struct stat st;

    if (!protocol || strcmp(protocol->name, "file") != 0)
        return;
    if (stat(path, &st) < 0)
        fprintf(stderr, "qemu-img: %s is not a regular file: %s\n", path, strerror(ENOENT));
    else if (S_ISREG(st.st_mode) && unlink(path) < 0)
        fprintf(stderr, "qemu-img: Error when deleting file %s: %s\n", path, strerror(errno));
}

/* What the reference leaves of a failed create: of these formats nothing, else what it wrote. */
static void remains_remove(const CreateRun *run)
{
    static const char *const removed[] = {"qcow2", "luks", NULL};

    if (!g_strv_contains(removed, run->format))
        return;
    if (run->target_opened)
        file_remove(run->filename);
    if (run->data_file_opened)
        file_remove(run->data_file);
}

static bool create_run(CreateRun *run, GError **error)
{
    /* With objects keys may be derived: that takes what the processor can do. */
    const SessionOptions options = {.memory_bytes = CREATE_MEMORY_BYTES,
                                    .vcpus = 1,
                                    .wants_avx = !objects_is_empty(run->line->objects)};
    const SessionHandlers handlers = {
        .ctx = run, .record = create_record, .reference = create_reference};

    if (!opts_prepare(run, error) || !size_set(run, error) || !backing_options_set(run, error))
        return false;
    g_autoptr(Session) session = session_new(&options, error);
    if (!session)
        return false;
    Value *backing = backing_describe(run, session, error);
    if (*error)
        return false;
    if (!run->has_size && !backing)
        return failure_set(error, "Image creation needs a size parameter");
    session_file_expect(session, run->filename);
    session_file_expect(session, run->data_file);
    g_autoptr(Value) job = job_new(run, backing);
    if (session_run(session, job, &handlers, error))
        return true;
    remains_remove(run);
    return false;
}

void command_create(const CommandLine *line, Report *report)
{
    const char *format = command_line_text(line, 'f');
    CreateRun run = {.line = line,
                     .report = report,
                     .filename = command_line_operand(line, 0),
                     .format = format ? format : "raw"};
    GError *error = NULL;

    if (!create_run(&run, &error)) {
        g_prefix_error(&error, "%s: ", run.filename);
        report_failure(report, error);
    }
    if (run.opts)
        opts_free(run.opts);
    g_free(run.data_file);
}
