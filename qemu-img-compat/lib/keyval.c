/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keyval - see keyval.h. */
#include "keyval.h"

#include <limits.h>
#include <string.h>

#include "dotted.h"
#include "opts.h"

enum {
    KEYVAL_FRAGMENT_MAX_BYTES = 127,
    KEYVAL_NESTING_MAX = 1024,
};

/*
 * A name as QAPI has them: an optional reverse domain "__x.y_", then a letter, then letters,
 * digits, '-' and '_'. Its length, or 0.
 */
static size_t keyval_name_length(const char *text)
{
    const char *at = text;

    if (g_str_has_prefix(at, "__")) {
        at += 2;
        while (g_ascii_isalnum(*at) || *at == '-' || *at == '.') {
            at++;
        }
        if (at == text + 2 || *at != '_') {
            return 0;
        }
        at++;
    }
    if (!g_ascii_isalpha(*at)) {
        return 0;
    }
    while (g_ascii_isalnum(*at) || *at == '-' || *at == '_') {
        at++;
    }
    return (size_t)(at - text);
}

/* A list index: digits only. Its length, or 0. */
static size_t keyval_index_length(const char *text)
{
    return strspn(text, "0123456789");
}

/* Indices beyond an int count as the largest one: a list has fewer items in any case. */
static int keyval_index_value(const char *key)
{
    guint64 index = g_ascii_strtoull(key, NULL, 10);

    return (int)MIN(index, INT_MAX);
}

static bool keyval_is_index(const char *key)
{
    return keyval_index_length(key) > 0;
}

/* A key being walked: its bytes, the fragment under the cursor, the dictionary it applies to. */
typedef struct KeyvalPath {
    const char *key;
    size_t length;
    Value *dict;
    char *fragment;
} KeyvalPath;

/* The dictionary under the fragment, made if need be. */
static Value *keyval_descend(KeyvalPath *path, size_t walked, GError **error)
{
    Value *below = value_dict_get(path->dict, path->fragment);

    if (below && value_kind(below) != VALUE_DICT) {
        failure_set(error, "Parameters '%.*s.*' used inconsistently", (int)walked, path->key);
        return NULL;
    }
    if (!below) {
        below = value_new_dict();
        value_dict_put(path->dict, path->fragment, below);
    }
    return below;
}

/* Cuts the fragment at the offset; its length, or 0 with the error set. */
static size_t keyval_fragment_take(KeyvalPath *path, size_t offset, GError **error)
{
    const char *start = path->key + offset;
    size_t length = offset ? keyval_index_length(start) : 0;

    length = length ? length : keyval_name_length(start);
    if (!length || (offset + length < path->length && start[length] != '.')) {
        failure_set(error, "Invalid parameter '%.*s'", (int)path->length, path->key);
        return 0;
    }
    if (length > KEYVAL_FRAGMENT_MAX_BYTES) {
        failure_set(error, "Parameter%s '%.*s' is too long",
                    offset || length != path->length ? " fragment" : "", (int)length, start);
        return 0;
    }
    g_free(path->fragment);
    path->fragment = g_strndup(start, length);
    return length;
}

/* Walks to the last fragment of the key. */
static bool keyval_path_walk(KeyvalPath *path, GError **error)
{
    size_t offset = 0;

    for (int level = 0;; level++) {
        size_t length = keyval_fragment_take(path, offset, error);

        if (!length) {
            return false;
        }
        offset += length;
        if (path->key[offset] != '.') {
            return true;
        }
        if (level >= KEYVAL_NESTING_MAX) {
            return failure_set(error, "Parameter '%s' is too long", path->fragment);
        }
        path->dict = keyval_descend(path, offset, error);
        if (!path->dict) {
            return false;
        }
        offset++;
    }
}

static bool keyval_put(Value *dict, const char *key, size_t key_length, bool has_value,
                       const char *text, GError **error)
{
    KeyvalPath path = {key, key_length, dict, NULL};
    g_autofree char *fragment = NULL;
    const Value *old;
    bool ok = keyval_path_walk(&path, error);

    fragment = path.fragment;
    if (!ok) {
        return false;
    }
    if (!has_value) {
        return failure_set(error, "Expected '=' after parameter '%.*s'", (int)key_length, key);
    }
    old = value_dict_get(path.dict, fragment);
    if (old && value_kind(old) != VALUE_STRING) {
        return failure_set(error, "Parameters '%.*s.*' used inconsistently", (int)key_length, key);
    }
    value_dict_put_string(path.dict, fragment, text);
    return true;
}

/* An implied value ends at the first comma; doubled commas mean nothing special in it. */
static bool keyval_implied_put(Value *dict, const char **cursor, size_t length,
                               const char *implied_key, GError **error)
{
    g_autofree char *text = g_strndup(*cursor, length);

    *cursor += length + ((*cursor)[length] == ',');
    return keyval_put(dict, implied_key, strlen(implied_key), true, text, error);
}

static bool keyval_parse_one(Value *dict, const char **cursor, const char *implied_key, bool *help,
                             GError **error)
{
    const char *start = *cursor;
    size_t length = strcspn(start, "=,");
    OptPair pair;
    bool ok;

    if (length && start[length] != '=') {
        if ((length == 4 && g_str_has_prefix(start, "help")) || (length == 1 && *start == '?')) {
            *help = true;
            *cursor = start + length + (start[length] == ',');
            return true;
        }
        if (implied_key) {
            return keyval_implied_put(dict, cursor, length, implied_key, error);
        }
    }
    opt_pair_next(cursor, NULL, &pair);
    ok = keyval_put(dict, start, length, start[length] == '=', pair.text, error);
    opt_pair_clear(&pair);
    return ok;
}

/* The items of a dictionary whose keys are indices; "0" and "00" are the same one. */
static Value *keyval_list_build(const Value *dict, const char *path, GError **error)
{
    size_t count = value_dict_size(dict);
    g_autoptr(GPtrArray) items = g_ptr_array_new();
    g_autoptr(Value) list = value_new_list();
    int largest = -1;

    g_ptr_array_set_size(items, (int)count + 1);
    for (size_t i = 0; i < count; i++) {
        int index = keyval_index_value(value_dict_key_at(dict, i));

        largest = MAX(largest, index);
        if ((size_t)index < count) {
            g_ptr_array_index(items, index) = value_dict_at(dict, i);
        }
    }
    for (size_t i = 0; i < MIN(count + 1, (size_t)largest + 1); i++) {
        const Value *item = g_ptr_array_index(items, i);

        if (!item) {
            failure_set(error, "Parameter '%s%zu' missing", path, i);
            return NULL;
        }
        value_list_append(list, value_copy(item));
    }
    return g_steal_pointer(&list);
}

/* Turns dictionaries with indices for keys into lists. path: the keys above, each with a point. */
static Value *keyval_listify(const Value *dict, const char *path, GError **error)
{
    g_autoptr(Value) result = value_new_dict();
    bool has_index = false;
    bool has_name = false;

    for (size_t i = 0; i < value_dict_size(dict); i++) {
        const char *key = value_dict_key_at(dict, i);
        const Value *value = value_dict_at(dict, i);
        Value *listified;

        if (keyval_is_index(key)) {
            has_index = true;
        } else {
            has_name = true;
        }
        if (value_kind(value) == VALUE_DICT) {
            g_autofree char *below = g_strconcat(path, key, ".", NULL);

            listified = keyval_listify(value, below, error);
        } else {
            listified = value_copy(value);
        }
        if (!listified) {
            return NULL;
        }
        value_dict_put(result, key, listified);
    }
    if (has_index && has_name) {
        failure_set(error, "Parameters '%s*' used inconsistently", path);
        return NULL;
    }
    return has_index ? keyval_list_build(result, path, error) : g_steal_pointer(&result);
}

Value *keyval_parse(const char *text, const char *implied_key, bool *help, GError **error)
{
    g_autoptr(Value) dict = value_new_dict();

    *help = false;
    while (*text) {
        if (!keyval_parse_one(dict, &text, implied_key, help, error)) {
            return NULL;
        }
        implied_key = NULL;
    }
    return keyval_listify(dict, "", error);
}

bool keyval_id_is_wellformed(const char *id)
{
    return g_ascii_isalpha(id[0]) &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
               strlen(id);
}

/* The first id given names the whole list; it must be an identifier. */
static bool keyval_id_check(const char *text, Value *dict, GError **error)
{
    while (*text) {
        OptPair pair;
        g_autofree char *id = NULL;
        bool is_id;

        opt_pair_next(&text, NULL, &pair);
        is_id = g_str_equal(pair.name, "id");
        id = g_steal_pointer(&pair.text);
        opt_pair_clear(&pair);
        if (is_id && !keyval_id_is_wellformed(id)) {
            return failure_set(error,
                               "Parameter 'id' expects an identifier\nIdentifiers consist of "
                               "letters, digits, '-', '.', '_', starting with a letter.");
        }
        if (is_id) {
            value_dict_put_string(dict, "id", id);
            return true;
        }
    }
    return true;
}

Value *keyval_image_opts_parse(const char *text, GString *warnings, GError **error)
{
    g_autoptr(Value) dict = value_new_dict();
    const char *implied_name = "file";

    if (!keyval_id_check(text, dict, error)) {
        return NULL;
    }
    while (*text) {
        OptPair pair;

        opt_pair_next(&text, implied_name, &pair);
        if (pair.is_flag && !opt_pair_is_help(&pair)) {
            opt_pair_warn(&pair, warnings);
        }
        if (!g_str_equal(pair.name, "id")) {
            value_dict_put_string(dict, pair.name, pair.text);
        }
        opt_pair_clear(&pair);
        implied_name = NULL;
    }
    return g_steal_pointer(&dict);
}
