/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command-line - a whole command line of qemu-img, parsed and checked as far as that needs no
 * image; what is wrong, and what --help and -o help print, goes to a report.
 */
#ifndef QIC_LIB_COMMAND_LINE_H
#define QIC_LIB_COMMAND_LINE_H

#include "getopt-table.h"
#include "objects.h"
#include "report.h"

/* One option or named operand, in the order given. */
typedef struct CommandSetting {
    int id;
    const char *text; /* the argument, or NULL */
    int64_t number;   /* of sizes and counts; of choices the position of the word */
} CommandSetting;

typedef struct CommandLine {
    const Command *command;
    GArray *settings;    /* CommandSetting */
    GPtrArray *operands; /* const char *; they and the texts above belong to argv */
    char *option_list;   /* all -o joined, or NULL */
    Objects *objects;    /* --object */
    char *snapshot_id;   /* of -l snapshot.id=,snapshot.name= */
    char *snapshot_name; /* the same, or -l's plain argument with snapshot_is_plain */
    bool snapshot_is_plain;
} CommandLine;

/*
 * Parses argv (argv[0] is not looked at). Returns true if the command is to be run; warnings may
 * be in the report all the same. Else the report holds all that is to be printed, and the status
 * to exit with. decrypt: see objects_new. The line must be cleared in both cases.
 */
bool command_line_parse(CommandLine *line, int argc, char *const *argv, ObjectsDecrypt decrypt,
                        Report *report);
void command_line_clear(CommandLine *line);

/* Was the option given? */
bool command_line_has(const CommandLine *line, int id);

/* The last argument given to the option, or NULL. */
const char *command_line_text(const CommandLine *line, int id);

/* The last number given to the option, or otherwise. */
int64_t command_line_number(const CommandLine *line, int id, int64_t otherwise);

/* The index-th operand, or NULL. */
const char *command_line_operand(const CommandLine *line, unsigned index);

/* Is --output=json the last one given? */
bool command_line_wants_json(const CommandLine *line);

/*
 * Adds an error in the reference's way to the report: the message and, with a command,
 * "Try 'qemu-img COMMAND --help' for more info" (without one "Try 'qemu-img --help' ...").
 */
void command_line_usage_error(Report *report, const char *command, const char *message);

#endif
