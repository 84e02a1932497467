/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report - see report.h. */
#include "report.h"

Report *report_new(void)
{
    Report *report = g_new0(Report, 1);

    report->out = g_string_new(NULL);
    report->err = g_string_new(NULL);
    return report;
}

void report_free(Report *report)
{
    if (report) {
        g_string_free(report->out, TRUE);
        g_string_free(report->err, TRUE);
        g_free(report);
    }
}

void report_error(Report *report, const char *format, ...)
{
    va_list arguments;

    g_string_append(report->err, "qemu-img: ");
    va_start(arguments, format);
    g_string_append_vprintf(report->err, format, arguments);
    va_end(arguments);
    g_string_append_c(report->err, '\n');
    report->status = 1;
}

void report_failure(Report *report, GError *error)
{
    report_error(report, "%s", error->message);
    g_error_free(error);
}

void report_warning(Report *report, const char *format, ...)
{
    va_list arguments;

    g_string_append(report->err, "qemu-img: warning: ");
    va_start(arguments, format);
    g_string_append_vprintf(report->err, format, arguments);
    va_end(arguments);
    g_string_append_c(report->err, '\n');
}
