/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command-check - values of options as they are seen; see command-check.h. */
#include "command-check.h"

#include <string.h>

#include "drivers.h"
#include "opts.h"
#include "size.h"

enum {
    COMMAND_SECTOR_BYTES = 512,
    COMMAND_SPARSE_MAX_BYTES = 16 << 20, /* the size of convert's buffers */
};

void command_message_report(const CommandLine *line, const char *message, const char *text,
                            bool hint, Report *report)
{
    g_auto(GStrv) parts = g_strsplit(message, "%s", 2);
    g_autofree char *whole = g_strjoinv(text ? text : "", parts);

    if (hint) {
        command_line_usage_error(report, line->command->name, whole);
    } else {
        report_error(report, "%s", whole);
    }
}

static bool command_choice_parse(const CommandLine *line, const CommandValue *row, const char *text,
                                 int64_t *number, Report *report)
{
    g_auto(GStrv) words = g_strsplit(row->words, " ", -1);

    for (int64_t i = 0; words[i]; i++) {
        if (g_str_equal(words[i], text)) {
            *number = i;
            return true;
        }
    }
    command_message_report(line, row->what, text, row->hint, report);
    return false;
}

static bool command_size_parse(const CommandValue *row, const char *text, int64_t *number,
                               Report *report)
{
    GError *error = NULL;
    bool ok = row->kind == COMMAND_VALUE_COUNT
                  ? size_count_parse(row->what, text, row->min, row->max, number, &error)
                  : size_argument_parse(row->what, text, row->min, row->max, number, &error);

    if (!ok) {
        report_failure(report, error);
    }
    return ok;
}

static bool command_sparse_parse(const CommandValue *row, const char *text, int64_t *number,
                                 Report *report)
{
    if (!command_size_parse(row, text, number, report)) {
        return false;
    }
    if (*number % COMMAND_SECTOR_BYTES || *number > COMMAND_SPARSE_MAX_BYTES) {
        report_error(report,
                     "Invalid %s specified. Valid sizes are multiples of %d up to %d. Select 0 to "
                     "disable sparse detection (fully allocates output).",
                     row->what, COMMAND_SECTOR_BYTES, COMMAND_SPARSE_MAX_BYTES);
        return false;
    }
    return true;
}

static bool command_list_append(CommandLine *line, const char *text, Report *report)
{
    GError *error = NULL;

    if (!opts_text_append(&line->option_list, text, &error)) {
        report_failure(report, error);
        return false;
    }
    return true;
}

static bool command_object_add(CommandLine *line, const char *text, Report *report)
{
    GError *error = NULL;

    if (objects_add(line->objects, text, report->out, &error)) {
        return true;
    }
    if (error) {
        report_failure(report, error);
        /* For compare, 1 means that the images differ. */
        report->status = line->command->id == COMMAND_COMPARE ? 2 : 1;
    }
    return false;
}

static bool command_is_action_given(const CommandLine *line)
{
    static const char actions[] = "lacd";

    for (const char *action = actions; *action; action++) {
        if (command_line_has(line, *action)) {
            return true;
        }
    }
    return false;
}

static const OptRow command_snapshot_rows[] = {
    {"snapshot.id",   OPT_STRING, NULL, "snapshot id"  },
    {"snapshot.name", OPT_STRING, NULL, "snapshot name"},
    {NULL,            OPT_STRING, NULL, NULL           },
};

/* -l snapshot.id=..,snapshot.name=..; flags without '=' are warned about. */
static bool command_snapshot_parse(CommandLine *line, const char *text, Report *report)
{
    const OptRow *tables[] = {command_snapshot_rows, NULL};
    g_autoptr(Opts) opts = opts_new(tables);
    GError *error = NULL;
    bool help = false;

    if (!opts_parse_warning(opts, text, report->err, &help, &error)) {
        if (help) {
            g_string_append(report->out, "snapshot options:\n");
            opts_help_append(report->out, tables);
        } else {
            report_failure(report, error);
        }
        report_error(report, "Failed in parsing snapshot param '%s'", text);
        return false;
    }
    line->snapshot_is_plain = false;
    g_free(line->snapshot_id);
    g_free(line->snapshot_name);
    line->snapshot_id = g_strdup(opts_get(opts, "snapshot.id"));
    line->snapshot_name = g_strdup(opts_get(opts, "snapshot.name"));
    return true;
}

static bool command_snapshot_take(CommandLine *line, const char *text, Report *report)
{
    if (g_str_has_prefix(text, "snapshot.")) {
        return command_snapshot_parse(line, text, report);
    }
    g_clear_pointer(&line->snapshot_id, g_free);
    g_free(line->snapshot_name);
    line->snapshot_name = g_strdup(text);
    line->snapshot_is_plain = true;
    return true;
}

static bool command_value_check(CommandLine *line, const CommandValue *row, const char *text,
                                int64_t *number, Report *report)
{
    switch (row->kind) {
    case COMMAND_VALUE_SIZE:
    case COMMAND_VALUE_COUNT:
        return command_size_parse(row, text, number, report);
    case COMMAND_VALUE_SPARSE:
        return command_sparse_parse(row, text, number, report);
    case COMMAND_VALUE_CHOICE:
        return command_choice_parse(line, row, text, number, report);
    case COMMAND_VALUE_LIST:
        return command_list_append(line, text, report);
    case COMMAND_VALUE_OBJECT:
        return command_object_add(line, text, report);
    case COMMAND_VALUE_SNAPSHOT:
        return command_snapshot_take(line, text, report);
    case COMMAND_VALUE_ACTION:
        if (command_is_action_given(line)) {
            command_message_report(line, row->what, NULL, row->hint, report);
            return false;
        }
        return true;
    }
    return true;
}

bool command_value_take(CommandLine *line, int id, const char *text, Report *report)
{
    CommandSetting setting = {id, text, 0};
    const CommandValue *row = command_value_find(line->command->id, id);

    if (row && !command_value_check(line, row, text, &setting.number, report)) {
        return false;
    }
    g_array_append_val(line->settings, setting);
    return true;
}
