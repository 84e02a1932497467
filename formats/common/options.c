/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Look-ups in option rows; see options.h. */
#include "options.h"

const struct fmt_option *fmt_option_find(const struct fmt_options *options, const char *name)
{
    for (size_t i = 0; options && i < options->count; i++) {
        if (fmt_bytes_equal(options->row[i].name, name))
            return &options->row[i];
    }
    return NULL;
}

uint64_t fmt_option_number(const struct fmt_options *options, const char *name, uint64_t fallback)
{
    const struct fmt_option *row = fmt_option_find(options, name);
    return row && row->type == FMT_OPTION_NUMBER ? row->number : fallback;
}

bool fmt_option_bool(const struct fmt_options *options, const char *name, bool fallback)
{
    const struct fmt_option *row = fmt_option_find(options, name);
    return row && row->type == FMT_OPTION_BOOL ? row->number != 0 : fallback;
}

struct fmt_bytes fmt_option_text(const struct fmt_options *options, const char *name)
{
    const struct fmt_option *row = fmt_option_find(options, name);
    return row && row->type == FMT_OPTION_TEXT ? row->text : (struct fmt_bytes){NULL, 0};
}

int fmt_option_enum(const struct fmt_options *options, const char *name, const char *const *names,
                    int fallback)
{
    const struct fmt_option *row = fmt_option_find(options, name);

    if (!row || row->type != FMT_OPTION_TEXT)
        return fallback;
    for (int i = 0; names[i]; i++) {
        if (fmt_bytes_equal(row->text, names[i]))
            return i;
    }
    return -1;
}
