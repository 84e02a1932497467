/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: the parent locator of differencing images, keys and values in UTF-16. */
#include "common/winname.h"
#include "vhdx.h"

enum {
    HEADER_BYTES = 20,
    OFF_COUNT = 18,
    ENTRY_BYTES = 12,
    LOCATOR_BYTES_MAX = 64 << 10,
    GUID_TEXT_LENGTH = 38, /* {00000000-0000-0000-0000-000000000000} */
};

/* Only parents that are VHDX images themselves are defined. */
const uint8_t vhdx_guid_locator_vhdx[VHDX_GUID_BYTES] = {
    0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a, 0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13};

/* Keys that name the parent's file, the one to be believed first in front. */
static const char *const path_keys[] = {"relative_path", "absolute_win32_path", "volume_path"};
static const char *const linkage_keys[] = {"parent_linkage", "parent_linkage2"};

enum { PATH_KEYS = 3, LINKAGE_KEYS = 2 };

struct locator {
    struct fmt_image *image;
    const uint8_t *bytes;
    uint32_t length;
    struct fmt_bytes path[PATH_KEYS];
};

/* A string of the locator; false if it does not lie in it. */
static bool string_read(const struct locator *locator, uint32_t offset, uint16_t length,
                        struct fmt_bytes *text)
{
    if (length == 0 || length % 2 != 0 || offset > locator->length ||
        length > locator->length - offset)
        return false;
    *text =
        winname_from_utf16(locator->image->env->arena, locator->bytes + offset, length / 2, false);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* "{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}" as bytes: the first three groups are numbers, and so
 * stored the other way round. */
static bool guid_parse(struct fmt_bytes text, uint8_t *guid)
{
    static const uint8_t place[VHDX_GUID_BYTES] = {3, 2, 1,  0,  5,  4,  7,  6,
                                                   8, 9, 10, 11, 12, 13, 14, 15};
    size_t byte = 0;

    if (text.length != GUID_TEXT_LENGTH)
        return false;
    for (size_t i = 1; i + 2 < text.length && byte < VHDX_GUID_BYTES;) {
        if (text.data[i] == '-') {
            i++;
            continue;
        }
        int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        guid[place[byte++]] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    return byte == VHDX_GUID_BYTES;
}

static int entry_take(struct locator *locator, struct vhdx_state *state, const uint8_t *entry)
{
    struct fmt_bytes key, value;

    if (!string_read(locator, le32_load(entry), le16_load(entry + 8), &key) ||
        !string_read(locator, le32_load(entry + 4), le16_load(entry + 10), &value))
        return fmt_fail(locator->image->env, FMT_EINVAL, FMT_ERR_VHDX_LOCATOR);
    for (size_t i = 0; i < PATH_KEYS; i++) {
        if (fmt_bytes_equal(key, path_keys[i]))
            locator->path[i] = value;
    }
    for (size_t i = 0; i < LINKAGE_KEYS; i++) {
        if (!fmt_bytes_equal(key, linkage_keys[i]) || state->parent_linkages == LINKAGE_KEYS)
            continue;
        if (!guid_parse(value, state->parent_linkage[state->parent_linkages]))
            return fmt_fail(locator->image->env, FMT_EINVAL, FMT_ERR_VHDX_LOCATOR);
        state->parent_linkages++;
    }
    return 0;
}

static int entries_read(struct locator *locator, struct vhdx_state *state)
{
    uint16_t count = le16_load(locator->bytes + OFF_COUNT);
    int r = 0;

    if ((uint32_t)count * ENTRY_BYTES > locator->length - HEADER_BYTES)
        return fmt_fail(locator->image->env, FMT_EINVAL, FMT_ERR_VHDX_LOCATOR);
    for (uint16_t i = 0; r == 0 && i < count; i++)
        r = entry_take(locator, state, locator->bytes + HEADER_BYTES + (size_t)i * ENTRY_BYTES);
    return r;
}

int vhdx_parent_read(struct fmt_image *image, struct vhdx_state *state, uint64_t offset,
                     uint32_t length)
{
    struct fmt_env *env = image->env;
    struct fmt_facts *facts = &image->facts;
    struct locator locator = {.image = image, .length = length};

    if (length < HEADER_BYTES || length > LOCATOR_BYTES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_LOCATOR);
    uint8_t *bytes = fmt_alloc(env, length);
    if (!bytes)
        return -FMT_ENOMEM;
    locator.bytes = bytes;
    int r = io_read(state->env, image->device, offset, bytes, length);
    if (r < 0)
        return r;
    if (!vhdx_guid_equal(bytes, vhdx_guid_locator_vhdx))
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VHDX_LOCATOR_TYPE);
    r = entries_read(&locator, state);
    if (r < 0)
        return r;
    for (size_t i = 0; i < PATH_KEYS && facts->backing_name.length == 0; i++)
        facts->backing_name = winname_localize(env->arena, locator.path[i]);
    if (facts->backing_name.length == 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_NO_PARENT_NAME);
    facts->backing_present = true;
    facts->backing_format = fmt_bytes_of("vhdx");
    return 0;
}
