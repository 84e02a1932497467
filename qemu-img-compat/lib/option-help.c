/* SPDX-License-Identifier: GPL-2.0-or-later */
/* option-help - see option-help.h. */
#include "option-help.h"

#include "drivers.h"
#include "name.h"
#include "option-tables.h"

void option_help_create(Report *report, const char *format, const char *target)
{
    const OptRow *tables[] = {option_table_create(format), NULL, NULL};
    const Driver *protocol = NULL;
    GError *error = NULL;

    if (!driver_find(format)) {
        report_error(report, "Unknown file format '%s'", format);
        return;
    }
    if (!tables[0]) {
        report_error(report, "Format driver '%s' does not support image creation", format);
        return;
    }
    if (target) {
        protocol = name_protocol_find(target, &error);
        if (!protocol) {
            report_failure(report, error);
            return;
        }
        tables[1] = option_table_create(protocol->name);
        if (!tables[1]) {
            report_error(report, "Protocol driver '%s' does not support image creation",
                         protocol->name);
            return;
        }
        g_string_append(report->out, "Supported options:\n");
    } else {
        g_string_append_printf(report->out, "Supported %s options:\n", format);
    }
    opts_help_append(report->out, tables);
    if (!target) {
        g_string_append(report->out, "\nThe protocol level may support further options.\n"
                                     "Specify the target filename to include those options.\n");
    }
}

void option_help_amend(Report *report, const char *format)
{
    const OptRow *tables[] = {option_table_amend(format), NULL};

    if (!driver_find(format)) {
        report_error(report, "Unknown file format '%s'", format);
    } else if (!tables[0]) {
        report_error(report, "Format driver '%s' does not support option amendment", format);
    } else {
        g_string_append_printf(report->out, "Amend options for '%s':\n", format);
        opts_help_append(report->out, tables);
    }
}
