/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Differencing images: each field that names the parent, by the specifications' own offsets
 * ("Virtual Hard Disk Image Format Specification" 1.0, and [MS-VHDX]), without the drivers' code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "driver-test.h"

enum { VHD_EPOCH = 946684800, PARENT_AGE = 5000 };

static const struct driver_option differencing[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "differencing"},
    {0         }
};

struct pair {
    struct fake_world *world;
    struct fmt_image *parent;
    uint32_t child;
    int status;
};

static uint32_t vhd_checksum(const uint8_t *bytes, size_t length, size_t field)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += i >= field && i < field + 4 ? 0 : bytes[i];
    return ~sum;
}

/* A parent of 5 MiB and its child; @bytes: the child's size; @footer_bytes: what a VHD parent's
 * footer says its size is, where its geometry counts. 0 for each: what is right. */
static struct pair pair_make_from(const char *format, const struct driver_option *parent_options,
                                  const char *name, uint64_t bytes, uint64_t footer_bytes)
{
    struct pair pair = {.world = fake_world_new()};
    struct fmt_option row = {fmt_bytes_of("subformat"), FMT_OPTION_TEXT, 0,
                             fmt_bytes_of("differencing")};
    struct fmt_options options = {&row, 1};
    uint32_t device;

    assert_int_equal(driver_create(pair.world, format, 5 << 20, parent_options, NULL, &device), 0);
    if (footer_bytes) {
        uint8_t *footer = pair.world->device[device].data;
        be64_store(footer + 48, footer_bytes);
        be32_store(footer + 64, vhd_checksum(footer, 512, 64));
    }
    pair.parent = driver_open(pair.world, format, device, 0);
    pair.child = fake_device_add(pair.world, "child", "", 0);
    struct fmt_create create = {
        .device = pair.child,
        .virtual_bytes = bytes ? bytes : pair.parent->facts.virtual_bytes,
        .filename = fmt_bytes_of("dir/child"),
        .options = &options,
        .backing_present = true,
        .backing_name = fmt_bytes_of(name),
        .backing_format = fmt_bytes_of(format),
        .backing = pair.parent,
        .backing_path = fmt_bytes_of("/images/sub/p"),
        .backing_seconds = VHD_EPOCH + PARENT_AGE,
    };
    pair.status = pair.parent->driver->create(&pair.world->env, &create);
    return pair;
}

static struct pair pair_make(const char *format, const struct driver_option *parent_options,
                             const char *name, uint64_t bytes)
{
    return pair_make_from(format, parent_options, name, bytes, 0);
}

static bool utf16_is(const uint8_t *at, const char *text, bool big_endian)
{
    for (size_t i = 0; text[i]; i++) {
        uint16_t unit = big_endian ? be16_load(at + 2 * i) : le16_load(at + 2 * i);
        if (unit != (uint8_t)text[i])
            return false;
    }
    return true;
}

static void vhd_locator_check(const uint8_t *file, unsigned index, const char *code,
                              const char *text)
{
    const uint8_t *entry = file + 512 + 576 + (size_t)index * 24;
    uint64_t off = be64_load(entry + 16);

    assert_memory_equal(entry, code, 4);
    assert_int_equal(be32_load(entry + 4), 1); /* sectors */
    assert_int_equal(be32_load(entry + 8), 2 * strlen(text));
    assert_int_equal(be32_load(entry + 12), 0);
    assert_int_equal(off % 512, 0);
    assert_true(utf16_is(file + off, text, false));
}

static void test_vhd(void **state)
{
    struct pair pair = pair_make("vpc", NULL, "sub/p", 0);
    const struct fake_device *parent = &pair.world->device[pair.parent->device];
    const struct fake_device *child = &pair.world->device[pair.child];
    const uint8_t *footer = child->data, *header = child->data + 512;

    (void)state;
    assert_int_equal(pair.status, 0);
    assert_memory_equal(footer, "conectix", 8);
    assert_int_equal(be64_load(footer + 16), 512);           /* the dynamic disk header */
    assert_memory_equal(footer + 28, parent->data + 28, 4);  /* creator: sizes are counted alike */
    assert_memory_equal(footer + 40, parent->data + 40, 20); /* sizes and geometry */
    assert_int_equal(be32_load(footer + 60), 4);             /* differencing */
    assert_int_equal(be32_load(footer + 64), vhd_checksum(footer, 512, 64));
    assert_memory_equal(footer, child->data + child->size_bytes - 512, 512);
    assert_memory_equal(header, "cxsparse", 8);
    assert_int_equal(be64_load(header + 8), UINT64_MAX);
    assert_int_equal(be64_load(header + 16), 1536); /* BAT */
    assert_memory_equal(header + 40, parent->data + 68, 16);
    assert_int_equal(be32_load(header + 56), PARENT_AGE);
    assert_true(utf16_is(header + 64, "p", true));
    assert_int_equal(be16_load(header + 66), 0);
    assert_int_equal(be32_load(header + 36), vhd_checksum(header, 1024, 36));
    vhd_locator_check(child->data, 0, "W2ru", ".\\sub\\p");
    vhd_locator_check(child->data, 1, "W2ku", "\\images\\sub\\p");
    for (uint32_t i = 0; i < be32_load(header + 28); i++)
        assert_int_equal(be32_load(child->data + 1536 + i * 4), UINT32_MAX);
    const struct fmt_image *image = driver_open(pair.world, "vpc", pair.child, 0);
    assert_true(fmt_bytes_equal(image->facts.backing_name, "sub/p"));
    assert_int_equal(image->facts.virtual_bytes, pair.parent->facts.virtual_bytes);
    fake_world_free(pair.world);
}

/* The data of the metadata item with the given first bytes of its GUID. */
static const uint8_t *vhdx_item(const uint8_t *metadata, uint32_t guid, uint32_t *bytes,
                                uint32_t *flags)
{
    assert_memory_equal(metadata, "metadata", 8);
    for (unsigned i = 0; i < le16_load(metadata + 10); i++) {
        const uint8_t *entry = metadata + 32 + 32 * (size_t)i;
        if (le32_load(entry) == guid) {
            *bytes = le32_load(entry + 20);
            *flags = le32_load(entry + 24);
            return metadata + le32_load(entry + 16);
        }
    }
    fail();
    return NULL;
}

static void vhdx_entry_check(const uint8_t *locator, unsigned index, const char *key,
                             const char *value)
{
    const uint8_t *entry = locator + 20 + 12 * (size_t)index;

    assert_int_equal(le16_load(entry + 8), 2 * strlen(key));
    assert_int_equal(le16_load(entry + 10), 2 * strlen(value));
    assert_true(utf16_is(locator + le32_load(entry), key, false));
    assert_true(utf16_is(locator + le32_load(entry + 4), value, false));
}

static void test_vhdx(void **state)
{
    static const struct driver_option large_sectors[] = {
        {"logical_sector_size", FMT_OPTION_NUMBER, 4096, NULL},
        {0                }
    };
    static const uint8_t type[16] = {0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a,
                                     0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13};
    struct pair pair = pair_make("vhdx", large_sectors, "sub/p", 0);
    const uint8_t *parent = pair.world->device[pair.parent->device].data;
    const uint8_t *child = pair.world->device[pair.child].data;
    const uint8_t *guid = parent + 0x20000 + 32; /* the second header is the newer one */
    uint64_t bat_off = le64_load(child + 0x30000 + 32);
    const uint8_t *metadata = child + le64_load(child + 0x30000 + 64);
    char linkage[64];
    uint32_t bytes, flags;

    (void)state;
    assert_int_equal(pair.status, 0);
    assert_int_equal(le32_load(vhdx_item(metadata, 0xcaa16737, &bytes, &flags) + 4), 2);
    assert_int_equal(le64_load(vhdx_item(metadata, 0x2fa54224, &bytes, &flags)), 5 << 20);
    assert_int_equal(le32_load(vhdx_item(metadata, 0x8141bf1d, &bytes, &flags)), 4096);
    const uint8_t *locator = vhdx_item(metadata, 0xa8d35f2d, &bytes, &flags);
    assert_int_equal(flags, 4); /* required, and no part of the virtual disk */
    assert_memory_equal(locator, type, sizeof(type));
    assert_int_equal(le16_load(locator + 18), 3);
    snprintf(linkage, sizeof(linkage), "{%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x}",
             le32_load(guid), le16_load(guid + 4), le16_load(guid + 6), guid[8], guid[9], guid[10],
             guid[11], guid[12], guid[13], guid[14], guid[15]);
    vhdx_entry_check(locator, 0, "parent_linkage", linkage);
    vhdx_entry_check(locator, 1, "relative_path", ".\\sub\\p");
    vhdx_entry_check(locator, 2, "absolute_win32_path", "\\images\\sub\\p");
    for (uint64_t at = bat_off; at < bat_off + 4096; at += 8)
        assert_int_equal(le64_load(child + at), 0); /* not present: the parent's */
    const struct fmt_image *image = driver_open(pair.world, "vhdx", pair.child, 0);
    assert_true(fmt_bytes_equal(image->facts.backing_name, "sub/p"));
    fake_world_free(pair.world);
}

static void test_refusals(void **state)
{
    static const char *const formats[] = {"vpc", "vhdx"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair pair = pair_make(formats[i], NULL, "p", 9 << 20);
        assert_true(pair.status < 0);
        assert_non_null(strstr(fake_error(pair.world), "CHILD_SIZE("));
        fake_world_reset(pair.world);
        uint32_t device;
        assert_true(driver_create(pair.world, formats[i], 5 << 20, differencing, "p", &device) < 0);
        assert_non_null(strstr(fake_error(pair.world), "CHILD_PARENT("));
        fake_world_free(pair.world);
    }
}

/* An absolute name has no relative locator. */
static void test_absolute(void **state)
{
    struct pair vhd = pair_make("vpc", NULL, "/images/sub/p", 0);
    struct pair vhdx = pair_make("vhdx", NULL, "/images/sub/p", 0);

    (void)state;
    assert_int_equal(vhd.status, 0);
    vhd_locator_check(vhd.world->device[vhd.child].data, 0, "W2ku", "\\images\\sub\\p");
    assert_int_equal(vhdx.status, 0);
    const struct fmt_image *image = driver_open(vhdx.world, "vhdx", vhdx.child, 0);
    assert_true(fmt_bytes_equal(image->facts.backing_name, "/images/sub/p"));
    fake_world_free(vhd.world);
    fake_world_free(vhdx.world);
}

/* A footer's size that does not count must not decide how much is written. */
static void test_footer_size(void **state)
{
    static const uint64_t sizes[] = {512, UINT64_C(1) << 50, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct pair pair = pair_make_from("vpc", NULL, "p", 0, sizes[i]);
        assert_int_equal(pair.status, 0);
        assert_true(pair.world->device[pair.child].size_bytes < 8192);
        const struct fmt_image *child = driver_open(pair.world, "vpc", pair.child, 0);
        assert_int_equal(child->facts.virtual_bytes, pair.parent->facts.virtual_bytes);
        fake_world_free(pair.world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vhd),         cmocka_unit_test(test_vhdx),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_absolute),
        cmocka_unit_test(test_footer_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
