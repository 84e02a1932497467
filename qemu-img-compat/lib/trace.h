/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace - -T/--trace, for callers that give it. Nothing here is traced; what the option's argument
 * says is checked against the reference's list of events, and its log file is made.
 */
#ifndef QIC_LIB_TRACE_H
#define QIC_LIB_TRACE_H

#include "report.h"

/* Takes the argument. False: the run ends here (help, or an error in the report). */
bool trace_take(const char *text, Report *report);

/* The index-th event in the order of the reference's list, NULL behind the last. */
const char *trace_event_at(size_t index);

#endif
