/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage - see usage.h. */
#include "usage.h"

#include "drivers.h"
#include "usage-text.h"

/* Clients take the third word as the version that they deal with: it is the reference's. */
#define USAGE_VERSION                                                                              \
    "qemu-img version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)\n"                                   \
    "Copyright (c) 2003-2025 Fabrice Bellard and the QEMU Project developers\n"

enum {
    USAGE_LINE_MAX = 75, /* the list of formats is wrapped to this width */
};

void usage_version_append(GString *out)
{
    g_string_append(out, USAGE_VERSION);
}

static void usage_formats_append(GString *out)
{
    size_t column = 1;

    g_string_append_c(out, ' ');
    for (size_t i = 0; driver_listed_at(i); i++) {
        const char *name = driver_listed_at(i);
        size_t length = strlen(name) + 1;

        if (column + length > USAGE_LINE_MAX) {
            g_string_append(out, "\n ");
            column = 1;
        }
        g_string_append_printf(out, " %s", name);
        column += length;
    }
    g_string_append_c(out, '\n');
}

void usage_append(GString *out)
{
    usage_version_append(out);
    g_string_append(out, "QEMU disk image utility.  Usage:\n"
                         "\n"
                         "  qemu-img [standard options] COMMAND [--help | command options]\n"
                         "\n"
                         "Standard options:\n"
                         "  -h, --help\n"
                         "     display this help and exit\n"
                         "  -V, --version\n"
                         "     display version info and exit\n"
                         "  -T,--trace TRACE\n"
                         "     specify tracing options:\n"
                         "        [[enable=]<pattern>][,events=<file>][,file=<file>]\n"
                         "\n"
                         "Recognized commands (run qemu-img COMMAND --help for command-specific "
                         "help):\n"
                         "\n");
    for (const UsageText *row = usage_texts; row->command; row++) {
        g_string_append_printf(out, "  %s - %s\n", row->command, row->summary);
    }
    g_string_append(out, "\nSupported image formats:\n\n");
    usage_formats_append(out);
    g_string_append(out, "\n"
                         "See <https://qemu.org/contribute/report-a-bug> for how to report bugs.\n"
                         "More information on the QEMU project at <https://qemu.org>.\n");
}

bool usage_command_append(GString *out, const char *command)
{
    for (const UsageText *row = usage_texts; row->command; row++) {
        if (g_str_equal(row->command, command)) {
            g_string_append_printf(out,
                                   "Usage:\n"
                                   "%s.  Usage:\n"
                                   "\n"
                                   "  qemu-img %s %s\n"
                                   "\n"
                                   "Arguments:\n"
                                   "  -h, --help\n"
                                   "     print this help and exit\n"
                                   "%s\n",
                                   row->summary, row->command, row->syntax, row->arguments);
            return true;
        }
    }
    return false;
}
