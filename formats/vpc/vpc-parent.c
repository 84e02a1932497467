/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parent of a differencing VHD: which file its locators name. */
#include "common/winname.h"
#include "vpc.h"

enum {
    OFF_PARENT_NAME = 64, /* UTF-16, big-endian: the name that the creator knew */
    PARENT_NAME_UNITS = 256,
    LOCATOR_BYTES_MAX = 2 * WINNAME_UNITS_MAX,
};

/* Codes of parent locators, the one to be believed first in front. Both are UTF-16,
 * little-endian: relative to the child ("W2ru"), and absolute ("W2ku"). */
static const uint32_t platforms[] = {0x57327275, 0x57326b75};

static int locator_read(struct fmt_image *image, const struct vpc_locator *locator,
                        struct fmt_bytes *name)
{
    struct fmt_arena *arena = image->env->arena;
    uint32_t length = locator->length_bytes;

    if (length > LOCATOR_BYTES_MAX)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_VPC_LOCATOR_TOO_LONG, FMT_NUM(length));
    uint8_t *text = fmt_alloc(image->env, length);
    if (!text)
        return -FMT_ENOMEM;
    int r = io_read(image->env, image->device, locator->offset, text, length);
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_VPC_READ_LOCATOR);
    *name = winname_localize(arena, winname_from_utf16(arena, text, length / 2, false));
    return 0;
}

int vpc_parent_name(struct fmt_image *image, const uint8_t *header, struct fmt_bytes *name)
{
    const struct vpc_state *state = image->state;
    struct fmt_arena *arena = image->env->arena;

    *name = (struct fmt_bytes){NULL, 0};
    for (size_t p = 0; p < sizeof(platforms) / sizeof(platforms[0]); p++) {
        for (unsigned i = 0; i < VPC_LOCATORS && name->length == 0; i++) {
            const struct vpc_locator *locator = &state->header.locator[i];
            int r = locator->platform == platforms[p] ? locator_read(image, locator, name) : 0;
            if (r < 0)
                return r;
        }
    }
    if (name->length == 0)
        *name = winname_localize(
            arena, winname_from_utf16(arena, header + OFF_PARENT_NAME, PARENT_NAME_UNITS, true));
    if (name->length == 0)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_VPC_NO_PARENT_NAME);
    return 0;
}
