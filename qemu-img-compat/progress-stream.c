/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Progress for programs; see progress-stream.h. */
#include "progress-stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

bool progress_stream_open(ProgressStream *stream, const CommandLine *line, GError **error)
{
    int fd = (int)command_line_number(line, COMMAND_OPTION_PROGRESS_FD, -1);

    *stream = (ProgressStream){.fd = -1, .start_us = g_get_monotonic_time()};
    if (fd < 0)
        return true;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return failure_set(error, "Descriptor %d of --progress-fd is not open for writing", fd);
    signal(SIGPIPE, SIG_IGN);
    stream->fd = fd;
    return true;
}

char *progress_stream_line(uint64_t done, uint64_t total, gint64 elapsed_us)
{
    const gint64 tenth_us = G_USEC_PER_SEC / 10;
    gint64 tenths = elapsed_us / tenth_us;

    return g_strdup_printf("{\"done\": %" PRIu64 ", \"total\": %" PRIu64 ", \"seconds\": %" PRId64
                           ".%d}\n",
                           done, total, tenths / 10, (int)(tenths % 10));
}

static void line_write(ProgressStream *stream, uint64_t done, uint64_t total, bool may_wait)
{
    struct pollfd poller = {.fd = stream->fd, .events = POLLOUT};
    gint64 now_us = g_get_monotonic_time();
    g_autofree char *text = progress_stream_line(done, total, now_us - stream->start_us);

    if (poll(&poller, 1, may_wait ? -1 : 0) < 1)
        return;
    /* Short enough for a pipe to take it whole. A reader that is gone is none of our business. */
    while (write(stream->fd, text, strlen(text)) < 0 && errno == EINTR)
        ;
    stream->told_us = now_us;
}

static void stream_begin(ProgressStream *stream, uint64_t total)
{
    stream->total = total;
    if (stream->begun)
        return;
    stream->begun = true;
    line_write(stream, 0, total, true);
}

void progress_stream_tell(ProgressStream *stream, uint64_t done, uint64_t total)
{
    if (!progress_stream_is_open(stream))
        return;
    stream_begin(stream, total);
    if (done > 0 && done < total &&
        g_get_monotonic_time() - stream->told_us >= PROGRESS_STREAM_PERIOD_US)
        line_write(stream, done, total, false);
}

void progress_stream_end(ProgressStream *stream)
{
    if (!progress_stream_is_open(stream))
        return;
    stream_begin(stream, stream->total);
    line_write(stream, stream->total, stream->total, true);
}
