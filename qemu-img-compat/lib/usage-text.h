/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage-text - the texts of usage.h, one row a command; only usage.c includes this. */
#ifndef QIC_LIB_USAGE_TEXT_H
#define QIC_LIB_USAGE_TEXT_H

#include <stddef.h>

typedef struct UsageText {
    const char *command;
    const char *summary;   /* without its full stop */
    const char *syntax;    /* what follows "qemu-img COMMAND " */
    const char *arguments; /* the lines below --help */
} UsageText;

/* In the order of `qemu-img --help`; a row with a NULL command ends it. */
extern const UsageText usage_texts[];

#endif
