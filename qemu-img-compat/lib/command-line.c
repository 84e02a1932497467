/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command-line - see command-line.h. */
#include "command-line.h"

#include <string.h>

#include "command-check.h"
#include "getopt-scan.h"
#include "opts.h"
#include "trace.h"
#include "usage.h"

void command_line_usage_error(Report *report, const char *command, const char *message)
{
    report_error(report, "%s", message);
    g_string_append_printf(report->err, "Try 'qemu-img%s%s --help' for more info\n",
                           command && *command ? " " : "", command ? command : "");
}

/* getopt's own messages name the command, too. */
static bool command_scan_error(const Command *command, const GetoptScan *scan, Report *report)
{
    const char *space = *command->name ? " " : "";

    g_string_append_printf(report->err,
                           "qemu-img%s%s: %s\nTry 'qemu-img%s%s --help' for more info\n", space,
                           command->name, scan->message, space, command->name);
    report->status = 1;
    return false;
}

static bool command_option_take(CommandLine *line, const GetoptScan *scan, Report *report)
{
    if (scan->id == 'h') {
        usage_command_append(report->out, line->command->name);
        return false;
    }
    return command_value_take(line, scan->id, scan->argument, report);
}

/*
 * resize's operands where they stand: the argument right behind the file name may be a negative
 * number, which is not a group of letters then.
 */
static bool command_resize_operand(CommandLine *line, GetoptScan *scan, Report *report)
{
    if (line->operands->len == 2 && !scan->operands_only) {
        command_line_usage_error(report, line->command->name, "Extra argument(s) in command line");
        return false;
    }
    g_ptr_array_add(line->operands, (void *)scan->argument);
    if (line->operands->len == 1 && !scan->operands_only && scan->next < scan->count) {
        const char *size = scan->arguments[scan->next];

        if (size[0] == '-' && g_ascii_isdigit(size[1])) {
            g_ptr_array_add(line->operands, (void *)size);
            scan->next++;
        }
    }
    return true;
}

static bool command_scan(CommandLine *line, GetoptScan *scan, Report *report)
{
    for (;;) {
        bool ok = true;

        switch (getopt_scan_next(scan)) {
        case GETOPT_END:
            return true;
        case GETOPT_ERROR:
            return command_scan_error(line->command, scan, report);
        case GETOPT_OPTION:
            ok = command_option_take(line, scan, report);
            break;
        case GETOPT_OPERAND:
            if (line->command->order == GETOPT_IN_ORDER) {
                ok = command_resize_operand(line, scan, report);
            } else {
                g_ptr_array_add(line->operands, (void *)scan->argument);
            }
            break;
        }
        if (!ok) {
            return false;
        }
    }
}

/* Takes an option that stands before the command; false: the run ends here. */
static bool command_standard_take(const GetoptScan *scan, Report *report)
{
    if (scan->id == 'h') {
        usage_append(report->out);
        return false;
    }
    if (scan->id == 'V') {
        usage_version_append(report->out);
        return false;
    }
    return trace_take(scan->argument, report);
}

/* The options before the command; returns the index of its name in arguments, or -1. */
static int command_standard_scan(int count, char *const *arguments, Report *report)
{
    GetoptScan scan;
    GetoptResult result;
    int index = -1;

    getopt_scan_init(&scan, &command_standard, count, arguments);
    do {
        result = getopt_scan_next(&scan);
    } while (result == GETOPT_OPTION && command_standard_take(&scan, report));
    if (result == GETOPT_OPERAND) {
        index = scan.next - 1;
    } else if (result == GETOPT_ERROR) {
        command_scan_error(&command_standard, &scan, report);
    } else if (result == GETOPT_END) {
        command_line_usage_error(report, NULL, "Not enough arguments");
    }
    getopt_scan_clear(&scan);
    return index;
}

bool command_line_parse(CommandLine *line, int argc, char *const *argv, ObjectsDecrypt decrypt,
                        Report *report)
{
    GetoptScan scan;
    int index = command_standard_scan(argc - 1, argv + 1, report);
    bool ok;

    memset(line, 0, sizeof(*line));
    if (index < 0) {
        return false;
    }
    line->command = command_find(argv[1 + index]);
    if (!line->command) {
        g_autofree char *message = g_strdup_printf("Command not found: %s", argv[1 + index]);

        command_line_usage_error(report, NULL, message);
        return false;
    }
    line->settings = g_array_new(FALSE, FALSE, sizeof(CommandSetting));
    line->operands = g_ptr_array_new();
    line->objects = objects_new(decrypt);
    getopt_scan_init(&scan, line->command, argc - index - 2, argv + index + 2);
    ok = command_scan(line, &scan, report) && command_rules_apply(line, report);
    getopt_scan_clear(&scan);
    return ok;
}

void command_line_clear(CommandLine *line)
{
    if (line->settings) {
        g_array_unref(line->settings);
        g_ptr_array_unref(line->operands);
    }
    objects_free(line->objects);
    g_free(line->option_list);
    g_free(line->snapshot_id);
    g_free(line->snapshot_name);
    memset(line, 0, sizeof(*line));
}

static const CommandSetting *command_setting_find(const CommandLine *line, int id)
{
    for (guint i = line->settings->len; i-- > 0;) {
        const CommandSetting *setting = &g_array_index(line->settings, CommandSetting, i);

        if (setting->id == id) {
            return setting;
        }
    }
    return NULL;
}

bool command_line_has(const CommandLine *line, int id)
{
    return command_setting_find(line, id) != NULL;
}

const char *command_line_text(const CommandLine *line, int id)
{
    const CommandSetting *setting = command_setting_find(line, id);

    return setting ? setting->text : NULL;
}

int64_t command_line_number(const CommandLine *line, int id, int64_t otherwise)
{
    const CommandSetting *setting = command_setting_find(line, id);

    return setting ? setting->number : otherwise;
}

const char *command_line_operand(const CommandLine *line, unsigned index)
{
    return index < line->operands->len ? g_ptr_array_index(line->operands, index) : NULL;
}

bool command_line_wants_json(const CommandLine *line)
{
    return g_strcmp0(command_line_text(line, COMMAND_OPTION_OUTPUT), "json") == 0;
}
