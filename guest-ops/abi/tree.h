/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees: how jobs, results, references and errors cross between host and guest.
 *
 * A tree is a flat sequence of items, each 8-byte aligned: an 8-byte head {type, key_bytes,
 * value_bytes}, the key, the value. Containers are an opening item, their members, and one END.
 * Values are bytes (no terminator), 64-bit integers, or booleans. A tree has exactly one root,
 * a DICT. Both sides compile the same writer and the same checking reader; a reader that has
 * accepted a tree with tree_check() can walk it without further checks.
 */
#ifndef ABI_TREE_H
#define ABI_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tree_type {
    TREE_END = 0,
    TREE_DICT = 1,
    TREE_LIST = 2,
    TREE_BYTES = 3,
    TREE_U64 = 4,
    TREE_I64 = 5,
    TREE_BOOL = 6,
};

#define TREE_DEPTH_MAX 64u
#define TREE_KEY_MAX_BYTES 255u

struct tree_bytes {
    const char *data;
    size_t length;
};

/* One item as the reader sees it; key and bytes point into the tree. */
struct tree_item {
    enum tree_type type;
    struct tree_bytes key;   /* empty inside a list */
    struct tree_bytes bytes; /* TREE_BYTES */
    uint64_t number;         /* TREE_U64, TREE_I64 (two's complement), TREE_BOOL */
    size_t inside;           /* containers: position of the first member */
    size_t next;             /* position behind this item (behind END for containers) */
};

/* ---- writing ---- */

struct tree_writer {
    uint8_t *data;
    size_t capacity;
    size_t used;
    bool overflow; /* something did not fit: the tree is unusable */
};

/* Start a tree in @data; opens the root DICT. */
void tree_begin(struct tree_writer *w, void *data, size_t capacity);
/* Close the root; returns the tree's length or 0 if it did not fit. */
size_t tree_finish(struct tree_writer *w);
/* @key may be NULL inside a list. */
void tree_dict(struct tree_writer *w, const char *key);
void tree_list(struct tree_writer *w, const char *key);
void tree_end(struct tree_writer *w);
void tree_put_bytes(struct tree_writer *w, const char *key, const void *data, size_t length);
void tree_put_str(struct tree_writer *w, const char *key, const char *text);
void tree_put_u64(struct tree_writer *w, const char *key, uint64_t number);
void tree_put_i64(struct tree_writer *w, const char *key, int64_t number);
void tree_put_bool(struct tree_writer *w, const char *key, bool value);
/* As tree_put_bytes(), with a key that is not a C string (e.g. copied from another tree). */
void tree_put_keyed(struct tree_writer *w, struct tree_bytes key, enum tree_type type,
                    const void *data, size_t length);

/* ---- reading ---- */

struct tree {
    const uint8_t *data;
    size_t length;
};

/*
 * Accept @length bytes at @data as a tree: every head in bounds, known types, keys at most
 * TREE_KEY_MAX_BYTES and present exactly inside dicts, containers closed and at most
 * TREE_DEPTH_MAX deep, nothing behind the root. Sets *tree to it. @data must not change
 * afterwards (the host checks its private copy). Returns 0 or -EINVAL (-22).
 */
int tree_check(struct tree *tree, const void *data, size_t length);

/* The root's first member position, to be used with tree_next(). */
size_t tree_root(const struct tree *tree);
/* Read the item at *position and move *position behind it; false at the container's end. */
bool tree_next(const struct tree *tree, size_t *position, struct tree_item *item);
/* Find @key among the members that start at @position (tree_root() or item.inside). */
bool tree_find(const struct tree *tree, size_t position, const char *key, struct tree_item *item);
/* Shorthands on members: the value of the right type, or @fallback. */
uint64_t tree_get_u64(const struct tree *tree, size_t position, const char *key, uint64_t fallback);
bool tree_get_bool(const struct tree *tree, size_t position, const char *key, bool fallback);
struct tree_bytes tree_get_bytes(const struct tree *tree, size_t position, const char *key);
bool tree_bytes_equal(struct tree_bytes a, const char *text);

#endif
