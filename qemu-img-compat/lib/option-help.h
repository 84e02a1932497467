/* SPDX-License-Identifier: GPL-2.0-or-later */
/* option-help - what `-o help` prints. */
#ifndef QIC_LIB_OPTION_HELP_H
#define QIC_LIB_OPTION_HELP_H

#include "report.h"

/*
 * The options for creating an image of that format, together with those of the protocol that
 * the target's name selects; without a name (NULL) those of the format alone and a remark.
 * Errors (unknown format or protocol, no creation) go to the report as well.
 */
void option_help_create(Report *report, const char *format, const char *target);

/* The options that `amend` of that format takes. */
void option_help_amend(Report *report, const char *format);

#endif
