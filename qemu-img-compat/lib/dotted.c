/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dotted - see dotted.h. */
#include "dotted.h"

#include <string.h>

enum {
    DOTTED_NESTING_MAX = 1024, /* JSON's own limit; bounds the recursion for keys of the user */
};

static void dotted_flatten_into(Value *flat, const char *key, const Value *value)
{
    size_t items = value_list_length(value);
    size_t members = value_dict_size(value);

    for (size_t i = 0; i < items; i++) {
        g_autofree char *path = g_strdup_printf("%s.%zu", key, i);

        dotted_flatten_into(flat, path, value_list_at(value, i));
    }
    for (size_t i = 0; i < members; i++) {
        const char *name = value_dict_key_at(value, i);
        g_autofree char *path = key ? g_strdup_printf("%s.%s", key, name) : g_strdup(name);

        dotted_flatten_into(flat, path, value_dict_at(value, i));
    }
    if (key && !items && !members) {
        value_dict_put(flat, key, value_copy(value));
    }
}

Value *dotted_flatten(const Value *dict)
{
    Value *flat = value_new_dict();

    dotted_flatten_into(flat, NULL, dict);
    return flat;
}

/* The part of a key before its first single point, with doubled points undone; *rest: behind it. */
static char *dotted_key_split(const char *key, const char **rest)
{
    GString *prefix = g_string_new(NULL);
    const char *at = key;

    while (*at && !(at[0] == '.' && at[1] != '.')) {
        g_string_append_c(prefix, *at);
        at += *at == '.' ? 2 : 1;
    }
    *rest = *at ? at + 1 : NULL;
    return g_string_free(prefix, FALSE);
}

static bool dotted_is_container(const Value *value)
{
    return value_dict_size(value) > 0 || value_list_length(value) > 0;
}

/* One level of nesting: each key's part before its first point, with a flat dictionary below. */
static Value *dotted_split(const Value *flat, GError **error)
{
    g_autoptr(Value) split = value_new_dict();

    for (size_t i = 0; i < value_dict_size(flat); i++) {
        const char *key = value_dict_key_at(flat, i);
        Value *value = value_dict_at(flat, i);
        const char *rest;
        g_autofree char *prefix = dotted_key_split(key, &rest);
        Value *below = value_dict_get(split, prefix);

        if (dotted_is_container(value)) {
            failure_set(error, "Value %s is not flat", key);
            return NULL;
        }
        if (below && (value_kind(below) != VALUE_DICT || !rest)) {
            failure_set(error, "Cannot mix scalar and non-scalar keys");
            return NULL;
        }
        if (!rest) {
            value_dict_put(split, prefix, value_copy(value));
            continue;
        }
        if (!below) {
            below = value_new_dict();
            value_dict_put(split, prefix, below);
        }
        value_dict_put(below, rest, value_copy(value));
    }
    return g_steal_pointer(&split);
}

static bool dotted_index_parse(const char *key, int64_t *index)
{
    char *end;

    *index = g_ascii_strtoll(key, &end, 10);
    return end != key && !*end;
}

/* Are the keys indices? 1 yes, 0 no, -1 an error. */
static int dotted_is_list(const Value *dict, GError **error)
{
    size_t count = value_dict_size(dict);
    size_t indices = 0;
    int64_t largest = -1;

    for (size_t i = 0; i < count; i++) {
        int64_t index;

        if (dotted_index_parse(value_dict_key_at(dict, i), &index)) {
            indices++;
            largest = MAX(largest, index);
        }
    }
    if (indices && indices != count) {
        failure_set(error, "Cannot mix list and non-list keys");
        return -1;
    }
    if ((uint64_t)indices != (uint64_t)largest + 1) {
        failure_set(error,
                    "List indices are not contiguous, saw %zu elements but %" G_GINT64_FORMAT
                    " largest index",
                    indices, largest);
        return -1;
    }
    return indices > 0;
}

static Value *dotted_to_list(Value *dict, GError **error)
{
    g_autoptr(Value) list = value_new_list();
    size_t count = value_dict_size(dict);

    for (size_t i = 0; i < count; i++) {
        g_autofree char *key = g_strdup_printf("%zu", i);
        Value *item = value_dict_steal(dict, key);

        if (!item) {
            failure_set(error, "Missing list index %zu", i);
            return NULL;
        }
        value_list_append(list, item);
    }
    return g_steal_pointer(&list);
}

static Value *dotted_crumple_level(const Value *flat, int level, GError **error)
{
    g_autoptr(Value) split = dotted_split(flat, error);
    g_autoptr(Value) nested = value_new_dict();
    int is_list;

    if (!split) {
        return NULL;
    }
    if (level > DOTTED_NESTING_MAX) {
        failure_set(error, "Parameters are nested too deeply");
        return NULL;
    }
    for (size_t i = 0; i < value_dict_size(split); i++) {
        const Value *below = value_dict_at(split, i);
        Value *value = value_dict_size(below) ? dotted_crumple_level(below, level + 1, error)
                                              : value_copy(below);

        if (!value) {
            return NULL;
        }
        value_dict_put(nested, value_dict_key_at(split, i), value);
    }
    is_list = dotted_is_list(nested, error);
    if (is_list < 0) {
        return NULL;
    }
    return is_list ? dotted_to_list(nested, error) : g_steal_pointer(&nested);
}

Value *dotted_crumple(const Value *flat, GError **error)
{
    return dotted_crumple_level(flat, 0, error);
}

Value *dotted_subdict_take(Value *flat, const char *prefix)
{
    g_autofree char *start = g_strconcat(prefix, ".", NULL);
    Value *below = value_new_dict();
    size_t i = 0;

    while (i < value_dict_size(flat)) {
        const char *key = value_dict_key_at(flat, i);

        if (g_str_has_prefix(key, start)) {
            g_autofree char *name = g_strdup(key);

            value_dict_put(below, name + strlen(start), value_dict_steal(flat, name));
        } else {
            i++;
        }
    }
    return below;
}

bool dotted_has(const Value *flat, const char *key)
{
    g_autofree char *start = g_strconcat(key, ".", NULL);

    for (size_t i = 0; i < value_dict_size(flat); i++) {
        const char *name = value_dict_key_at(flat, i);

        if (g_str_equal(name, key) || g_str_has_prefix(name, start)) {
            return true;
        }
    }
    return false;
}
