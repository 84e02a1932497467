/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fuzz target of the front end: records, errors and messages from a hostile guest, as they come
 * through tree_check(), shown in every way there is.
 *
 * An input with an even first byte is a tree; with an odd one it tells how to build a tree: each
 * item is a byte for its type and one that chooses a key, then a number or a text with its length.
 */
#include <stdlib.h>
#include <string.h>

#include "error-text.h"
#include "info-human.h"
#include "info-node.h"
#include "lib/json-print.h"
#include "tree-value.h"

enum { TREE_BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the front end looks for. */
static const char *const keys[] = {
    "format",
    "device",
    "virtual-bytes",
    "cluster-bytes",
    "encrypted",
    "compressed",
    "dirty",
    "no-dirty-flag",
    "backing-name",
    "backing-format",
    "children",
    "name",
    "snapshots",
    "id",
    "vm-state-bytes",
    "date-seconds",
    "icount",
    "date-nanoseconds",
    "specific",
    "status",
    "vm-clock-nanoseconds",
    "frames",
    "code",
    "args",
    "message",
    "kind",
    "x",
    "file-image",
    "backing-image",
};

struct input {
    const uint8_t *data;
    size_t size;
};

static uint64_t input_number(struct input *in, size_t bytes)
{
    uint64_t number = 0;

    bytes = MIN(bytes, in->size);
    if (bytes)
        memcpy(&number, in->data, bytes);
    in->data += bytes;
    in->size -= bytes;
    return number;
}

static void put_text(struct tree_writer *w, const char *key, struct input *in)
{
    size_t length = (size_t)input_number(in, 1);

    length = MIN(length, in->size);
    tree_put_bytes(w, key, in->data, length);
    in->data += length;
    in->size -= length;
}

/* Items as the input says, all containers closed at the end. Returns the tree's length. */
static size_t tree_build(uint8_t *buffer, struct input *in)
{
    bool list[TREE_DEPTH_MAX] = {false};
    struct tree_writer w;
    unsigned depth = 0;

    tree_begin(&w, buffer, TREE_BYTES_MAX);
    while (in->size > 0) {
        unsigned type = (unsigned)input_number(in, 1) % (TREE_BOOL + 1);
        const char *key = list[depth] ? NULL : keys[input_number(in, 1) % G_N_ELEMENTS(keys)];
        if (type == TREE_END && depth > 0) {
            depth--;
            tree_end(&w);
        } else if ((type == TREE_DICT || type == TREE_LIST) && depth + 1 < TREE_DEPTH_MAX) {
            list[++depth] = type == TREE_LIST;
            (type == TREE_LIST ? tree_list : tree_dict)(&w, key);
        } else if (type == TREE_BYTES) {
            put_text(&w, key, in);
        } else if (type == TREE_U64) {
            tree_put_u64(&w, key, input_number(in, 1));
        } else if (type == TREE_I64) {
            tree_put_i64(&w, key, (int64_t)input_number(in, 8));
        } else {
            tree_put_bool(&w, key, type == TREE_BOOL);
        }
    }
    for (; depth > 0; depth--)
        tree_end(&w);
    return tree_finish(&w);
}

static void show_value(const Value *value)
{
    g_autofree char *pretty = json_value_print(value, true);
    g_autofree char *line = json_value_print(value, false);
    g_autoptr(GString) human = g_string_new(NULL);

    if (!g_utf8_validate(pretty, -1, NULL) || !g_utf8_validate(line, -1, NULL))
        g_error("JSON that is no text");
    if (value_kind(value) == VALUE_DICT)
        info_human_append(human, value);
}

static void show_tree(const Session *session, const struct tree *tree)
{
    g_autofree char *error = error_text(tree, "the host's account\nand a hint");
    g_autofree char *frame = error_frame_text(tree, tree_root(tree), NULL);
    g_autoptr(Value) info = info_node_new(session, tree);
    struct tree_item item;

    if (strlen(error) == 0 || !frame)
        g_error("an error without a text");
    show_value(info);
    for (size_t at = tree_root(tree); tree_next(tree, &at, &item);) {
        g_autoptr(Value) value = value_from_tree(tree, &item);
        if (value_kind(value) != VALUE_DICT)
            show_value(value);
    }
}

/* GLib's complaints are faults here. */
static void log_abort(const char *domain, GLogLevelFlags level, const char *message, gpointer ctx)
{
    g_log_default_handler(domain, level, message, ctx);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Session *session;
    static uint8_t built[TREE_BYTES_MAX];
    struct input in = {data + 1, size - 1};
    struct tree tree;

    if (!session) {
        const SessionOptions options = {.memory_bytes = ABI_MEMORY_MIN_BYTES, .vcpus = 1};
        g_log_set_default_handler(log_abort, NULL);
        session = session_new(&options, NULL);
        if (!session)
            g_error("no session");
    }
    if (size == 0)
        return 0;
    int r = data[0] % 2 ? tree_check(&tree, built, tree_build(built, &in))
                        : tree_check(&tree, in.data, in.size);
    if (r == 0)
        show_tree(session, &tree);
    return 0;
}
