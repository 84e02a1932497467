/* SPDX-License-Identifier: GPL-2.0-or-later */
/* value - the tree of value.h; a dictionary is an array sorted the way QEMU's table iterates. */
#include "value.h"

#include <string.h>

enum {
    VALUE_DICT_BUCKETS = 512,
};

typedef struct DictEntry {
    char *key;
    Value *value;
    unsigned bucket;
} DictEntry;

/* A list made item by item. */
typedef struct LazyList {
    ValueSource source;
    Value *item; /* the one made last, or NULL */
    size_t index;
} LazyList;

struct Value {
    ValueKind kind;
    bool is_lazy; /* a list: u.lazy, not u.items */
    union {
        bool flag;
        int64_t sint;
        uint64_t uint;
        double real;
        char *text;
        GPtrArray *items;
        LazyList *lazy;
        GArray *entries;
    } u;
};

static void value_dict_entry_clear(void *data)
{
    DictEntry *entry = data;

    g_free(entry->key);
    value_free(entry->value);
}

static void value_item_free(void *data)
{
    value_free(data);
}

static Value *value_new(ValueKind kind)
{
    Value *value = g_new0(Value, 1);

    value->kind = kind;
    return value;
}

Value *value_new_null(void)
{
    return value_new(VALUE_NULL);
}

Value *value_new_bool(bool flag)
{
    Value *value = value_new(VALUE_BOOL);

    value->u.flag = flag;
    return value;
}

Value *value_new_int(int64_t number)
{
    Value *value = value_new(VALUE_INT);

    value->u.sint = number;
    return value;
}

Value *value_new_uint(uint64_t number)
{
    Value *value = value_new(VALUE_UINT);

    value->u.uint = number;
    return value;
}

Value *value_new_double(double number)
{
    Value *value = value_new(VALUE_DOUBLE);

    value->u.real = number;
    return value;
}

Value *value_new_string(const char *text)
{
    return value_new_string_take(g_strdup(text));
}

Value *value_new_string_take(char *text)
{
    Value *value = value_new(VALUE_STRING);

    value->u.text = text;
    return value;
}

Value *value_new_list(void)
{
    Value *value = value_new(VALUE_LIST);

    value->u.items = g_ptr_array_new_with_free_func(value_item_free);
    return value;
}

Value *value_new_list_of(const ValueSource *source)
{
    Value *value = value_new(VALUE_LIST);

    value->is_lazy = true;
    value->u.lazy = g_new0(LazyList, 1);
    value->u.lazy->source = *source;
    return value;
}

static Value *lazy_item(LazyList *list, size_t index)
{
    if (!list->item || list->index != index) {
        value_free(list->item);
        list->item = list->source.item(list->source.ctx, index);
        list->index = index;
    }
    return list->item;
}

static void lazy_free(LazyList *list)
{
    value_free(list->item);
    list->source.free(list->source.ctx);
    g_free(list);
}

Value *value_new_dict(void)
{
    Value *value = value_new(VALUE_DICT);

    value->u.entries = g_array_new(FALSE, FALSE, sizeof(DictEntry));
    g_array_set_clear_func(value->u.entries, value_dict_entry_clear);
    return value;
}

static DictEntry *value_dict_entry(const Value *dict, size_t index)
{
    return &g_array_index(dict->u.entries, DictEntry, index);
}

Value *value_copy(const Value *value)
{
    Value *copy;

    switch (value->kind) {
    case VALUE_STRING:
        return value_new_string(value->u.text);
    case VALUE_LIST:
        copy = value_new_list();
        for (size_t i = 0; i < value_list_length(value); i++) {
            value_list_append(copy, value_copy(value_list_at(value, i)));
        }
        return copy;
    case VALUE_DICT:
        copy = value_new_dict();
        for (size_t i = 0; i < value_dict_size(value); i++) {
            const DictEntry *old = value_dict_entry(value, i);
            DictEntry entry = {g_strdup(old->key), value_copy(old->value), old->bucket};

            g_array_append_val(copy->u.entries, entry);
        }
        return copy;
    default:
        copy = value_new(value->kind);
        copy->u = value->u;
        return copy;
    }
}

void value_free(Value *value)
{
    if (!value) {
        return;
    }
    if (value->kind == VALUE_STRING) {
        g_free(value->u.text);
    } else if (value->kind == VALUE_LIST && value->is_lazy) {
        lazy_free(value->u.lazy);
    } else if (value->kind == VALUE_LIST) {
        g_ptr_array_unref(value->u.items);
    } else if (value->kind == VALUE_DICT) {
        g_array_unref(value->u.entries);
    }
    g_free(value);
}

ValueKind value_kind(const Value *value)
{
    return value->kind;
}

bool value_bool(const Value *value, bool otherwise)
{
    return value && value->kind == VALUE_BOOL ? value->u.flag : otherwise;
}

int64_t value_int(const Value *value, int64_t otherwise)
{
    if (value && value->kind == VALUE_UINT && value->u.uint <= INT64_MAX) {
        return (int64_t)value->u.uint;
    }
    return value && value->kind == VALUE_INT ? value->u.sint : otherwise;
}

uint64_t value_uint(const Value *value, uint64_t otherwise)
{
    if (value && value->kind == VALUE_INT && value->u.sint >= 0) {
        return (uint64_t)value->u.sint;
    }
    return value && value->kind == VALUE_UINT ? value->u.uint : otherwise;
}

double value_double(const Value *value, double otherwise)
{
    return value && value->kind == VALUE_DOUBLE ? value->u.real : otherwise;
}

const char *value_string(const Value *value)
{
    return value && value->kind == VALUE_STRING ? value->u.text : NULL;
}

void value_list_append(Value *list, Value *item)
{
    g_return_if_fail(list->kind == VALUE_LIST && !list->is_lazy);
    g_ptr_array_add(list->u.items, item);
}

size_t value_list_length(const Value *list)
{
    if (!list || list->kind != VALUE_LIST) {
        return 0;
    }
    return list->is_lazy ? list->u.lazy->source.length : list->u.items->len;
}

Value *value_list_at(const Value *list, size_t index)
{
    if (index >= value_list_length(list)) {
        return NULL;
    }
    return list->is_lazy ? lazy_item(list->u.lazy, index) : g_ptr_array_index(list->u.items, index);
}

unsigned value_dict_bucket(const char *key)
{
    const unsigned char *byte = (const unsigned char *)key;
    unsigned hash = 0x238F13AFU * (unsigned)strlen(key);

    for (unsigned i = 0; byte[i]; i++) {
        hash += (unsigned)byte[i] << (i * 5 % 24);
    }
    return (1103515243U * hash + 12345U) % VALUE_DICT_BUCKETS;
}

/* The index of the first entry whose bucket is not below the given one. */
static size_t value_dict_bucket_start(const Value *dict, unsigned bucket)
{
    size_t low = 0;
    size_t high = dict->u.entries->len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (value_dict_entry(dict, mid)->bucket < bucket) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* Finds the key; if absent, says where in the array a new entry belongs. */
static bool value_dict_find(const Value *dict, const char *key, size_t *index)
{
    unsigned bucket = value_dict_bucket(key);
    size_t start = value_dict_bucket_start(dict, bucket);

    for (size_t i = start; i < dict->u.entries->len; i++) {
        const DictEntry *entry = value_dict_entry(dict, i);

        if (entry->bucket != bucket) {
            break;
        }
        if (!strcmp(entry->key, key)) {
            *index = i;
            return true;
        }
    }
    *index = start;
    return false;
}

void value_dict_put(Value *dict, const char *key, Value *value)
{
    size_t index;

    g_return_if_fail(dict->kind == VALUE_DICT);
    if (value_dict_find(dict, key, &index)) {
        DictEntry *entry = value_dict_entry(dict, index);

        value_free(entry->value);
        entry->value = value;
    } else {
        DictEntry entry = {g_strdup(key), value, value_dict_bucket(key)};

        g_array_insert_val(dict->u.entries, (guint)index, entry);
    }
}

void value_dict_put_string(Value *dict, const char *key, const char *text)
{
    value_dict_put(dict, key, value_new_string(text));
}

void value_dict_put_bool(Value *dict, const char *key, bool flag)
{
    value_dict_put(dict, key, value_new_bool(flag));
}

void value_dict_put_int(Value *dict, const char *key, int64_t number)
{
    value_dict_put(dict, key, value_new_int(number));
}

Value *value_dict_get(const Value *dict, const char *key)
{
    size_t index;

    if (!dict || dict->kind != VALUE_DICT || !value_dict_find(dict, key, &index)) {
        return NULL;
    }
    return value_dict_entry(dict, index)->value;
}

const char *value_dict_get_string(const Value *dict, const char *key)
{
    return value_string(value_dict_get(dict, key));
}

bool value_dict_has(const Value *dict, const char *key)
{
    return value_dict_get(dict, key) != NULL;
}

Value *value_dict_steal(Value *dict, const char *key)
{
    size_t index;
    Value *value;

    if (!value_dict_find(dict, key, &index)) {
        return NULL;
    }
    value = value_dict_entry(dict, index)->value;
    value_dict_entry(dict, index)->value = NULL;
    g_array_remove_index(dict->u.entries, (guint)index);
    return value;
}

bool value_dict_del(Value *dict, const char *key)
{
    g_autoptr(Value) value = value_dict_steal(dict, key);

    return value != NULL;
}

size_t value_dict_size(const Value *dict)
{
    return dict && dict->kind == VALUE_DICT ? dict->u.entries->len : 0;
}

const char *value_dict_key_at(const Value *dict, size_t index)
{
    return index < value_dict_size(dict) ? value_dict_entry(dict, index)->key : NULL;
}

Value *value_dict_at(const Value *dict, size_t index)
{
    return index < value_dict_size(dict) ? value_dict_entry(dict, index)->value : NULL;
}
