/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * getopt-scan - cuts an argument vector into options and operands as glibc's getopt_long does,
 * with its messages, but without global state, and leaving the vector alone.
 */
#ifndef QIC_LIB_GETOPT_SCAN_H
#define QIC_LIB_GETOPT_SCAN_H

#include <glib.h>

#include "getopt-table.h"

typedef enum GetoptResult {
    GETOPT_END,     /* all arguments have been seen */
    GETOPT_OPTION,  /* id and argument (NULL if it takes none) are set */
    GETOPT_OPERAND, /* argument is one */
    GETOPT_ERROR,   /* message is set, without the program's name before it */
} GetoptResult;

typedef struct GetoptScan {
    const Command *command;
    char *const *arguments; /* without the program's or command's name */
    int count;
    int next;            /* the next argument to look at */
    const char *letters; /* what is left of a group of letters, or NULL */
    bool operands_only;  /* "--" was seen, or the first operand of GETOPT_STOP */
    int id;
    const char *argument;
    char *message;
} GetoptScan;

void getopt_scan_init(GetoptScan *scan, const Command *command, int count, char *const *arguments);
void getopt_scan_clear(GetoptScan *scan);
GetoptResult getopt_scan_next(GetoptScan *scan);

#endif
