/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress-stream - how far a long command is, for programs (--progress-fd): lines
 * {"done": BYTES, "total": BYTES, "seconds": S.S} on a descriptor that they have opened.
 *
 * The first line has done 0. The last one has done = total, and comes only when all has succeeded.
 * Those between are at least PROGRESS_STREAM_PERIOD_US apart, and left out while the reader is
 * behind.
 */
#ifndef QIC_PROGRESS_STREAM_H
#define QIC_PROGRESS_STREAM_H

#include "lib/command-line.h"

enum { PROGRESS_STREAM_PERIOD_US = 100000 };

typedef struct ProgressStream {
    int fd; /* -1: nobody asked */
    bool begun;
    uint64_t total;
    gint64 start_us, told_us;
} ProgressStream;

/* Take the descriptor that --progress-fd names, if it is given. False with the error set: it is not
 * open for writing. From then on, a reader that goes away does not end the program. */
bool progress_stream_open(ProgressStream *stream, const CommandLine *line, GError **error);
static inline bool progress_stream_is_open(const ProgressStream *stream)
{
    return stream->fd >= 0;
}

void progress_stream_tell(ProgressStream *stream, uint64_t done, uint64_t total);
/* The command has succeeded. */
void progress_stream_end(ProgressStream *stream);

/* The text of a line; @elapsed_us since the start. The caller frees it. */
char *progress_stream_line(uint64_t done, uint64_t total, gint64 elapsed_us);

#endif
