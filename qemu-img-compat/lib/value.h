/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * value - a JSON-like value tree, whose dictionaries iterate in QEMU's order.
 *
 * QEMU prints the members of a dictionary in the order of its hash table, in JSON and in the
 * human "Format specific information" alike. Iterating here gives the same order.
 */
#ifndef QIC_LIB_VALUE_H
#define QIC_LIB_VALUE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum ValueKind {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_UINT, /* only for integers above INT64_MAX when it comes from a parser */
    VALUE_DOUBLE,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_DICT,
} ValueKind;

typedef struct Value Value;

/*
 * Constructors. Strings are bytes up to a NUL, in no particular encoding; they are copied.
 * The caller owns what is returned.
 */
Value *value_new_null(void);
Value *value_new_bool(bool flag);
Value *value_new_int(int64_t number);
Value *value_new_uint(uint64_t number);
Value *value_new_double(double number);
Value *value_new_string(const char *text);
Value *value_new_string_take(char *text);
Value *value_new_list(void);
Value *value_new_dict(void);

/* A deep copy that iterates in the same order. */
Value *value_copy(const Value *value);

/* Frees the whole tree; NULL is fine. */
void value_free(Value *value);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Value, value_free)

ValueKind value_kind(const Value *value);

/* Accessors: what the value holds, or the second argument (NULL for strings) if of another kind. */
bool value_bool(const Value *value, bool otherwise);
int64_t value_int(const Value *value, int64_t otherwise);
uint64_t value_uint(const Value *value, uint64_t otherwise);
double value_double(const Value *value, double otherwise);
const char *value_string(const Value *value);

/* Lists. Append takes the item over. An index out of range gives NULL. */
void value_list_append(Value *list, Value *item);
size_t value_list_length(const Value *list);
Value *value_list_at(const Value *list, size_t index);

/*
 * A list whose items are made when they are asked for, by item() in the source; only the last one
 * is kept: what value_list_at() returned before is gone then. Good for being printed.
 */
typedef struct ValueSource {
    size_t length;
    Value *(*item)(void *ctx, size_t index);
    void (*free)(void *ctx);
    void *ctx;
} ValueSource;

/* Takes source->ctx over. */
Value *value_new_list_of(const ValueSource *source);

/*
 * Dictionaries. Put takes the value over; an old value under that key is replaced in its place.
 * Get gives NULL when there is no such key (or the value is not a dictionary).
 * Del says whether there was one. Steal removes the value and hands it to the caller.
 */
void value_dict_put(Value *dict, const char *key, Value *value);
void value_dict_put_string(Value *dict, const char *key, const char *text);
void value_dict_put_bool(Value *dict, const char *key, bool flag);
void value_dict_put_int(Value *dict, const char *key, int64_t number);
Value *value_dict_get(const Value *dict, const char *key);
const char *value_dict_get_string(const Value *dict, const char *key);
bool value_dict_has(const Value *dict, const char *key);
bool value_dict_del(Value *dict, const char *key);
Value *value_dict_steal(Value *dict, const char *key);

/* Iteration in QEMU's order: 0 <= index < size. */
size_t value_dict_size(const Value *dict);
const char *value_dict_key_at(const Value *dict, size_t index);
Value *value_dict_at(const Value *dict, size_t index);

/* The hash bucket (0..511) in which QEMU keeps a key; iteration runs through them upwards. */
unsigned value_dict_bucket(const char *key);

#endif
