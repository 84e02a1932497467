/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one error channel of formats/ and guest-ops/: codes with arguments, innermost first.
 *
 * A failing function calls fmt_fail(), which records a code and returns the negative errno that
 * its caller passes on; a caller may add context with another fmt_fail(): a later frame is
 * rendered in front of the earlier ones. The host turns frames into text with error-list.h.
 */
#ifndef FORMATS_COMMON_ERROR_H
#define FORMATS_COMMON_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

enum fmt_error_code {
#define FMT_ERROR(code, kind, text) FMT_ERR_##code,
#include "error-list.h"
#undef FMT_ERROR
    FMT_ERR_COUNT
};

/* Linux errno values, which the guest has no libc header for. */
enum fmt_errno {
    FMT_EPERM = 1,
    FMT_ENOENT = 2,
    FMT_EIO = 5,
    FMT_ENOMEM = 12,
    FMT_EACCES = 13,
    FMT_EFAULT = 14,
    FMT_EBUSY = 16,
    FMT_EEXIST = 17,
    FMT_EINVAL = 22,
    FMT_EFBIG = 27,
    FMT_ENOSPC = 28,
    FMT_EROFS = 30,
    FMT_ERANGE = 34,
    FMT_ENOTSUP = 95,
    FMT_ENOMEDIUM = 123,
};

enum { FMT_ERROR_FRAMES_MAX = 8, FMT_ERROR_ARGS_MAX = 4, FMT_ERROR_TEXT_MAX = 32768 };

enum fmt_error_arg_kind { FMT_ARG_NONE, FMT_ARG_NUMBER, FMT_ARG_BYTES };

struct fmt_error_arg {
    enum fmt_error_arg_kind kind;
    uint64_t number;        /* FMT_ARG_NUMBER; signed values in two's complement */
    struct fmt_bytes bytes; /* FMT_ARG_BYTES: copied into the error, cut if it does not fit */
};

struct fmt_error_frame {
    enum fmt_error_code code;
    unsigned args;
    struct fmt_error_arg arg[FMT_ERROR_ARGS_MAX];
};

struct fmt_error {
    int status; /* negative errno of the first failure; 0: no error */
    unsigned frames;
    struct fmt_error_frame frame[FMT_ERROR_FRAMES_MAX];
    size_t text_used;
    char text[FMT_ERROR_TEXT_MAX]; /* where FMT_ARG_BYTES point to */
};

#define FMT_NUM(n)                                                                                 \
    (struct fmt_error_arg)                                                                         \
    {                                                                                              \
        .kind = FMT_ARG_NUMBER, .number = (uint64_t)(n)                                            \
    }
#define FMT_STR(b)                                                                                 \
    (struct fmt_error_arg)                                                                         \
    {                                                                                              \
        .kind = FMT_ARG_BYTES, .bytes = (b)                                                        \
    }
#define FMT_TXT(s) FMT_STR(fmt_bytes_of(s))

/* Add a frame; returns -@status (a positive errno) for `return`. @count at most
 * FMT_ERROR_ARGS_MAX. Frames beyond the limit are dropped, outermost last. */
int fmt_error_add(struct fmt_error *error, int status, enum fmt_error_code code,
                  const struct fmt_error_arg *args, unsigned count);
/* Forget everything, e.g. where a failed probe is not an error. */
void fmt_error_clear(struct fmt_error *error);

/* Arguments as the two parameters "args, count". */
#define FMT_ARGS(...)                                                                              \
    (const struct fmt_error_arg[]){{.kind = FMT_ARG_NONE}, ##__VA_ARGS__} + 1,                     \
        sizeof((const struct fmt_error_arg[]){{.kind = FMT_ARG_NONE}, ##__VA_ARGS__}) /            \
                sizeof(struct fmt_error_arg) -                                                     \
            1

/* fmt_fail(env, FMT_EINVAL, FMT_ERR_X, FMT_NUM(n), FMT_TXT("s")): the usual way. */
#define fmt_fail(env, status, code, ...)                                                           \
    fmt_error_add((env)->error, (status), (code), FMT_ARGS(__VA_ARGS__))

#endif
