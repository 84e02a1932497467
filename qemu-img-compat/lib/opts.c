/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opts - typed options against their tables; see opts.h. */
#include "opts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

/* Column at which the help texts start. */
enum {
    OPTS_HELP_COLUMN = 24,
};

typedef struct OptSetting {
    const OptRow *row;
    char *text;
    uint64_t number; /* of the types number, size and bool */
} OptSetting;

struct Opts {
    GPtrArray *rows;  /* const OptRow *, merged tables in order */
    GArray *settings; /* OptSetting, in the order given */
};

static const OptRow *opts_row_find(const GPtrArray *rows, const char *name)
{
    for (guint i = 0; i < rows->len; i++) {
        const OptRow *row = g_ptr_array_index(rows, i);

        if (g_str_equal(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

static GPtrArray *opts_rows_merge(const OptRow *const *tables)
{
    GPtrArray *rows = g_ptr_array_new();

    for (; *tables; tables++) {
        for (const OptRow *row = *tables; row->name; row++) {
            if (!opts_row_find(rows, row->name)) {
                g_ptr_array_add(rows, (void *)row);
            }
        }
    }
    return rows;
}

static int opts_help_compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

void opts_help_append(GString *out, const OptRow *const *tables)
{
    static const char *const type_names[] = {"str", "bool (on/off)", "num", "size"};
    g_autoptr(GPtrArray) rows = opts_rows_merge(tables);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < rows->len; i++) {
        const OptRow *row = g_ptr_array_index(rows, i);
        if (!row->help)
            continue;
        g_autofree char *name = g_strdup_printf("  %s=<%s>", row->name, type_names[row->type]);

        g_ptr_array_add(lines, g_strdup_printf("%-*s - %s\n", OPTS_HELP_COLUMN, name, row->help));
    }
    g_ptr_array_sort(lines, opts_help_compare);
    for (guint i = 0; i < lines->len; i++) {
        g_string_append(out, g_ptr_array_index(lines, i));
    }
}

static void opt_setting_clear(void *data)
{
    g_free(((OptSetting *)data)->text);
}

Opts *opts_new(const OptRow *const *tables)
{
    Opts *opts = g_new0(Opts, 1);

    opts->rows = opts_rows_merge(tables);
    opts->settings = g_array_new(FALSE, FALSE, sizeof(OptSetting));
    g_array_set_clear_func(opts->settings, opt_setting_clear);
    return opts;
}

void opts_free(Opts *opts)
{
    if (opts) {
        g_ptr_array_unref(opts->rows);
        g_array_unref(opts->settings);
        g_free(opts);
    }
}

bool opt_bool_parse(const char *name, const char *text, bool *flag, GError **error)
{
    static const char *const words[] = {"on", "yes", "true", "y", "off", "no", "false", "n"};

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_equal(text, words[i])) {
            *flag = i < G_N_ELEMENTS(words) / 2;
            return true;
        }
    }
    return failure_set(error, "Parameter '%s' expects 'on' or 'off'", name);
}

static bool opt_number_parse(const char *name, const char *text, uint64_t *number, GError **error)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 0);
    if (end == text || *end) {
        return failure_set(error, "Parameter '%s' expects a number", name);
    }
    if (errno) {
        return failure_set(error, "Value '%s' is too large for parameter '%s'", text, name);
    }
    return true;
}

bool opt_size_parse(const char *name, const char *text, uint64_t *bytes, GError **error)
{
    SizeParse result = size_parse(text, bytes);

    if (result == SIZE_OUT_OF_RANGE) {
        return failure_set(error, "Value '%s' is out of range for parameter '%s'", text, name);
    }
    if (result == SIZE_INVALID) {
        return failure_set(error,
                           "Parameter '%s' expects a non-negative number below 2^64\n"
                           "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, "
                           "peta-\nand exabytes, respectively.",
                           name);
    }
    return true;
}

static bool opt_text_parse(const OptRow *row, const char *text, uint64_t *number, GError **error)
{
    bool flag = false;
    bool ok = true;

    *number = 0;
    switch (row->type) {
    case OPT_STRING:
        break;
    case OPT_BOOL:
        ok = opt_bool_parse(row->name, text, &flag, error);
        *number = flag;
        break;
    case OPT_NUMBER:
        ok = opt_number_parse(row->name, text, number, error);
        break;
    case OPT_SIZE:
        ok = opt_size_parse(row->name, text, number, error);
        break;
    }
    return ok;
}

bool opts_set(Opts *opts, const char *name, const char *text, GError **error)
{
    OptSetting setting = {opts_row_find(opts->rows, name), NULL, 0};

    if (!setting.row) {
        return failure_set(error, "Invalid parameter '%s'", name);
    }
    if (!opt_text_parse(setting.row, text, &setting.number, error)) {
        return false;
    }
    setting.text = g_strdup(text);
    g_array_append_val(opts->settings, setting);
    return true;
}

/* warnings, help: NULL unless they are wanted. */
static bool opts_parse_pair(Opts *opts, const OptPair *pair, GString *warnings, bool *help,
                            GError **error)
{
    if (help && opt_pair_is_help(pair)) {
        *help = true;
        return false;
    }
    if (warnings && pair->is_flag) {
        opt_pair_warn(pair, warnings);
    }
    return g_str_equal(pair->name, "id") || opts_set(opts, pair->name, pair->text, error);
}

bool opts_parse_warning(Opts *opts, const char *text, GString *warnings, bool *help, GError **error)
{
    bool ok = true;

    while (*text && ok) {
        OptPair pair;

        opt_pair_next(&text, NULL, &pair);
        ok = opts_parse_pair(opts, &pair, warnings, help, error);
        opt_pair_clear(&pair);
    }
    return ok;
}

bool opts_parse(Opts *opts, const char *text, GError **error)
{
    return opts_parse_warning(opts, text, NULL, NULL, error);
}

static const OptSetting *opts_setting_find(const Opts *opts, const char *name)
{
    for (guint i = opts->settings->len; i-- > 0;) {
        const OptSetting *setting = &g_array_index(opts->settings, OptSetting, i);

        if (g_str_equal(setting->row->name, name)) {
            return setting;
        }
    }
    return NULL;
}

void opts_unset(Opts *opts, const char *name)
{
    for (guint i = opts->settings->len; i-- > 0;) {
        if (g_str_equal(g_array_index(opts->settings, OptSetting, i).row->name, name)) {
            g_array_remove_index(opts->settings, i);
        }
    }
}

bool opts_is_set(const Opts *opts, const char *name)
{
    return opts_setting_find(opts, name) != NULL;
}

bool opts_knows(const Opts *opts, const char *name)
{
    return opts_row_find(opts->rows, name) != NULL;
}

const char *opts_get(const Opts *opts, const char *name)
{
    const OptSetting *setting = opts_setting_find(opts, name);
    const OptRow *row = setting ? setting->row : opts_row_find(opts->rows, name);

    if (setting) {
        return setting->text;
    }
    return row ? row->default_text : NULL;
}

uint64_t opts_get_number(const Opts *opts, const char *name, uint64_t otherwise)
{
    const OptSetting *setting = opts_setting_find(opts, name);
    const OptRow *row = setting ? setting->row : opts_row_find(opts->rows, name);
    uint64_t number;

    if (setting) {
        return setting->number;
    }
    if (row && row->default_text && opt_text_parse(row, row->default_text, &number, NULL)) {
        return number;
    }
    return otherwise;
}

/* The value as "Formatting" shows it: numbers that were set in decimal, as a signed 64-bit one. */
static char *opts_line_value(const OptRow *row, const OptSetting *setting)
{
    if (setting && (row->type == OPT_NUMBER || row->type == OPT_SIZE)) {
        return g_strdup_printf("%" PRId64, (int64_t)setting->number);
    }
    if (row->type == OPT_STRING) {
        g_auto(GStrv) parts = g_strsplit(setting ? setting->text : row->default_text, ",", -1);

        return g_strjoinv(",,", parts);
    }
    return g_strdup(setting ? setting->text : row->default_text);
}

char *opts_line(const Opts *opts)
{
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < opts->rows->len; i++) {
        const OptRow *row = g_ptr_array_index(opts->rows, i);
        const OptSetting *setting = opts_setting_find(opts, row->name);
        g_autofree char *value = NULL;

        if (!setting && !row->default_text) {
            continue;
        }
        value = opts_line_value(row, setting);
        g_string_append_printf(line, "%s%s=%s", line->len ? " " : "", row->name, value);
    }
    return g_string_free(line, FALSE);
}

Value *opts_to_dict(const Opts *opts, bool with_defaults)
{
    Value *dict = value_new_dict();

    for (guint i = 0; i < opts->rows->len; i++) {
        const OptRow *row = g_ptr_array_index(opts->rows, i);
        bool shown = opts_is_set(opts, row->name) || (with_defaults && row->default_text);

        if (!shown) {
            continue;
        }
        if (row->type == OPT_STRING) {
            value_dict_put_string(dict, row->name, opts_get(opts, row->name));
        } else if (row->type == OPT_BOOL) {
            value_dict_put_bool(dict, row->name, opts_get_number(opts, row->name, 0) != 0);
        } else {
            value_dict_put(dict, row->name, value_new_uint(opts_get_number(opts, row->name, 0)));
        }
    }
    return dict;
}
