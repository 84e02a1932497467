/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The progress of long commands; see copy-progress.h. */
#include "copy-progress.h"

#include <signal.h>

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
    (void)number;
    asked = 1;
}

static void show(CopyProgress *progress)
{
    if (progress->is_shown) {
        g_string_append_printf(progress->report->out, "    (%3.2f/100%%)\r", progress->current);
        report_flush(progress->report);
    } else if (asked) {
        g_string_append_printf(progress->report->err, "    (%3.2f/100%%)\n", progress->current);
        report_flush(progress->report);
        asked = 0;
    }
}

static void percent_set(CopyProgress *progress, float percent)
{
    bool begins_or_ends = percent <= 0 || percent >= 100;

    progress->current = percent < 100 ? percent : 100;
    if (!begins_or_ends && percent <= progress->shown + progress->step)
        return;
    progress->shown = progress->current;
    show(progress);
}

bool copy_progress_begin(CopyProgress *progress, const CommandLine *line, Report *report,
                         float step, GError **error)
{
    bool is_shown = command_line_has(line, 'p') && !command_line_has(line, 'q');

    *progress = (CopyProgress){.report = report, .is_shown = is_shown, .step = step};
    if (!progress_stream_open(&progress->stream, line, error))
        return false;
    if (!is_shown)
        signal(SIGUSR1, on_signal);
    return true;
}

void copy_progress_set(CopyProgress *progress, uint64_t done, uint64_t total)
{
    if (total > 0 && done <= total)
        percent_set(progress, (float)(100.0 * (double)done / (double)total));
}

void copy_progress_tell(CopyProgress *progress, uint64_t done, uint64_t total)
{
    progress_stream_tell(&progress->stream, done, total);
    copy_progress_set(progress, done, total);
}

void copy_progress_end(CopyProgress *progress, bool complete)
{
    if (complete)
        percent_set(progress, 100);
    if (progress->is_shown)
        g_string_append_c(progress->report->out, '\n');
}
