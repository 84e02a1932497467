/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values to trees and back; see tree-value.h. */
#include "tree-value.h"

#include <string.h>

static void put_value(struct tree_writer *w, const char *key, const Value *value)
{
    switch (value_kind(value)) {
    case VALUE_BOOL:
        tree_put_bool(w, key, value_bool(value, false));
        break;
    case VALUE_INT:
    case VALUE_UINT:
        tree_put_u64(w, key, value_uint(value, (uint64_t)value_int(value, 0)));
        break;
    case VALUE_STRING:
        tree_put_str(w, key, value_string(value));
        break;
    case VALUE_LIST:
        tree_list(w, key);
        for (size_t i = 0; i < value_list_length(value); i++)
            put_value(w, NULL, value_list_at(value, i));
        tree_end(w);
        break;
    case VALUE_DICT:
        tree_dict(w, key);
        tree_put_members(w, value);
        tree_end(w);
        break;
    case VALUE_NULL:
    case VALUE_DOUBLE:
        break; /* nothing in a job is either */
    }
}

void tree_put_members(struct tree_writer *w, const Value *dict)
{
    for (size_t i = 0; i < value_dict_size(dict); i++) {
        const char *key = value_dict_key_at(dict, i);
        /* Nothing that the guest knows is called by a longer name. */
        if (strlen(key) <= TREE_KEY_MAX_BYTES)
            put_value(w, key, value_dict_at(dict, i));
    }
}

void *tree_from_value(const Value *dict, size_t *length)
{
    for (size_t room = 4096;; room *= 2) {
        struct tree_writer w;
        void *data = g_malloc(room);

        tree_begin(&w, data, room);
        tree_put_members(&w, dict);
        *length = tree_finish(&w);
        if (*length)
            return data;
        g_free(data);
    }
}

/* Lists of more items than this are made into values one at a time. */
enum { LIST_ITEMS_AT_ONCE = 1000 };

/* The items of a list, copied from a tree, and the next one to be made. */
typedef struct ListBytes {
    uint8_t *data;
    struct tree tree;
    size_t position, index;
    Value *(*convert)(const Value *item);
} ListBytes;

static Value *item_convert(const struct tree *tree, const struct tree_item *item,
                           Value *(*convert)(const Value *item))
{
    Value *value = value_from_tree(tree, item);

    if (!convert)
        return value;
    Value *converted = convert(value);
    value_free(value);
    return converted;
}

static Value *list_bytes_item(void *ctx, size_t index)
{
    ListBytes *list = ctx;
    struct tree_item item;

    if (index < list->index)
        list->position = list->index = 0;
    while (tree_next(&list->tree, &list->position, &item)) {
        if (list->index++ == index)
            return item_convert(&list->tree, &item, list->convert);
    }
    return value_new_null();
}

static void list_bytes_free(void *ctx)
{
    ListBytes *list = ctx;

    g_free(list->data);
    g_free(list);
}

/* The list's members and its end stand by themselves: positions count from their start. */
static Value *list_of_bytes(const struct tree *tree, const struct tree_item *list, size_t length,
                            Value *(*convert)(const Value *item))
{
    ListBytes *bytes = g_new0(ListBytes, 1);
    size_t size = list->next - list->inside;

    bytes->data = g_memdup2(tree->data + list->inside, size);
    bytes->tree = (struct tree){bytes->data, size};
    bytes->convert = convert;
    const ValueSource source = {length, list_bytes_item, list_bytes_free, bytes};
    return value_new_list_of(&source);
}

Value *value_list_from_tree(const struct tree *tree, const struct tree_item *list,
                            Value *(*convert)(const Value *item))
{
    struct tree_item item;
    size_t length = 0;

    for (size_t position = list->inside; tree_next(tree, &position, &item);)
        length++;
    if (length > LIST_ITEMS_AT_ONCE)
        return list_of_bytes(tree, list, length, convert);
    Value *values = value_new_list();
    for (size_t position = list->inside; tree_next(tree, &position, &item);)
        value_list_append(values, item_convert(tree, &item, convert));
    return values;
}

/* Adding a member takes time by their number, and a record has room for a million. */
enum { MEMBERS_MAX = 4096 };

static Value *dict_from_tree(const struct tree *tree, size_t position)
{
    Value *dict = value_new_dict();
    struct tree_item item;

    for (unsigned n = 0; n < MEMBERS_MAX && tree_next(tree, &position, &item); n++) {
        g_autofree char *key = g_strndup(item.key.data, item.key.length);
        value_dict_put(dict, key, value_from_tree(tree, &item));
    }
    return dict;
}

Value *value_from_tree(const struct tree *tree, const struct tree_item *item)
{
    switch (item->type) {
    case TREE_DICT:
        return dict_from_tree(tree, item->inside);
    case TREE_LIST:
        return value_list_from_tree(tree, item, NULL);
    case TREE_BYTES:
        return value_new_string_take(g_strndup(item->bytes.data, item->bytes.length));
    case TREE_U64:
        return item->number > INT64_MAX ? value_new_uint(item->number)
                                        : value_new_int((int64_t)item->number);
    case TREE_I64:
        return value_new_int((int64_t)item->number);
    case TREE_BOOL:
        return value_new_bool(item->number != 0);
    case TREE_END:
        break;
    }
    return value_new_null();
}

char *tree_dup_text(const struct tree *tree, size_t position, const char *key)
{
    struct tree_bytes bytes = tree_get_bytes(tree, position, key);
    return bytes.data ? g_strndup(bytes.data, bytes.length) : NULL;
}
