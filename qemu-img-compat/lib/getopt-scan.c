/* SPDX-License-Identifier: GPL-2.0-or-later */
/* getopt-scan - see getopt-scan.h. */
#include "getopt-scan.h"

#include <stdlib.h>
#include <string.h>

void getopt_scan_init(GetoptScan *scan, const Command *command, int count, char *const *arguments)
{
    memset(scan, 0, sizeof(*scan));
    scan->command = command;
    scan->arguments = arguments;
    scan->count = count;
}

void getopt_scan_clear(GetoptScan *scan)
{
    g_clear_pointer(&scan->message, g_free);
}

static GetoptResult G_GNUC_PRINTF(2, 3) getopt_fail(GetoptScan *scan, const char *format, ...)
{
    va_list arguments;

    g_free(scan->message);
    va_start(arguments, format);
    scan->message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return GETOPT_ERROR;
}

/* The argument of an option: what is glued to it, or else the next one. */
static bool getopt_argument_take(GetoptScan *scan, const char *glued)
{
    scan->argument = glued;
    if (!glued && scan->next < scan->count) {
        scan->argument = scan->arguments[scan->next++];
    }
    return scan->argument != NULL;
}

static GetoptResult getopt_letter_next(GetoptScan *scan)
{
    char letter = *scan->letters++;
    const char *known = letter != ':' ? strchr(scan->command->letters, letter) : NULL;
    const char *rest = *scan->letters ? scan->letters : NULL;

    scan->letters = rest;
    if (!known) {
        return getopt_fail(scan, "invalid option -- '%c'", letter);
    }
    scan->id = (unsigned char)letter;
    scan->argument = NULL;
    if (known[1] == ':') {
        scan->letters = NULL;
        if (!getopt_argument_take(scan, rest)) {
            return getopt_fail(scan, "option requires an argument -- '%c'", letter);
        }
    }
    return GETOPT_OPTION;
}

static bool getopt_longs_are_same(const GetoptLong *left, const GetoptLong *right)
{
    return left->id == right->id && left->has_argument == right->has_argument;
}

/* All names that begin with the given one and differ in meaning from the first such. */
static GetoptResult getopt_long_ambiguous(GetoptScan *scan, const char *name, size_t length)
{
    g_autoptr(GString) names = g_string_new(NULL);
    const GetoptLong *first = NULL;

    for (const GetoptLong *row = scan->command->longs; row->name; row++) {
        if (strncmp(row->name, name, length) != 0) {
            continue;
        }
        if (!first || !getopt_longs_are_same(first, row)) {
            g_string_append_printf(names, " '--%s'", row->name);
        }
        first = first ? first : row;
    }
    return getopt_fail(scan, "option '--%s' is ambiguous; possibilities:%s", name, names->str);
}

static const GetoptLong *getopt_long_exact(const GetoptLong *rows, const char *name, size_t length)
{
    for (; rows && rows->name; rows++) {
        if (strlen(rows->name) == length && !memcmp(rows->name, name, length)) {
            return rows;
        }
    }
    return NULL;
}

/* The row that an abbreviation means: exact, or the only meaning among those it begins. */
static const GetoptLong *getopt_long_find(GetoptScan *scan, const char *name, size_t length,
                                          bool *ambiguous)
{
    const GetoptLong *found = getopt_long_exact(scan->command->longs, name, length);

    *ambiguous = false;
    if (found) {
        return found;
    }
    for (const GetoptLong *row = scan->command->longs; row->name; row++) {
        if (!strncmp(row->name, name, length)) {
            *ambiguous = *ambiguous || (found && !getopt_longs_are_same(found, row));
            found = found ? found : row;
        }
    }
    return found ? found : getopt_long_exact(scan->command->newer, name, length);
}

static GetoptResult getopt_long_next(GetoptScan *scan, const char *name)
{
    size_t length = strcspn(name, "=");
    const char *glued = name[length] ? name + length + 1 : NULL;
    bool ambiguous;
    const GetoptLong *row = getopt_long_find(scan, name, length, &ambiguous);

    if (ambiguous) {
        return getopt_long_ambiguous(scan, name, length);
    }
    if (!row) {
        return getopt_fail(scan, "unrecognized option '--%s'", name);
    }
    scan->id = row->id;
    scan->argument = NULL;
    if (!row->has_argument && glued) {
        return getopt_fail(scan, "option '--%s' doesn't allow an argument", row->name);
    }
    if (row->has_argument && !getopt_argument_take(scan, glued)) {
        return getopt_fail(scan, "option '--%s' requires an argument", row->name);
    }
    return GETOPT_OPTION;
}

static bool getopt_operand_ends(const Command *command)
{
    return command->order == GETOPT_STOP ||
           (command->order == GETOPT_PERMUTE && getenv("POSIXLY_CORRECT"));
}

GetoptResult getopt_scan_next(GetoptScan *scan)
{
    const char *argument;

    if (scan->letters) {
        return getopt_letter_next(scan);
    }
    if (scan->next >= scan->count) {
        return GETOPT_END;
    }
    argument = scan->arguments[scan->next++];
    if (!scan->operands_only && g_str_equal(argument, "--")) {
        scan->operands_only = true;
        return getopt_scan_next(scan);
    }
    if (scan->operands_only || argument[0] != '-' || !argument[1]) {
        scan->operands_only = scan->operands_only || getopt_operand_ends(scan->command);
        scan->argument = argument;
        return GETOPT_OPERAND;
    }
    if (argument[1] == '-') {
        return getopt_long_next(scan, argument + 2);
    }
    scan->letters = argument + 1;
    return getopt_letter_next(scan);
}
