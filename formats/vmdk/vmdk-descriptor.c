/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: the extents that a descriptor lists.
 *
 * The reference looks only at lines that begin with RW and name a file. Here RDONLY extents are
 * read as well, ZERO extents are zeroes, NOACCESS extents take their place on the disk and fail to
 * be read, as the specification has it: leaving them out moves all that follows.
 */
#include "common/text.h"
#include "vmdk.h"

enum { NESTING_MAX = 8, CHILD_NAME_BYTES = 32, LOAD_STEP_BYTES = 64 << 10 };

int vmdk_descriptor_load(struct fmt_env *env, uint32_t device, uint64_t offset,
                         struct fmt_bytes *text)
{
    uint64_t bytes;
    size_t done = 0;
    char *data = NULL;

    int r = io_sector_bytes(env, device, &bytes);
    if (r < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_SIZE, FMT_NUM(-r));
    bytes = min_u64(bytes, VMDK_DESCRIPTOR_MAX_BYTES);
    if (!io_range_ok(offset, bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_READ, FMT_NUM(FMT_EIO));
    data = fmt_arena_buffer(env->arena, bytes + 1, 1);
    if (!data)
        return fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    *text = (struct fmt_bytes){data, 0};
    while (done < bytes) {
        size_t piece = (size_t)min_u64(bytes - done, LOAD_STEP_BYTES);
        r = io_read(env, device, offset + done, data + done, piece);
        if (r < 0)
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_READ, FMT_NUM(-r));
        const char *end = memchr(data + done, '\0', piece);
        text->length = end ? (size_t)(end - data) : done + piece;
        if (end)
            break;
        done += piece;
    }
    return 0;
}

/* ---- one line ---- */

static const struct {
    const char *name;
    enum vmdk_kind kind;
} types[] = {
    {"FLAT",       VMDK_FLAT    },
    {"VMFS",       VMDK_FLAT    },
    {"SPARSE",     VMDK_SPARSE  },
    {"VMFSSPARSE", VMDK_SPARSE  },
    {"SESPARSE",   VMDK_SESPARSE},
    {"ZERO",       VMDK_ZERO    },
};

enum { TYPES = sizeof(types) / sizeof(types[0]) };

static bool type_find(struct fmt_bytes name, enum vmdk_kind *kind)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (fmt_bytes_equal(name, types[i].name)) {
            *kind = types[i].kind;
            return true;
        }
    }
    return false;
}

/* Whether the fields are those that the type asks for. */
static bool line_is_whole(const struct vmdk_line *line)
{
    if (fmt_bytes_equal(line->type, "FLAT"))
        return line->fields == 5 && line->offset >= 0;
    return line->fields == 4;
}

/* A place on the disk that needs no file. */
static int hollow_add(struct fmt_image *image, struct vmdk_state *state,
                      const struct vmdk_line *line, enum vmdk_kind kind)
{
    struct vmdk_extent extent = {
        .kind = kind, .type = line->type, .sectors = (uint64_t)line->sectors};

    return vmdk_extent_add(image, state, &extent);
}

/* The named file as another child. */
static int file_open(struct fmt_image *image, struct vmdk_state *state,
                     const struct vmdk_line *line, bool plain, uint32_t *device,
                     struct fmt_bytes *filename)
{
    struct fmt_env *env = image->env;
    struct fmt_ref ref = {.kind = FMT_REF_EXTENT,
                          .device = image->device,
                          .name = line->name,
                          .plain = plain,
                          .filename = filename};
    struct fmt_text name;

    if (state->children == VMDK_FILES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_DESCRIPTOR);
    *filename = line->name;
    state->has_head = false;
    if (!plain) {
        ref.head = state->head;
        ref.head_bytes = sizeof(state->head);
    }
    ref.writable = (image->flags & FMT_OPEN_WRITABLE) && fmt_bytes_equal(line->access, "RW");
    int r = env->io->open(env->io_ctx, &ref, device);
    if (r < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_REFERENCE);
    state->has_head = !plain;
    state->head_device = *device;
    if (state->children == state->children_room) {
        uint32_t room = state->children_room ? state->children_room * 2 : 4;
        struct fmt_child *more = fmt_alloc(env, room * sizeof(*more));
        if (!more)
            return -FMT_ENOMEM;
        if (state->children)
            memcpy(more, state->child, state->children * sizeof(*more));
        state->child = more;
        state->children_room = room;
    }
    if (!fmt_text_begin(&name, env->arena, CHILD_NAME_BYTES))
        return fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    fmt_text_put(&name, "extents.");
    fmt_text_decimal(&name, state->extents, 1);
    state->child[state->children++] = (struct fmt_child){fmt_text_get(&name), *device};
    return 0;
}

static int extent_open(struct fmt_image *image, struct vmdk_state *state,
                       const struct vmdk_line *line, enum vmdk_kind kind)
{
    struct fmt_bytes filename;
    uint32_t device, before = state->extents;

    int r = file_open(image, state, line, kind == VMDK_FLAT, &device, &filename);
    if (r < 0)
        return r;
    if (kind == VMDK_FLAT) {
        uint64_t first = line->fields == 5 ? (uint64_t)line->offset : 0;
        struct vmdk_extent extent = {.kind = kind,
                                     .device = device,
                                     .filename = filename,
                                     .sectors = (uint64_t)line->sectors,
                                     .flat_off = min_u64(first, FMT_OFFSET_MAX / 512) * 512};
        r = vmdk_extent_add(image, state, &extent);
    } else if (kind == VMDK_SPARSE) {
        r = vmdk_sparse_open(image, state, device, filename);
    } else {
        r = vmdk_sesparse_open(image, state, device, filename);
    }
    if (r == 0 && state->extents > before)
        state->extent[state->extents - 1].type = line->type;
    return r;
}

/* A line that may tell of an extent; all others are passed over. @rest is what begins with it. */
static int line_open(struct fmt_image *image, struct vmdk_state *state, struct fmt_bytes text,
                     struct fmt_bytes rest)
{
    struct fmt_env *env = image->env;
    struct vmdk_line line;
    enum vmdk_kind kind = VMDK_FLAT;

    vmdk_line_parse(rest, text.length, &line);
    bool known = line.fields >= 3 && type_find(line.type, &kind);
    bool no_access = fmt_bytes_equal(line.access, "NOACCESS");
    if (line.fields < 3 || (line.fields == 3 && !known && !no_access) ||
        (!no_access && !fmt_bytes_equal(line.access, "RW") &&
         !fmt_bytes_equal(line.access, "RDONLY")))
        return 0;
    if (no_access || kind == VMDK_ZERO)
        return line.sectors <= 0
                   ? 0
                   : hollow_add(image, state, &line, no_access ? VMDK_NOACCESS : kind);
    if (!line_is_whole(&line))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_EXTENT_LINE, FMT_STR(text));
    if (line.sectors <= 0)
        return 0;
    if (!known)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VMDK_EXTENT_TYPE, FMT_STR(line.type));
    return extent_open(image, state, &line, kind);
}

static int lines_open(struct fmt_image *image, struct vmdk_state *state, struct fmt_bytes text)
{
    size_t at = 0;
    int r = 0;

    while (r == 0 && at < text.length) {
        const char *end = memchr(text.data + at, '\n', text.length - at);
        size_t length = end ? (size_t)(end - text.data) - at : text.length - at;
        r = line_open(image, state, (struct fmt_bytes){text.data + at, length},
                      (struct fmt_bytes){text.data + at, text.length - at});
        at += length + 1;
    }
    return r;
}

int vmdk_descriptor_open(struct fmt_image *image, struct vmdk_state *state, struct fmt_bytes text)
{
    enum { CREATE_TYPE_BYTES_MAX = 127 };
    static const char *const create_types[] = {"monolithicFlat",       "vmfs",
                                               "vmfsSparse",           "seSparse",
                                               "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"};
    struct fmt_env *env = image->env;
    struct fmt_bytes create_type;
    bool known = false;

    if (state->nesting == NESTING_MAX ||
        !vmdk_text_value(text, "createType", CREATE_TYPE_BYTES_MAX, &create_type))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_DESCRIPTOR);
    for (size_t i = 0; i < sizeof(create_types) / sizeof(create_types[0]); i++)
        known |= fmt_bytes_equal(create_type, create_types[i]);
    if (!known)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VMDK_TYPE, FMT_STR(create_type));
    state->create_type = create_type;
    state->nesting++;
    int r = lines_open(image, state, text);
    state->nesting--;
    return r;
}
