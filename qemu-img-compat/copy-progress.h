/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy-progress - how far a long command is: a line that is overwritten on standard output (-p),
 * or, without it, a line on standard error whenever SIGUSR1 asks; and lines for programs
 * (--progress-fd).
 */
#ifndef QIC_COPY_PROGRESS_H
#define QIC_COPY_PROGRESS_H

#include "command.h"
#include "progress-stream.h"

typedef struct CopyProgress {
    Report *report;
    bool is_shown;
    float step;            /* the least change that is shown, in percent */
    float current, shown;  /* percent */
    ProgressStream stream; /* for programs */
} CopyProgress;

/* The options of the command line. False with the error set, before anything is shown. @step: see
 * above. */
bool copy_progress_begin(CopyProgress *progress, const CommandLine *line, Report *report,
                         float step, GError **error);
void copy_progress_set(CopyProgress *progress, uint64_t done, uint64_t total);
/* The same by what the guest says, in bytes. */
void copy_progress_tell(CopyProgress *progress, uint64_t done, uint64_t total);
void copy_progress_end(CopyProgress *progress, bool complete);

#endif
