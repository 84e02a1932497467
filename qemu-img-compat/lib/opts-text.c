/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opts-text - cuts option strings into pairs and joins them; part of opts.h. */
#include <string.h>

#include "opts.h"

/* The value at *cursor up to a single comma, doubled commas undone; the cursor moves past it. */
static char *opt_value_next(const char **cursor)
{
    GString *value = g_string_new(NULL);
    const char *at = *cursor;

    while (*at && !(at[0] == ',' && at[1] != ',')) {
        g_string_append_c(value, *at);
        at += *at == ',' ? 2 : 1;
    }
    *cursor = at;
    return g_string_free(value, FALSE);
}

void opt_pair_next(const char **cursor, const char *implied_name, OptPair *pair)
{
    const char *start = *cursor;
    size_t length = strcspn(start, "=,");

    memset(pair, 0, sizeof(*pair));
    if (start[length] == '=') {
        *cursor = start + length + 1;
        pair->name = g_strndup(start, length);
        pair->text = opt_value_next(cursor);
    } else if (implied_name) {
        pair->name = g_strdup(implied_name);
        pair->text = opt_value_next(cursor);
    } else {
        pair->is_flag = true;
        pair->is_unset = length >= 2 && g_str_has_prefix(start, "no");
        pair->name = pair->is_unset ? g_strndup(start + 2, length - 2) : g_strndup(start, length);
        pair->text = g_strdup(pair->is_unset ? "off" : "on");
        *cursor = start + length;
    }
    if (**cursor == ',') {
        (*cursor)++;
    }
}

void opt_pair_clear(OptPair *pair)
{
    g_clear_pointer(&pair->name, g_free);
    g_clear_pointer(&pair->text, g_free);
}

/* The old way to switch something on or off; `delay` alone is replaced by its opposite. */
void opt_pair_warn(const OptPair *pair, GString *warnings)
{
    bool delay = g_str_equal(pair->name, "delay");

    g_string_append_printf(warnings,
                           "qemu-img: warning: short-form boolean option '%s%s' deprecated\n"
                           "Please use %s%s=%s instead\n",
                           pair->is_unset ? "no" : "", pair->name, delay ? "no" : "", pair->name,
                           pair->is_unset == delay ? "on" : "off");
}

bool opt_pair_is_help(const OptPair *pair)
{
    return pair->is_flag && !pair->is_unset &&
           (g_str_equal(pair->name, "help") || g_str_equal(pair->name, "?"));
}

bool opts_text_wants_help(const char *text)
{
    bool help = false;

    while (*text && !help) {
        OptPair pair;

        opt_pair_next(&text, NULL, &pair);
        help = opt_pair_is_help(&pair);
        opt_pair_clear(&pair);
    }
    return help;
}

/* A comma put before or after the list must stay a single one. */
static bool opts_text_is_joinable(const char *text)
{
    size_t length = strlen(text);
    size_t commas = 0;

    while (commas < length && text[length - 1 - commas] == ',') {
        commas++;
    }
    return length > 0 && text[0] != ',' && commas % 2 == 0;
}

bool opts_text_append(char **all, const char *more, GError **error)
{
    char *joined;

    if (!opts_text_is_joinable(more)) {
        return failure_set(error, "Invalid option list: %s", more);
    }
    joined = *all ? g_strconcat(*all, ",", more, NULL) : g_strdup(more);
    g_free(*all);
    *all = joined;
    return true;
}
