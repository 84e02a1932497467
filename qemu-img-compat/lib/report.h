/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report - what a run is to print and to exit with, collected instead of printed, so that
 * nothing in this library touches a stream and tests can compare it whole.
 */
#ifndef QIC_LIB_REPORT_H
#define QIC_LIB_REPORT_H

#include "failure.h"

typedef struct Report {
    GString *out;
    GString *err;
    int status;
} Report;

Report *report_new(void);
void report_free(Report *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Report, report_free)

/* "qemu-img: MESSAGE" on standard error, whatever the program is called. Sets status to 1. */
void report_error(Report *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The same with a failure's text, which is freed. */
void report_failure(Report *report, GError *error);

/* "qemu-img: warning: MESSAGE" on standard error; the status stays. */
void report_warning(Report *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
