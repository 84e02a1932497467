/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree-value - between the front end's values and the trees that cross to the guest. */
#ifndef QIC_TREE_VALUE_H
#define QIC_TREE_VALUE_H

#include "abi/tree.h"
#include "lib/value.h"

/*
 * A dictionary as a tree (strings become bytes, integers numbers; null members are left out). The
 * caller frees the bytes; *length is their number.
 */
void *tree_from_value(const Value *dict, size_t *length);

/* The members of the dictionary, put into a tree that is being written. */
void tree_put_members(struct tree_writer *w, const Value *dict);

/*
 * A list, each item turned into what convert() makes of it (NULL: left as it is). Long lists keep
 * the bytes they came in and make one value at a time (value_new_list_of).
 */
Value *value_list_from_tree(const struct tree *tree, const struct tree_item *list,
                            Value *(*convert)(const Value *item));

/* The dict or list item as a value; bytes are cut at a NUL, as C strings are. */
Value *value_from_tree(const struct tree *tree, const struct tree_item *item);

/* The member's bytes as a C string (NULL if there are none); the caller frees it. */
char *tree_dup_text(const struct tree *tree, size_t position, const char *key);

#endif
