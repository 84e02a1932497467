/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed options as a driver receives them: of create (-o), or of an opened node (raw's offset).
 *
 * The host has already parsed texts into types by the option tables; a driver looks options up by
 * name and still checks every value: the host does not know what a format allows.
 */
#ifndef FORMATS_COMMON_OPTIONS_H
#define FORMATS_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

enum fmt_option_type { FMT_OPTION_TEXT, FMT_OPTION_NUMBER, FMT_OPTION_BOOL };

struct fmt_option {
    struct fmt_bytes name;
    enum fmt_option_type type;
    uint64_t number; /* also sizes (bytes) and booleans */
    struct fmt_bytes text;
};

struct fmt_options {
    const struct fmt_option *row;
    size_t count;
};

/* The row called @name, or NULL. */
const struct fmt_option *fmt_option_find(const struct fmt_options *options, const char *name);
uint64_t fmt_option_number(const struct fmt_options *options, const char *name, uint64_t fallback);
bool fmt_option_bool(const struct fmt_options *options, const char *name, bool fallback);
/* Empty bytes if absent. */
struct fmt_bytes fmt_option_text(const struct fmt_options *options, const char *name);

/* Enumerations: position of the option's text in @names (NULL-terminated), @fallback if absent,
 * -1 if the text is none of them. */
int fmt_option_enum(const struct fmt_options *options, const char *name, const char *const *names,
                    int fallback);

#endif
