/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writer and checking reader of trees, compiled into the host and into the guest. */
#include "tree.h"

#include <string.h>

struct tree_head {
    uint8_t type;
    uint8_t key_bytes;
    uint16_t reserved;
    uint32_t value_bytes;
};

enum { HEAD_BYTES = 8, TREE_EINVAL = 22 };
_Static_assert(sizeof(struct tree_head) == HEAD_BYTES, "tree head is ABI");

static size_t padded(size_t length)
{
    return (length + 7) & ~(size_t)7;
}

void tree_put_keyed(struct tree_writer *w, struct tree_bytes key, enum tree_type type,
                    const void *data, size_t length)
{
    if (w->overflow || key.length > TREE_KEY_MAX_BYTES || length > UINT32_MAX - 8 ||
        HEAD_BYTES + padded(key.length) + padded(length) > w->capacity - w->used) {
        w->overflow = true;
        return;
    }
    struct tree_head head = {
        .type = (uint8_t)type, .key_bytes = (uint8_t)key.length, .value_bytes = (uint32_t)length};
    uint8_t *to = w->data + w->used;
    memset(to, 0, HEAD_BYTES + padded(key.length) + padded(length));
    memcpy(to, &head, HEAD_BYTES);
    to += HEAD_BYTES;
    if (key.length)
        memcpy(to, key.data, key.length);
    if (length)
        memcpy(to + padded(key.length), data, length);
    w->used += HEAD_BYTES + padded(key.length) + padded(length);
}

static void put(struct tree_writer *w, const char *key, enum tree_type type, const void *data,
                size_t length)
{
    struct tree_bytes k = {key, key ? strlen(key) : 0};
    tree_put_keyed(w, k, type, data, length);
}

void tree_begin(struct tree_writer *w, void *data, size_t capacity)
{
    *w = (struct tree_writer){.data = data, .capacity = capacity};
    put(w, NULL, TREE_DICT, NULL, 0);
}

size_t tree_finish(struct tree_writer *w)
{
    put(w, NULL, TREE_END, NULL, 0);
    return w->overflow ? 0 : w->used;
}

void tree_dict(struct tree_writer *w, const char *key)
{
    put(w, key, TREE_DICT, NULL, 0);
}

void tree_list(struct tree_writer *w, const char *key)
{
    put(w, key, TREE_LIST, NULL, 0);
}

void tree_end(struct tree_writer *w)
{
    put(w, NULL, TREE_END, NULL, 0);
}

void tree_put_bytes(struct tree_writer *w, const char *key, const void *data, size_t length)
{
    put(w, key, TREE_BYTES, data, length);
}

void tree_put_str(struct tree_writer *w, const char *key, const char *text)
{
    put(w, key, TREE_BYTES, text, strlen(text));
}

void tree_put_u64(struct tree_writer *w, const char *key, uint64_t number)
{
    put(w, key, TREE_U64, &number, sizeof(number));
}

void tree_put_i64(struct tree_writer *w, const char *key, int64_t number)
{
    put(w, key, TREE_I64, &number, sizeof(number));
}

void tree_put_bool(struct tree_writer *w, const char *key, bool value)
{
    uint64_t number = value;
    put(w, key, TREE_BOOL, &number, sizeof(number));
}

/* Read the head at @position; false if head, key or value do not lie within the tree. */
static bool head_at(const struct tree *tree, size_t position, struct tree_head *head)
{
    if (position > tree->length || tree->length - position < HEAD_BYTES)
        return false;
    memcpy(head, tree->data + position, HEAD_BYTES);
    size_t body = padded(head->key_bytes) + padded(head->value_bytes);
    return tree->length - position - HEAD_BYTES >= body;
}

static size_t head_span(const struct tree_head *head)
{
    return HEAD_BYTES + padded(head->key_bytes) + padded(head->value_bytes);
}

/* Whether a value of this type may have this length. */
static bool value_ok(const struct tree_head *head)
{
    switch (head->type) {
    case TREE_END:
    case TREE_DICT:
    case TREE_LIST:
        return head->value_bytes == 0;
    case TREE_U64:
    case TREE_I64:
    case TREE_BOOL:
        return head->value_bytes == 8;
    case TREE_BYTES:
        return true;
    default:
        return false;
    }
}

int tree_check(struct tree *tree, const void *data, size_t length)
{
    struct tree candidate = {data, length};
    uint8_t container[TREE_DEPTH_MAX];
    size_t position = 0;
    unsigned depth = 0;

    do {
        struct tree_head head;
        if (!head_at(&candidate, position, &head) || !value_ok(&head) || head.reserved != 0)
            return -TREE_EINVAL;
        bool keyed = depth > 0 && container[depth - 1] == TREE_DICT && head.type != TREE_END;
        if (keyed != (head.key_bytes > 0))
            return -TREE_EINVAL;
        if (depth == 0 && head.type != TREE_DICT)
            return -TREE_EINVAL;
        if (head.type == TREE_DICT || head.type == TREE_LIST) {
            if (depth == TREE_DEPTH_MAX)
                return -TREE_EINVAL;
            container[depth++] = head.type;
        } else if (head.type == TREE_END) {
            depth--;
        }
        position += head_span(&head);
    } while (depth > 0);
    if (position != length)
        return -TREE_EINVAL;
    *tree = candidate;
    return 0;
}

size_t tree_root(const struct tree *tree)
{
    (void)tree;
    return HEAD_BYTES;
}

/* Position behind the container that is opened at @position. */
static size_t skip_container(const struct tree *tree, size_t position)
{
    struct tree_head head;
    unsigned depth = 0;

    while (head_at(tree, position, &head)) {
        position += head_span(&head);
        if (head.type == TREE_DICT || head.type == TREE_LIST)
            depth++;
        else if (head.type == TREE_END && --depth == 0)
            break;
    }
    return position;
}

bool tree_next(const struct tree *tree, size_t *position, struct tree_item *item)
{
    struct tree_head head;

    if (!head_at(tree, *position, &head) || head.type == TREE_END)
        return false;
    const char *key = (const char *)tree->data + *position + HEAD_BYTES;
    const char *value = key + padded(head.key_bytes);
    *item = (struct tree_item){
        .type = (enum tree_type)head.type,
        .key = {key, head.key_bytes},
        .next = *position + head_span(&head),
    };
    if (head.type == TREE_DICT || head.type == TREE_LIST) {
        item->inside = item->next;
        item->next = skip_container(tree, *position);
    } else if (head.type == TREE_BYTES) {
        item->bytes = (struct tree_bytes){value, head.value_bytes};
    } else {
        memcpy(&item->number, value, sizeof(item->number));
    }
    *position = item->next;
    return true;
}

bool tree_bytes_equal(struct tree_bytes a, const char *text)
{
    size_t length = strlen(text);
    return a.length == length && (length == 0 || memcmp(a.data, text, length) == 0);
}

bool tree_find(const struct tree *tree, size_t position, const char *key, struct tree_item *item)
{
    while (tree_next(tree, &position, item)) {
        if (tree_bytes_equal(item->key, key))
            return true;
    }
    return false;
}

uint64_t tree_get_u64(const struct tree *tree, size_t position, const char *key, uint64_t fallback)
{
    struct tree_item item;
    return tree_find(tree, position, key, &item) && item.type == TREE_U64 ? item.number : fallback;
}

bool tree_get_bool(const struct tree *tree, size_t position, const char *key, bool fallback)
{
    struct tree_item item;
    bool found = tree_find(tree, position, key, &item) && item.type == TREE_BOOL;
    return found ? item.number != 0 : fallback;
}

struct tree_bytes tree_get_bytes(const struct tree *tree, size_t position, const char *key)
{
    struct tree_item item;
    bool found = tree_find(tree, position, key, &item) && item.type == TREE_BYTES;
    return found ? item.bytes : (struct tree_bytes){NULL, 0};
}
