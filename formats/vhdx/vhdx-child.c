/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: the parent locator of a new differencing image ([MS-VHDX] 2.6.2.6): keys and values in
 * UTF-16, little-endian, behind a table that says where each lies. */
#include "common/winname.h"
#include "vhdx-create.h"

enum {
    HEADER_BYTES = 20,
    OFF_COUNT = 18,
    ENTRY_BYTES = 12,
    ENTRIES_MAX = 3,
    GUID_TEXT_LENGTH = 38,
    TEXT_UNITS_MAX = 32767, /* lengths are 16 bits of bytes */
};

struct builder {
    struct fmt_env *env;
    uint8_t *bytes;
    uint32_t used, room;
    unsigned entries;
};

/* "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}": the first three groups are little-endian numbers. */
static void guid_text(const uint8_t *guid, char *text)
{
    static const uint8_t order[VHDX_GUID_BYTES] = {3, 2, 1,  0,  5,  4,  7,  6,
                                                   8, 9, 10, 11, 12, 13, 14, 15};
    size_t at = 0;

    text[at++] = '{';
    for (size_t i = 0; i < VHDX_GUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = "0123456789abcdef"[guid[order[i]] >> 4];
        text[at++] = "0123456789abcdef"[guid[order[i]] & 15];
    }
    text[at] = '}';
}

/* Append a text; returns its length in bytes, 0 if it does not fit. */
static uint16_t text_put(struct builder *b, struct fmt_bytes text)
{
    size_t room = (b->room - b->used) / 2;
    size_t units = winname_to_utf16(text, b->bytes + b->used,
                                    room < TEXT_UNITS_MAX ? room : TEXT_UNITS_MAX, false);

    if (units == SIZE_MAX)
        return 0;
    b->used += (uint32_t)units * 2;
    return (uint16_t)(units * 2);
}

static int entry_put(struct builder *b, const char *key, struct fmt_bytes value)
{
    uint8_t *entry = b->bytes + HEADER_BYTES + (size_t)b->entries * ENTRY_BYTES;

    le32_store(entry, b->used);
    le16_store(entry + 8, text_put(b, fmt_bytes_of(key)));
    le32_store(entry + 4, b->used);
    uint16_t bytes = text_put(b, value);
    le16_store(entry + 10, bytes);
    le16_store(b->bytes + OFF_COUNT, (uint16_t)++b->entries);
    return bytes ? 0 : fmt_fail(b->env, FMT_EINVAL, FMT_ERR_CHILD_NAME);
}

/* The texts of all entries. */
static int locator_build(struct builder *b, const struct fmt_create *create,
                         const struct vhdx_state *parent)
{
    char linkage[GUID_TEXT_LENGTH];
    struct fmt_bytes name = create->backing_name;

    guid_text(parent->header.data_write_guid, linkage);
    int r = entry_put(b, "parent_linkage", (struct fmt_bytes){linkage, sizeof(linkage)});
    if (r == 0 && name.data[0] != '/')
        r = entry_put(b, "relative_path", winname_foreign(b->env->arena, name));
    if (r == 0 && create->backing_path.length)
        r = entry_put(b, "absolute_win32_path",
                      winname_foreign(b->env->arena, create->backing_path));
    return r;
}

int vhdx_child_plan(struct fmt_env *env, const struct fmt_create *create,
                    struct vhdx_layout *layout)
{
    const struct fmt_image *image = create->backing;
    struct builder b = {.env = env, .room = VHDX_TABLE_BYTES};

    if (!image || image->driver != &fmt_vhdx_driver || create->backing_name.length == 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CHILD_PARENT, FMT_TXT("vhdx"));
    if (layout->disk_bytes != image->facts.virtual_bytes)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CHILD_SIZE, FMT_NUM(image->facts.virtual_bytes));
    const struct vhdx_state *parent = image->state;
    layout->sector_bytes = parent->logical_sector_bytes;
    b.bytes = fmt_alloc(env, b.room);
    if (!b.bytes)
        return -FMT_ENOMEM;
    memcpy(b.bytes, vhdx_guid_locator_vhdx, VHDX_GUID_BYTES);
    b.used = HEADER_BYTES + ENTRIES_MAX * ENTRY_BYTES;
    int r = locator_build(&b, create, parent);
    layout->locator = b.bytes;
    layout->locator_bytes = b.used;
    return r;
}
