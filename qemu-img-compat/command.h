/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command - what main hands to a subcommand, and what subcommands share. */
#ifndef QIC_COMMAND_H
#define QIC_COMMAND_H

#include "lib/command-line.h"
#include "session.h"

/* A subcommand: all that it prints, and its exit status, go to the report. */
typedef void CommandRun(const CommandLine *line, Report *report);

CommandRun command_compare;
CommandRun command_convert;
CommandRun command_check;
CommandRun command_create;
CommandRun command_dd;
CommandRun command_info;
CommandRun command_map;
CommandRun command_measure;

/* Print what the report holds so far: before something that may take long, or not end. */
void report_flush(Report *report);

#endif
