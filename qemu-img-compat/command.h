/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command - what main hands to a subcommand, and what the subcommands share. */
#ifndef QIC_COMMAND_H
#define QIC_COMMAND_H

#include "lib/getopt-table.h"
#include "session.h"

/* A subcommand: its options are parsed, its operands counted. Returns the exit status. */
typedef int CommandRun(const Arguments *arguments);

CommandRun command_create;
CommandRun command_info;

/* "qemu-img: MESSAGE" and any hint lines, to standard error. Frees the error. Returns 1. */
int command_fail(GError *error);

#endif
