/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: what is wrong with an image, for people or as JSON, and as an exit status. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "error-text.h"
#include "lib/cache-mode.h"
#include "lib/json-print.h"
#include "lib/name.h"
#include "lib/node.h"
#include "node-open.h"
#include "tree-value.h"

enum {
    SMALL_FILE_BYTES = 64 << 20, /* what is larger gets room to count many clusters */
    SMALL_MEMORY_BYTES = 64 << 20,
    LARGE_MEMORY_BYTES = 1 << 30, /* taken only as far as it is used */
};

/* Exit statuses of a check that could be made, and of one that the format does not have. */
enum { STATUS_CORRUPT = 2, STATUS_LEAKS = 3, STATUS_UNSUPPORTED = 63 };

/* What the guest's answer holds, under the names that JSON has for it. */
enum {
    CHECK_ERRORS,
    CORRUPTIONS,
    LEAKS,
    CORRUPTIONS_FIXED,
    LEAKS_FIXED,
    IMAGE_END_OFFSET,
    TOTAL_CLUSTERS,
    ALLOCATED_CLUSTERS,
    FRAGMENTED_CLUSTERS,
    COMPRESSED_CLUSTERS,
    COUNTS
};

static const char *const count_names[COUNTS] = {
    "check-errors",        "corruptions",        "leaks",          "corruptions-fixed",
    "leaks-fixed",         "image-end-offset",   "total-clusters", "allocated-clusters",
    "fragmented-clusters", "compressed-clusters"};

/* What is to be mended, as the guest numbers it. */
enum { FIX_LEAKS = 1, FIX_ERRORS = 2 };

typedef struct CheckRun {
    const CommandLine *line;
    Report *report;
    unsigned fix; /* FIX_* */
    bool answered;
    int status; /* 0 or a negative errno: the check came to no end */
    char *format;
    int64_t count[COUNTS];
} CheckRun;

static void findings_print(CheckRun *run, const struct tree *tree)
{
    struct tree_item list, item;

    if (!tree_find(tree, tree_root(tree), "findings", &list) || list.type != TREE_LIST)
        return;
    for (size_t at = list.inside; tree_next(tree, &at, &item);) {
        if (item.type != TREE_DICT)
            continue;
        g_autofree char *text = error_frame_text(tree, item.inside, NULL);
        g_string_append_printf(run->report->err, "%s\n", text);
    }
    report_flush(run->report);
}

/* A status of the guest's that is none counts as a failed read. */
static int errno_checked(int64_t status)
{
    enum { ERRNO_MAX = 4095 };

    return status > 0 || status < -ERRNO_MAX ? -EIO : (int)status;
}

static void counts_read(CheckRun *run, const struct tree *tree)
{
    size_t root = tree_root(tree);
    struct tree_item item;

    if (tree_find(tree, root, "status", &item) && item.type == TREE_I64)
        run->status = errno_checked((int64_t)item.number);
    g_free(run->format);
    run->format = tree_dup_text(tree, root, "format");
    if (!run->format)
        run->format = g_strdup("");
    for (size_t i = 0; i < COUNTS; i++)
        run->count[i] = (int64_t)tree_get_u64(tree, root, count_names[i], 0);
}

/* Something was mended, and a second look follows. */
static void repair_print(const CheckRun *run)
{
    if (!command_line_has(run->line, 'q') && !command_line_wants_json(run->line))
        g_string_append_printf(run->report->out,
                               "The following inconsistencies were found and repaired:\n\n"
                               "    %" PRId64 " leaked clusters\n"
                               "    %" PRId64 " corruptions\n\n"
                               "Double checking the fixed image now...\n",
                               run->count[LEAKS_FIXED], run->count[CORRUPTIONS_FIXED]);
    report_flush(run->report);
}

static bool check_record(void *ctx, Session *session, enum abi_record kind, const struct tree *tree,
                         GError **error)
{
    CheckRun *run = ctx;

    (void)session;
    if (kind == ABI_RECORD_STEP) {
        findings_print(run, tree);
        return true;
    }
    if (run->answered)
        return failure_set(error, "The sandboxed image parser gave more than one answer");
    counts_read(run, tree);
    if (kind == ABI_RECORD_NOTE)
        repair_print(run);
    else
        run->answered = true;
    return true;
}

static bool check_reference(void *ctx, Session *session, const struct tree *reference,
                            uint32_t *device, struct tree_writer *reply, int *status,
                            GError **error)
{
    (void)ctx;
    return session_backing_open(session, reference, device, reply, status, error);
}

/* Memory by what may have to be counted. */
static void memory_choose(Session *session, const Value *description)
{
    struct vmm_device_facts facts;
    bool known = session_file_facts(session, session_description_device(description), &facts);

    if (!known || facts.size_bytes > SMALL_FILE_BYTES)
        session_memory_set(session, LARGE_MEMORY_BYTES, true);
}

static Value *image_open(const CheckRun *run, Session *session, const Value *node, GError **error)
{
    return run->fix ? session_target_open(session, node, error)
                    : session_node_open(session, node, true, error);
}

static bool check_run(CheckRun *run, const Value *node, GError **error)
{
    const CommandLine *line = run->line;
    const SessionOptions options = {.memory_bytes = SMALL_MEMORY_BYTES,
                                    .vcpus = 1,
                                    .force_share = command_line_has(line, 'U'),
                                    .objects = line->objects};
    const SessionHandlers handlers = {
        .ctx = run, .record = check_record, .reference = check_reference};

    if (run->fix && options.force_share)
        return failure_set(error, "force-share=on can only be used with read-only images");
    g_autoptr(Session) session = session_new(&options, error);
    g_autoptr(Value) description = session ? image_open(run, session, node, error) : NULL;

    if (!description)
        return false;
    memory_choose(session, description);
    g_autoptr(Value) job = value_new_dict();
    value_dict_put_string(job, "operation", "check");
    value_dict_put(job, "fix", value_new_uint(run->fix));
    value_dict_put(job, "image", g_steal_pointer(&description));
    objects_job_put(line->objects, job);
    if (!session_run(session, job, &handlers, error))
        return false;
    return run->answered || failure_set(error, "The sandboxed image parser gave no answer");
}

static void human_print(GString *out, const int64_t *count)
{
    if (!count[CORRUPTIONS] && !count[LEAKS] && !count[CHECK_ERRORS])
        g_string_append(out, "No errors were found on the image.\n");
    if (count[CORRUPTIONS])
        g_string_append_printf(out,
                               "\n%" PRId64 " errors were found on the image.\n"
                               "Data may be corrupted, or further writes to the image may "
                               "corrupt it.\n",
                               count[CORRUPTIONS]);
    if (count[LEAKS])
        g_string_append_printf(out,
                               "\n%" PRId64 " leaked clusters were found on the image.\n"
                               "This means waste of disk space, but no harm to data.\n",
                               count[LEAKS]);
    if (count[CHECK_ERRORS])
        g_string_append_printf(out,
                               "\n%" PRId64 " internal errors have occurred during the check.\n",
                               count[CHECK_ERRORS]);
    if (count[TOTAL_CLUSTERS] && count[ALLOCATED_CLUSTERS])
        g_string_append_printf(
            out,
            "%" PRId64 "/%" PRId64 " = %0.2f%% allocated, "
            "%0.2f%% fragmented, %0.2f%% compressed clusters\n",
            count[ALLOCATED_CLUSTERS], count[TOTAL_CLUSTERS],
            (double)count[ALLOCATED_CLUSTERS] * 100.0 / (double)count[TOTAL_CLUSTERS],
            (double)count[FRAGMENTED_CLUSTERS] * 100.0 / (double)count[ALLOCATED_CLUSTERS],
            (double)count[COMPRESSED_CLUSTERS] * 100.0 / (double)count[ALLOCATED_CLUSTERS]);
    if (count[IMAGE_END_OFFSET])
        g_string_append_printf(out, "Image end offset: %" PRId64 "\n", count[IMAGE_END_OFFSET]);
}

static void json_print(GString *out, const CheckRun *run)
{
    g_autoptr(Value) value = value_new_dict();

    value_dict_put_string(value, "filename", command_line_operand(run->line, 0));
    value_dict_put_string(value, "format", run->format);
    for (size_t i = 0; i < COUNTS; i++) {
        if (run->count[i] || i == CHECK_ERRORS)
            value_dict_put_int(value, count_names[i], run->count[i]);
    }
    json_value_append(out, value, true, 0);
    g_string_append_c(out, '\n');
}

static void check_print(const CheckRun *run)
{
    Report *report = run->report;

    if (run->status == -ENOTSUP) {
        report_error(report, "This image format does not support checks");
        report->status = STATUS_UNSUPPORTED;
        return;
    }
    if (run->status < 0) {
        report_error(report, "Check failed: %s", strerror(-run->status));
        return;
    }
    if (!command_line_has(run->line, 'q')) {
        if (command_line_wants_json(run->line))
            json_print(report->out, run);
        else
            human_print(report->out, run->count);
    }
    if (run->count[CHECK_ERRORS])
        report_error(report, "Check failed");
    else if (run->count[CORRUPTIONS])
        report->status = STATUS_CORRUPT;
    else if (run->count[LEAKS])
        report->status = STATUS_LEAKS;
}

/* -T: how the image's file is opened, unless its own options say so. */
static void cache_apply(Value *node, const CommandLine *line)
{
    const char *name = command_line_text(line, 'T');
    const CacheMode *mode = name ? cache_mode_find(name) : NULL;

    if (!mode)
        return;
    if (mode->direct && !value_dict_has(node, "cache.direct"))
        value_dict_put_bool(node, "cache.direct", true);
    if (mode->no_flush && !value_dict_has(node, "cache.no-flush"))
        value_dict_put_bool(node, "cache.no-flush", true);
}

void command_check(const CommandLine *line, Report *report)
{
    const char *name = command_line_operand(line, 0);
    const char *repair = command_line_text(line, 'r');
    CheckRun run = {.line = line, .report = report};
    GError *error = NULL;

    if (repair)
        run.fix = g_str_equal(repair, "all") ? FIX_LEAKS | FIX_ERRORS : FIX_LEAKS;
    g_autoptr(Value) node =
        node_from_argument(name, command_line_has(line, COMMAND_OPTION_IMAGE_OPTS),
                           command_line_text(line, 'f'), command_line_has(line, 'U'), report);
    if (!node)
        return;
    cache_apply(node, line);
    if (check_run(&run, node, &error)) {
        check_print(&run);
    } else {
        g_prefix_error(&error, "Could not open '%s': ", name);
        report_failure(report, error);
    }
    g_free(run.format);
}
