/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-img-compat: parse the command line, run the subcommand, print its report. */
#include <signal.h>
#include <stdio.h>

#include "command.h"
#include "lib/terminal.h"
#include "secret-cipher.h"

static const struct {
    int id;
    CommandRun *run;
} commands[] = {
    {COMMAND_CHECK,   command_check  },
    {COMMAND_COMPARE, command_compare},
    {COMMAND_CONVERT, command_convert},
    {COMMAND_CREATE,  command_create },
    {COMMAND_DD,      command_dd     },
    {COMMAND_INFO,    command_info   },
    {COMMAND_MAP,     command_map    },
    {COMMAND_MEASURE, command_measure},
};

void report_flush(Report *report)
{
    terminal_write(stdout, report->out->str, report->out->len);
    fflush(stdout);
    terminal_write(stderr, report->err->str, report->err->len);
    g_string_truncate(report->out, 0);
    g_string_truncate(report->err, 0);
}

static void command_run(const CommandLine *line, Report *report)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (commands[i].id == (int)line->command->id) {
            commands[i].run(line, report);
            return;
        }
    }
    report_error(report, "the subcommand '%s' is not there yet in qemu-img-compat",
                 line->command->name);
}

int main(int argc, char **argv)
{
    Report *report = report_new();
    CommandLine line;

    /* A file size limit is an error of the operation, not a reason to die. */
    signal(SIGXFSZ, SIG_IGN);
    if (command_line_parse(&line, argc, argv, secret_cipher_decrypt, report))
        command_run(&line, report);
    report_flush(report);
    int status = report->status;
    command_line_clear(&line);
    report_free(report);
    return status;
}
