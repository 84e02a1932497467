/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace - see trace.h. */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "opts.h"

static const OptRow trace_rows[] = {
    {"enable", OPT_STRING, NULL, NULL},
    {"events", OPT_STRING, NULL, NULL},
    {"file",   OPT_STRING, NULL, NULL},
    {NULL,     OPT_STRING, NULL, NULL},
};

static void trace_events_append(GString *out)
{
    const char *name;

    for (size_t i = 0; (name = trace_event_at(i)); i++) {
        g_string_append_printf(out, "%s\n", name);
    }
}

/* A single name must be known; a pattern need not match anything. place: "file:line", or NULL. */
static void trace_event_take(const char *name, const char *place, Report *report)
{
    const char *known;

    name += *name == '-';
    if (strchr(name, '*')) {
        return;
    }
    for (size_t i = 0; (known = trace_event_at(i)); i++) {
        if (g_str_equal(known, name)) {
            return;
        }
    }
    if (place) {
        g_string_append_printf(
            report->err, "qemu-img:%s: warning: trace event '%s' does not exist\n", place, name);
    } else {
        report_warning(report, "trace event '%s' does not exist", name);
    }
}

/* A list of names, one a line; lines that begin with '#' are comments. */
static bool trace_file_take(const char *path, Report *report)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        g_string_append_printf(report->err, "qemu-img:%s: %s\n", path, strerror(errno));
        report->status = 1;
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        g_autofree char *place = g_strdup_printf("%s:%zu", path, i + 1);

        if (*lines[i] && *lines[i] != '#') {
            trace_event_take(lines[i], place, report);
        }
    }
    return true;
}

/* The log's name may hold one "%d", for the process. It stays empty. */
static bool trace_log_make(const char *template, Report *report)
{
    const char *percent = strchr(template, '%');
    g_autofree char *path = NULL;
    int fd;

    if (percent && (percent[1] != 'd' || strchr(percent + 1, '%'))) {
        report_error(report, "Bad logfile template: %s", template);
        return false;
    }
    path = percent ? g_strdup_printf("%.*s%d%s", (int)(percent - template), template, (int)getpid(),
                                     percent + strlen("%d"))
                   : g_strdup(template);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        report_error(report, "Error opening logfile %s: %s", path, strerror(errno));
        return false;
    }
    close(fd);
    return true;
}

static bool trace_opts_apply(const Opts *opts, Report *report)
{
    const char *enable = opts_get(opts, "enable");
    const char *events = opts_get(opts, "events");
    const char *file = opts_get(opts, "file");

    if (enable) {
        trace_event_take(enable, NULL, report);
    }
    if (events && !trace_file_take(events, report)) {
        return false;
    }
    return !file || trace_log_make(file, report);
}

/* What a pair of the argument asks for: NULL, or the text that answers a call for help. */
static char *trace_help(const OptPair *pair, bool is_first)
{
    GString *out = g_string_new(NULL);

    if (!is_first && opt_pair_is_help(pair)) {
        g_string_append(out, "trace options:\n");
        for (const OptRow *row = trace_rows; row->name; row++) {
            g_string_append_printf(out, "  %s=<str>\n", row->name);
        }
    } else if (g_str_equal(pair->name, "enable") &&
               (g_str_equal(pair->text, "help") || g_str_equal(pair->text, "?"))) {
        trace_events_append(out);
    }
    return g_string_free(out, out->len == 0);
}

bool trace_take(const char *text, Report *report)
{
    const OptRow *tables[] = {trace_rows, NULL};
    g_autoptr(Opts) opts = opts_new(tables);
    bool is_first = true;
    GError *error = NULL;

    for (; *text && !error; is_first = false) {
        g_autofree char *help = NULL;
        OptPair pair;

        opt_pair_next(&text, is_first ? "enable" : NULL, &pair);
        help = trace_help(&pair, is_first);
        if (!help) {
            opts_set(opts, pair.name, pair.text, &error);
        }
        opt_pair_clear(&pair);
        if (help) {
            g_string_append(report->out, help);
            report->status = is_first ? 0 : 1;
            return false;
        }
    }
    if (error) {
        report_failure(report, error);
        return false;
    }
    return trace_opts_apply(opts, report);
}
