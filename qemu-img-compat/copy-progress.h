/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy-progress - how far a long command is: a line that is overwritten on standard output (-p),
 * or, without it, a line on standard error whenever SIGUSR1 asks.
 */
#ifndef QIC_COPY_PROGRESS_H
#define QIC_COPY_PROGRESS_H

#include "command.h"

typedef struct CopyProgress {
    Report *report;
    bool is_shown;
    float step;           /* the least change that is shown, in percent */
    float current, shown; /* percent */
} CopyProgress;

void copy_progress_begin(CopyProgress *progress, Report *report, bool is_shown, float step);
void copy_progress_set(CopyProgress *progress, uint64_t done, uint64_t total);
void copy_progress_end(CopyProgress *progress, bool complete);

#endif
