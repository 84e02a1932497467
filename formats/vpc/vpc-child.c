/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD: the parent of a new differencing image; see vpc-child.h. Fields as in the "Virtual Hard Disk
 * Image Format Specification" 1.0, "Dynamic Disk Header Format" and "Parent Locator". */
#include "vpc-child.h"

#include "common/winname.h"

enum {
    OFF_PARENT_UUID = 40,
    OFF_PARENT_TIME = 56,
    OFF_PARENT_NAME = 64,
    OFF_LOCATORS = 576,
    LOCATOR_BYTES = 24,
};

/* Both are UTF-16, little-endian. */
#define PLATFORM_RELATIVE 0x57327275u /* "W2ru" */
#define PLATFORM_ABSOLUTE 0x57326b75u /* "W2ku" */

static int locator_add(struct fmt_env *env, struct vpc_child *child, uint32_t platform,
                       struct fmt_bytes name)
{
    struct fmt_bytes foreign = winname_foreign(env->arena, name);
    uint8_t *text = fmt_alloc(env, round_up_u64(foreign.length * 2, FMT_SECTOR_BYTES));

    if (!foreign.data || !text)
        return -FMT_ENOMEM;
    size_t units = winname_to_utf16(foreign, text, foreign.length, false);
    if (units > WINNAME_UNITS_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CHILD_NAME);
    child->text[child->locators] = text;
    child->locator[child->locators++] =
        (struct vpc_locator){.platform = platform, .length_bytes = (uint32_t)units * 2};
    return 0;
}

int vpc_child_plan(struct fmt_env *env, const struct fmt_create *create, struct vpc_child *child)
{
    const struct fmt_image *parent = create->backing;
    struct fmt_bytes name = create->backing_name;

    if (!parent || parent->driver != &fmt_vpc_driver)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CHILD_PARENT, FMT_TXT("vpc"));
    if (round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES) != parent->facts.virtual_bytes)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CHILD_SIZE, FMT_NUM(parent->facts.virtual_bytes));
    child->parent = parent->state;
    if (create->backing_seconds > VPC_EPOCH_SECONDS)
        child->parent_time = (uint32_t)(create->backing_seconds - VPC_EPOCH_SECONDS);
    if (winname_to_utf16(winname_base(name), child->parent_name, VPC_PARENT_NAME_BYTES / 2, true) ==
        SIZE_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CHILD_NAME);
    int r = 0;
    if (name.length && name.data[0] != '/')
        r = locator_add(env, child, PLATFORM_RELATIVE, name);
    if (r == 0 && create->backing_path.length)
        r = locator_add(env, child, PLATFORM_ABSOLUTE, create->backing_path);
    return r;
}

/* The space of a locator is counted in sectors. */
static uint32_t locator_sectors(const struct vpc_locator *locator)
{
    return (uint32_t)div_up_u64(locator->length_bytes, FMT_SECTOR_BYTES);
}

void vpc_child_place(struct vpc_child *child, uint64_t *offset)
{
    for (unsigned i = 0; i < child->locators; i++) {
        child->locator[i].offset = *offset;
        *offset += (uint64_t)locator_sectors(&child->locator[i]) * FMT_SECTOR_BYTES;
    }
}

void vpc_child_header(const struct vpc_child *child, uint8_t *header)
{
    memcpy(header + OFF_PARENT_UUID, child->parent->footer.uuid, VPC_UUID_BYTES);
    be32_store(header + OFF_PARENT_TIME, child->parent_time);
    memcpy(header + OFF_PARENT_NAME, child->parent_name, sizeof(child->parent_name));
    for (unsigned i = 0; i < child->locators; i++) {
        const struct vpc_locator *locator = &child->locator[i];
        uint8_t *entry = header + OFF_LOCATORS + (size_t)i * LOCATOR_BYTES;
        be32_store(entry, locator->platform);
        be32_store(entry + 4, locator_sectors(locator));
        be32_store(entry + 8, locator->length_bytes);
        be64_store(entry + 16, locator->offset);
    }
}

int vpc_child_write(struct fmt_env *env, uint32_t device, const struct vpc_child *child)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < child->locators; i++)
        r = io_write(env, device, child->locator[i].offset, child->text[i],
                     (size_t)locator_sectors(&child->locator[i]) * FMT_SECTOR_BYTES);
    return r;
}
