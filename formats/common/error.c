/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recording of errors; see error.h. */
#include "error.h"

/* Copy @bytes into the error's own text, cut to what is left. */
static struct fmt_bytes text_keep(struct fmt_error *error, struct fmt_bytes bytes)
{
    size_t room = FMT_ERROR_TEXT_MAX - error->text_used;
    size_t length = bytes.length < room ? bytes.length : room;
    char *to = error->text + error->text_used;

    if (length)
        memcpy(to, bytes.data, length);
    error->text_used += length;
    return (struct fmt_bytes){to, length};
}

int fmt_error_add(struct fmt_error *error, int status, enum fmt_error_code code,
                  const struct fmt_error_arg *args, unsigned count)
{
    if (error->status == 0)
        error->status = -status;
    if (error->frames == FMT_ERROR_FRAMES_MAX)
        return -status;
    struct fmt_error_frame *frame = &error->frame[error->frames++];
    *frame = (struct fmt_error_frame){.code = code};
    for (unsigned i = 0; i < count && i < FMT_ERROR_ARGS_MAX; i++) {
        frame->arg[i] = args[i];
        if (args[i].kind == FMT_ARG_BYTES)
            frame->arg[i].bytes = text_keep(error, args[i].bytes);
        frame->args = i + 1;
    }
    return -status;
}

void fmt_error_clear(struct fmt_error *error)
{
    error->status = 0;
    error->frames = 0;
    error->text_used = 0;
}
