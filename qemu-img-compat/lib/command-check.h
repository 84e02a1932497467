/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command-check - the checks of one value, and of the line as a whole; part of command-line. */
#ifndef QIC_LIB_COMMAND_CHECK_H
#define QIC_LIB_COMMAND_CHECK_H

#include "command-line.h"

/* Checks and converts a value as its row says and stores it. False: the report says why. */
bool command_value_take(CommandLine *line, int id, const char *text, Report *report);

/* Applies the rules of the line's command. False: the report says why. */
bool command_rules_apply(CommandLine *line, Report *report);

/* A message with its %s replaced and, if asked for, the hint at --help behind it. */
void command_message_report(const CommandLine *line, const char *message, const char *text,
                            bool hint, Report *report);

#endif
