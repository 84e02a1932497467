/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blkdebug-rules - see blkdebug-rules.h. */
#include "blkdebug-rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dotted.h"
#include "drivers.h"
#include "node-options.h"
#include "opts.h"

static const OptRow rows_inject_error[] = {
    {"event",       OPT_STRING, NULL, NULL},
    {"state",       OPT_NUMBER, NULL, NULL},
    {"iotype",      OPT_STRING, NULL, NULL},
    {"errno",       OPT_NUMBER, NULL, NULL},
    {"sector",      OPT_NUMBER, NULL, NULL},
    {"once",        OPT_BOOL,   NULL, NULL},
    {"immediately", OPT_BOOL,   NULL, NULL},
    {NULL,          OPT_STRING, NULL, NULL},
};

static const OptRow rows_set_state[] = {
    {"event",     OPT_STRING, NULL, NULL},
    {"state",     OPT_NUMBER, NULL, NULL},
    {"new_state", OPT_NUMBER, NULL, NULL},
    {NULL,        OPT_STRING, NULL, NULL},
};

/* The order in which the reference works through them. */
static const struct {
    const char *name;
    const OptRow *rows;
} groups[] = {
    {"inject-error", rows_inject_error},
    {"set-state",    rows_set_state   },
};

static const char events[] =
    "l1_update l1_grow_alloc_table l1_grow_write_table l1_grow_activate_table l2_load l2_update "
    "l2_update_compressed l2_alloc_cow_read l2_alloc_write read_aio read_backing_aio "
    "read_compressed write_aio write_compressed vmstate_load vmstate_save cow_read cow_write "
    "reftable_load reftable_grow reftable_update refblock_load refblock_update "
    "refblock_update_part refblock_alloc refblock_alloc_hookup refblock_alloc_write "
    "refblock_alloc_write_blocks refblock_alloc_write_table refblock_alloc_switch_table "
    "cluster_alloc cluster_alloc_bytes cluster_free flush_to_os flush_to_disk pwritev_rmw_head "
    "pwritev_rmw_after_head pwritev_rmw_tail pwritev_rmw_after_tail pwritev pwritev_zero "
    "pwritev_done empty_image_prepare l1_shrink_write_table l1_shrink_free_l2_clusters cor_write "
    "cluster_alloc_space none";
static const char io_types[] = "read write write-zeroes discard flush block-status";

typedef struct Rules {
    GPtrArray *group[G_N_ELEMENTS(groups)]; /* Opts of each rule */
} Rules;

static void opts_drop(gpointer data)
{
    opts_free(data);
}

/* Takes what the group's rules know out of a section and keeps it as a rule. */
static bool rule_absorb(Rules *rules, size_t group, Value *section, GError **error)
{
    Opts *opts = node_options_absorb(section, groups[group].rows, error);

    if (!opts) {
        return false;
    }
    for (const OptRow *row = groups[group].rows; row->name; row++) {
        value_dict_del(section, row->name);
    }
    g_ptr_array_add(rules->group[group], opts);
    return true;
}

static bool section_end(Rules *rules, const char *name, Value *section, GError **error)
{
    size_t group = 0;

    while (group < G_N_ELEMENTS(groups) && !g_str_equal(groups[group].name, name)) {
        group++;
    }
    if (group == G_N_ELEMENTS(groups)) {
        return failure_set(error, "There is no option group '%s'", name);
    }
    if (!rule_absorb(rules, group, section, error)) {
        return false;
    }
    return !value_dict_size(section) ||
           failure_set(error, "Invalid parameter '%s'", value_dict_key_at(section, 0));
}

typedef struct ConfigReader {
    Rules *rules;
    char name[64];
    Value *section; /* NULL before the first */
} ConfigReader;

/* [name] or [name "id"]: ends the section before. */
static bool config_head(ConfigReader *reader, const char *line, bool *is_head, GError **error)
{
    char name[64];

    *is_head = *line == '[' && sscanf(line, "[%63[^] \"]", name) == 1;
    if (!*is_head) {
        return true;
    }
    if (reader->section && !section_end(reader->rules, reader->name, reader->section, error)) {
        return false;
    }
    value_free(reader->section);
    reader->section = value_new_dict();
    g_strlcpy(reader->name, name, sizeof(reader->name));
    return true;
}

/* Whatever is no `name = "value"` is a name without a value, as for the reference. */
static bool config_line(ConfigReader *reader, const char *line, GError **error)
{
    char name[64], value[1024] = "";
    bool is_head;

    if (*line == '\n' || *line == '#') {
        return true;
    }
    if (!config_head(reader, line, &is_head, error)) {
        return false;
    }
    if (is_head) {
        return true;
    }
    if (sscanf(line, " %63s = \"%1023[^\"]\"", name, value) < 1) {
        return failure_set(error, "parse error");
    }
    if (!reader->section) {
        return failure_set(error, "no group defined");
    }
    value_dict_put_string(reader->section, name, value);
    return true;
}

static bool config_read(Rules *rules, const char *filename, GError **error)
{
    ConfigReader reader = {.rules = rules};
    FILE *file = fopen(filename, "re");
    char line[1024];
    bool good = true;

    if (!file) {
        return failure_set(error, "Could not read blkdebug config file: %s", strerror(errno));
    }
    while (good && fgets(line, sizeof(line), file)) {
        good = config_line(&reader, line, error);
    }
    if (good && ferror(file)) {
        good = failure_set(error, "Cannot read config file: %s", strerror(errno));
    } else if (good && reader.section) {
        good = section_end(rules, reader.name, reader.section, error);
    }
    value_free(reader.section);
    fclose(file);
    return good;
}

/* Sections NAME.0, NAME.1, ... */
static bool numbered_read(Rules *rules, size_t group, Value *options, GError **error)
{
    g_autoptr(GPtrArray) sections =
        g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))value_free);
    const char *name = groups[group].name;

    for (;;) {
        g_autofree char *number = g_strdup_printf("%u", sections->len);
        Value *section = dotted_subdict_take(options, number);

        if (value_dict_has(options, number)) {
            value_free(section);
            return failure_set(error, "[%s] section (index %s) does not consist of keys", name,
                               number);
        }
        if (!value_dict_size(section)) {
            value_free(section);
            break;
        }
        g_ptr_array_add(sections, section);
    }
    if (value_dict_size(options)) {
        return failure_set(error, "Unused option '%s' for [%s]", value_dict_key_at(options, 0),
                           name);
    }
    for (size_t i = 0; i < sections->len; i++) {
        Value *section = g_ptr_array_index(sections, i);

        if (!rule_absorb(rules, group, section, error)) {
            return false;
        }
        if (value_dict_size(section)) {
            return failure_set(error, "[%s] section doesn't support the option '%s'", name,
                               value_dict_key_at(section, 0));
        }
    }
    return true;
}

/* The options under a group's name: one rule, or numbered ones. */
static bool options_read(Rules *rules, size_t group, const Value *node, GError **error)
{
    g_autoptr(Value) copy = value_copy(node);
    g_autoptr(Value) options = dotted_subdict_take(copy, groups[group].name);
    size_t count = value_dict_size(options);

    if (!count) {
        return true;
    }
    if (!rule_absorb(rules, group, options, error)) {
        return false;
    }
    if (!value_dict_size(options)) {
        return true;
    }
    if (value_dict_size(options) < count) {
        return failure_set(error, "Unknown option '%s' for [%s]", value_dict_key_at(options, 0),
                           groups[group].name);
    }
    g_ptr_array_set_size(rules->group[group], (int)rules->group[group]->len - 1);
    return numbered_read(rules, group, options, error);
}

static bool word_check(const char *words, const char *word, GError **error)
{
    return driver_list_has(words, word) || failure_set(error, "invalid parameter value: %s", word);
}

/* Events that the guest knows (enum fmt_event). No others come here: what waits for one of them
 * never happens. */
static int event_number(const char *event)
{
    static const char *const known[] = {"none",         "pwritev",   "pwritev_zero",
                                        "pwritev_done", "write_aio", "write_compressed"};
    size_t i = 0;

    while (i < G_N_ELEMENTS(known) && !g_str_equal(known[i], event)) {
        i++;
    }
    return i < G_N_ELEMENTS(known) ? (int)i : -1;
}

/* The bits of what the rule makes fail: one for each word of io_types. */
static unsigned error_kinds(const Opts *rule)
{
    enum { KINDS_USUAL = 0x1f }; /* all but the last */
    g_auto(GStrv) types = g_strsplit(io_types, " ", -1);
    const char *type = opts_get(rule, "iotype");
    unsigned bit = 0;

    while (type && !g_str_equal(types[bit], type)) {
        bit++;
    }
    return type ? 1u << bit : KINDS_USUAL;
}

/* The rule as the guest is told of it: digits of fixed width. */
static void rule_tell(const Opts *rule, bool injects, GString *told)
{
    enum { SECTOR_BYTES = 512, ERRNO_MAX = 4095 };
    int event = event_number(opts_get(rule, "event"));
    uint64_t sector = opts_get_number(rule, "sector", UINT64_MAX);
    uint64_t offset = sector == UINT64_MAX ? UINT64_MAX : sector * SECTOR_BYTES;
    uint64_t new_state = (uint32_t)opts_get_number(rule, "new_state", 0);

    if (event >= 0) {
        g_string_append_printf(told, "%02x%08x%02x%x%04x%016" G_GINT64_MODIFIER "x",
                               (unsigned)event, (unsigned)opts_get_number(rule, "state", 0),
                               injects ? error_kinds(rule) : 0,
                               opts_get_number(rule, "once", 0) ? 1 : 0,
                               (unsigned)MIN(opts_get_number(rule, "errno", EIO), ERRNO_MAX),
                               injects ? offset : new_state);
    }
}

static bool rules_check(const Rules *rules, GString *told, GError **error)
{
    for (size_t group = 0; group < G_N_ELEMENTS(groups); group++) {
        for (size_t i = 0; i < rules->group[group]->len; i++) {
            const Opts *rule = g_ptr_array_index(rules->group[group], i);
            const char *event = opts_get(rule, "event");
            const char *type = group == 0 ? opts_get(rule, "iotype") : NULL;

            if (!event) {
                return failure_set(error, "Missing event name for rule");
            }
            if (!word_check(events, event, error) || (type && !word_check(io_types, type, error))) {
                return false;
            }
            rule_tell(rule, group == 0, told);
        }
    }
    return true;
}

char *blkdebug_rules_read(const Value *node, const char *config, GError **error)
{
    GString *told = g_string_new(NULL);
    Rules rules;
    bool good;

    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        rules.group[i] = g_ptr_array_new_with_free_func(opts_drop);
    }
    good = !config || config_read(&rules, config, error);
    for (size_t i = 0; good && i < G_N_ELEMENTS(groups); i++) {
        good = options_read(&rules, i, node, error);
    }
    good = good && rules_check(&rules, told, error);
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        g_ptr_array_free(rules.group[i], TRUE);
    }
    return g_string_free(told, !good);
}
