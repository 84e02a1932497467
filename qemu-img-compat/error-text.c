/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Composing error sentences from the one table of texts; see error-text.h. */
#include "error-text.h"

#include <inttypes.h>
#include <string.h>

enum frame_kind { KIND_ERROR, KIND_PREFIX, KIND_HINT };

/* No honest guest has more frames; each costs time by the length of what is there. */
enum { FRAMES_MAX = 64 };

static const struct {
    enum frame_kind kind;
    const char *text;
} rows[] = {
#define FMT_ERROR(code, kind, text) {KIND_##kind, text},
#include "common/error-list.h"
#undef FMT_ERROR
};

/* Arguments are taken one after the other; a missing or wrong one shows as nothing or 0. */
struct args {
    const struct tree *tree;
    size_t position;
    bool some;
};

static bool args_next(struct args *args, struct tree_item *item)
{
    return args->some && tree_next(args->tree, &args->position, item);
}

static uint64_t args_number(struct args *args)
{
    struct tree_item item;
    return args_next(args, &item) && item.type == TREE_U64 ? item.number : 0;
}

/* Bytes end at a NUL, as they would for the reference. */
static void append_bytes(GString *out, struct args *args)
{
    struct tree_item item;

    if (args_next(args, &item) && item.type == TREE_BYTES)
        g_string_append_len(out, item.bytes.data,
                            (gssize)strnlen(item.bytes.data, item.bytes.length));
}

/* One conversion of a text, @spec behind its '%'; returns its length. */
static size_t append_conversion(GString *out, const char *spec, struct args *args,
                                const char *reference)
{
    bool zeroes = spec[0] == '0', marked = spec[0] == '#';
    size_t length = marked + strspn(spec + marked, "0123456789");
    int width = (int)g_ascii_strtoull(spec + marked, NULL, 10);

    switch (spec[length]) {
    case 's':
        append_bytes(out, args);
        break;
    case 'u':
        g_string_append_printf(out, "%" PRIu64, args_number(args));
        break;
    case 'd':
        g_string_append_printf(out, "%" PRId64, (int64_t)args_number(args));
        break;
    case 'x':
        if (marked)
            g_string_append_printf(out, "%#" PRIx64, args_number(args));
        else
            g_string_append_printf(out, zeroes ? "%0*" PRIx64 : "%*" PRIx64, width,
                                   args_number(args));
        break;
    case 'X':
        g_string_append_printf(out, zeroes ? "%0*" PRIX64 : "%*" PRIX64, width, args_number(args));
        break;
    case 'e':
        g_string_append(out, strerror((int)(args_number(args) & 0xfff)));
        break;
    case 'r':
        g_string_append(out, reference ? reference : "Could not open a file it refers to");
        break;
    default:
        g_string_append_c(out, '%');
        break;
    }
    return length + 1;
}

static void append_text(GString *out, const char *text, struct args *args, const char *reference)
{
    for (const char *p = text; *p;) {
        if (*p == '%')
            p += 1 + append_conversion(out, p + 1, args, reference);
        else
            g_string_append_c(out, *p++);
    }
}

/* The frame's row, and its text in @out. -1: no such code. */
static int frame_render(GString *out, const struct tree *tree, size_t position,
                        const char *reference)
{
    uint64_t code = tree_get_u64(tree, position, "code", UINT64_MAX);
    struct args args = {.tree = tree};
    struct tree_item item;

    if (code >= G_N_ELEMENTS(rows))
        return -1;
    if (tree_find(tree, position, "args", &item) && item.type == TREE_LIST) {
        args.position = item.inside;
        args.some = true;
    }
    append_text(out, rows[code].text, &args, reference);
    return (int)rows[code].kind;
}

char *error_frame_text(const struct tree *tree, size_t position, const char *reference)
{
    GString *text = g_string_new(NULL);

    frame_render(text, tree, position, reference);
    return g_string_free(text, FALSE);
}

char *error_text(const struct tree *error, const char *reference)
{
    g_autoptr(GString) hints = g_string_new(NULL);
    GString *message = g_string_new(NULL);
    struct tree_item frames, frame;

    if (tree_find(error, tree_root(error), "frames", &frames) && frames.type == TREE_LIST) {
        size_t position = frames.inside;
        for (unsigned n = 0; n < FRAMES_MAX && tree_next(error, &position, &frame); n++) {
            g_autoptr(GString) text = g_string_new(NULL);
            if (frame.type != TREE_DICT)
                continue;
            int kind = frame_render(text, error, frame.inside, reference);
            if (kind == KIND_HINT)
                g_string_append_printf(hints, "\n%s", text->str);
            else if (kind >= 0)
                g_string_prepend(message, text->str);
        }
    }
    if (message->len == 0)
        g_string_append(message, "the sandbox gave no reason");
    /* A message may end in the hints of the host's own account: they stay below the first line. */
    g_string_append(message, hints->str);
    return g_string_free(message, FALSE);
}
