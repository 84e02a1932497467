/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command-rules - how options and operands go together; part of command-check.h. */
#include <string.h>

#include "cache-mode.h"
#include "command-check.h"
#include "option-help.h"
#include "opts.h"
#include "size.h"

/* The names of dd's operands. */
static const GetoptLong command_dd_names[] = {
    {"bs",    COMMAND_OPERAND_BS,    true },
    {"count", COMMAND_OPERAND_COUNT, true },
    {"if",    COMMAND_OPERAND_IF,    true },
    {"of",    COMMAND_OPERAND_OF,    true },
    {"skip",  COMMAND_OPERAND_SKIP,  true },
    {"isize", COMMAND_OPERAND_ISIZE, true },
    {"osize", COMMAND_OPERAND_OSIZE, true },
    {NULL,    0,                     false},
};

static bool command_dd_operand_take(CommandLine *line, const char *operand, const CommandRule *rule,
                                    Report *report)
{
    size_t length = strcspn(operand, "=");
    g_autofree char *name = g_strndup(operand, length);

    for (const GetoptLong *row = command_dd_names; operand[length] && row->name; row++) {
        if (g_str_equal(row->name, name)) {
            return command_value_take(line, row->id, operand + length + 1, report);
        }
    }
    command_message_report(line, rule->message, name, rule->hint, report);
    return false;
}

static bool command_dd_operands_take(CommandLine *line, const CommandRule *rule, Report *report)
{
    for (guint i = 0; i < line->operands->len; i++) {
        if (!command_dd_operand_take(line, g_ptr_array_index(line->operands, i), rule, report)) {
            return false;
        }
    }
    return true;
}

static void command_size_store(CommandLine *line, const char *text, int64_t bytes)
{
    CommandSetting setting = {COMMAND_OPERAND_SIZE, text, bytes};

    g_array_append_val(line->settings, setting);
}

static bool command_create_size_take(CommandLine *line, const CommandRule *rule, Report *report)
{
    const char *text = command_line_operand(line, 1);
    GError *error = NULL;
    int64_t bytes;

    if (!text) {
        return true;
    }
    if (!size_argument_parse(rule->message, text, 0, INT64_MAX, &bytes, &error)) {
        report_failure(report, error);
        return false;
    }
    command_size_store(line, text, bytes);
    return true;
}

/* resize's size is parsed as an option of type size; sign and all are kept as the text. */
static bool command_resize_size_take(CommandLine *line, const CommandRule *rule, Report *report)
{
    const char *text = command_line_operand(line, 1);
    GError *error = NULL;
    uint64_t bytes;

    if (!opt_size_parse(rule->message, text + (*text == '+' || *text == '-'), &bytes, &error)) {
        report_failure(report, error);
        return false;
    }
    command_size_store(line, text, (int64_t)bytes);
    return true;
}

/* Ends the run with the options of a format, where -o asks for them. */
static bool command_option_help(const CommandLine *line, Report *report)
{
    const char *format = command_line_text(line, line->command->id == COMMAND_CONVERT ? 'O' : 'f');
    guint operands = line->operands->len;

    if (!line->option_list || !opts_text_wants_help(line->option_list)) {
        return true;
    }
    if (line->command->id == COMMAND_AMEND) {
        /* Without a format it depends on the image. */
        if (format) {
            option_help_amend(report, format);
        }
        return format == NULL;
    }
    if (line->command->id == COMMAND_CONVERT) {
        option_help_create(report, format ? format : "raw",
                           operands > 1 ? command_line_operand(line, operands - 1) : NULL);
        return false;
    }
    option_help_create(report, format ? format : "raw", command_line_operand(line, 0));
    return false;
}

static bool command_bitmap_has_action(const CommandLine *line)
{
    for (int id = COMMAND_OPTION_ADD; id <= COMMAND_OPTION_MERGE; id++) {
        if (command_line_has(line, id)) {
            return true;
        }
    }
    return false;
}

/* Given, and if it is a number not 0: a 0 counts as if it were not there. */
static bool command_is_on(const CommandLine *line, int id)
{
    const CommandValue *row = command_value_find(line->command->id, id);
    bool numeric = row && (row->kind == COMMAND_VALUE_SIZE || row->kind == COMMAND_VALUE_COUNT);

    return numeric ? command_line_number(line, id, 0) != 0 : command_line_has(line, id);
}

/* Only who asks for more than the reference has may leave a file out, and means a stream by it. */
static bool command_dd_streams(const CommandLine *line)
{
    return command_line_has(line, COMMAND_OPERAND_ISIZE) ||
           command_line_has(line, COMMAND_OPERAND_OSIZE) || command_line_has(line, 'n') ||
           command_line_has(line, 'l');
}

/* Does the line keep the rule? `text` is then what its message shows. */
static bool command_rule_holds(const CommandLine *line, const CommandRule *rule, const char **text)
{
    bool first = command_line_has(line, rule->first);
    bool second = command_line_has(line, rule->second);
    int operands = (int)line->operands->len;

    switch (rule->kind) {
    case COMMAND_RULE_OPERANDS:
        return operands >= rule->first && operands <= rule->second;
    case COMMAND_RULE_EXCESS:
        *text = command_line_operand(line, (unsigned)rule->first);
        return *text == NULL;
    case COMMAND_RULE_CONFLICT:
        return !first || !second;
    case COMMAND_RULE_NEEDS:
        return !command_is_on(line, rule->first) || second;
    case COMMAND_RULE_NEEDS_EITHER:
        return first || second;
    case COMMAND_RULE_DD_FILES:
        return (first && second) || command_dd_streams(line);
    case COMMAND_RULE_NEEDS_NAME:
        return !first || operands > 0;
    case COMMAND_RULE_NO_NAME:
        return !first || operands == 0;
    case COMMAND_RULE_NAME_OR:
        return first || operands > 0;
    case COMMAND_RULE_ACTION:
        return command_bitmap_has_action(line);
    case COMMAND_RULE_CHECKSUM:
        return !command_line_has(line, COMMAND_OPTION_CHECKSUM) || !command_line_has(line, 'n') ||
               !command_line_has(line, 'B');
    case COMMAND_RULE_CACHE:
        *text = command_line_text(line, rule->first);
        return *text == NULL || cache_mode_find(*text) != NULL;
    default:
        return true;
    }
}

static bool command_rule_apply(CommandLine *line, const CommandRule *rule, Report *report)
{
    const char *text = NULL;

    switch (rule->kind) {
    case COMMAND_RULE_HELP:
        return command_option_help(line, report);
    case COMMAND_RULE_CREATE_SIZE:
        return command_create_size_take(line, rule, report);
    case COMMAND_RULE_RESIZE_SIZE:
        return command_resize_size_take(line, rule, report);
    case COMMAND_RULE_DD_OPERANDS:
        return command_dd_operands_take(line, rule, report);
    default:
        break;
    }
    if (command_rule_holds(line, rule, &text)) {
        return true;
    }
    command_message_report(line, rule->message, text, rule->hint, report);
    report->status = rule->status;
    return false;
}

bool command_rules_apply(CommandLine *line, Report *report)
{
    const CommandRule *rule;

    for (size_t i = 0; (rule = command_rule_at(i)); i++) {
        if (rule->command == line->command->id && !command_rule_apply(line, rule, report)) {
            return false;
        }
    }
    return true;
}
