/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD: footers, sizes by geometry, parents, new images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include <stdlib.h>

#include "common/winname.h"
#include "vpc/vpc-geometry.h"

static const struct driver_option fixed[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "fixed"},
    {0         }
};
static const struct driver_option forced[] = {
    {"force_size", FMT_OPTION_BOOL, 1, NULL},
    {0          }
};
static const struct driver_option unknown[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "x"},
    {0         }
};

static void sum_fix(uint8_t *bytes, size_t length, size_t field)
{
    be32_store(bytes + field, 0);
    be32_store(bytes + field, vpc_checksum(bytes, length));
}

static void footer_fix(uint8_t *data)
{
    sum_fix(data, VPC_FOOTER_BYTES, 64);
}

/* Sizes as the reference makes them of sizes asked for. */
static void test_geometry(void **state)
{
    static const struct {
        uint64_t sectors;
        struct vpc_geometry geometry;
    } rows[] = {
        {1,          {1, 4, 17}      },
        {2048,       {31, 4, 17}     },
        {131072,     {964, 8, 17}    },
        {2097152,    {2081, 16, 63}  },
        {266338304,  {65279, 16, 255}},
        {267382800,  {65535, 16, 255}},
        {4278190080, {65535, 16, 255}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct vpc_geometry g = vpc_geometry_holding(rows[i].sectors);
        assert_int_equal(g.cylinders, rows[i].geometry.cylinders);
        assert_int_equal(g.heads, rows[i].geometry.heads);
        assert_int_equal(g.track_sectors, rows[i].geometry.track_sectors);
    }
}

static void test_create(void **state)
{
    static const struct {
        uint64_t bytes;
        const struct driver_option *options;
        uint64_t file_bytes, virtual_bytes, cluster_bytes;
        const char *error;
    } rows[] = {
        {64 << 20,          NULL,    2560,        67125248, 2 << 20, ""                     },
        {64 << 20,          forced,  2560,        64 << 20, 2 << 20, ""                     },
        {1,                 fixed,   34816 + 512, 34816,    0,       ""                     },
        {UINT64_C(3) << 40, NULL,    0,           0,        0,       "VPC_DISK_TOO_LARGE()" },
        {1 << 20,           unknown, 0,           0,        0,       "BAD_ENUM(subformat,x)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        int r = driver_create(world, "vpc", rows[i].bytes, rows[i].options, NULL, &device);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        assert_int_equal(world->device[device].size_bytes, rows[i].file_bytes);
        if (r == 0) {
            const struct fmt_image *image = driver_open(world, "vpc", device, 0);
            assert_int_equal(image->facts.virtual_bytes, rows[i].virtual_bytes);
            assert_int_equal(image->facts.cluster_bytes, rows[i].cluster_bytes);
        }
        fake_world_free(world);
    }
}

/* The size is the geometry's or the one noted, by who wrote the image and what the user says. */
static void test_size_rules(void **state)
{
    static const struct {
        const char *creator, *rule;
        uint64_t virtual_bytes;
    } rows[] = {
        {"vpc ", NULL,           67125248},
        {"qemu", NULL,           67125248},
        {"win ", NULL,           1 << 20 },
        {"win ", "chs",          67125248},
        {"vpc ", "current_size", 1 << 20 },
    };
    struct fake_world *world = fake_world_new();
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("vpc"))};

    (void)state;
    assert_int_equal(driver_create(world, "vpc", 64 << 20, NULL, NULL, &spec.device), 0);
    uint8_t *footer = world->device[spec.device].data;
    be64_store(footer + 48, 1 << 20);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fmt_option row = {.name = fmt_bytes_of("force_size_calc"),
                                 .text = fmt_bytes_of(rows[i].rule ? rows[i].rule : "")};
        struct fmt_options options = {&row, rows[i].rule ? 1 : 0};
        struct fmt_image *image = NULL;
        memcpy(footer + 28, rows[i].creator, 4);
        footer_fix(footer);
        spec.options = &options;
        assert_int_equal(fmt_image_open(&world->env, &spec, &image), 0);
        assert_int_equal(image->facts.virtual_bytes, rows[i].virtual_bytes);
    }
    fake_world_free(world);
}

static void locator_put(uint8_t *data, unsigned index, uint32_t platform, uint64_t offset,
                        const char *name)
{
    uint8_t *at = data + 512 + 576 + (size_t)index * 24;
    size_t units = winname_to_utf16(fmt_bytes_of(name), data + offset, 200, false);

    be32_store(at, platform);
    be32_store(at + 8, (uint32_t)units * 2);
    be64_store(at + 16, offset);
}

/* A differencing image names its parent; the relative name is preferred. */
static void test_parent(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vpc", 64 << 20, NULL, NULL, &device), 0);
    world->device[device].size_bytes = 0;
    world->device[device].data = realloc(world->device[device].data, 8192);
    world->device[device].size_bytes = 8192;
    uint8_t *data = world->device[device].data;
    memset(data + 2560, 0, 8192 - 2560);
    be32_store(data + 60, VPC_DIFFERENCING);
    footer_fix(data);
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("vpc")), .device = device};
    struct fmt_image *image = NULL;
    assert_true(fmt_image_open(&world->env, &spec, &image) < 0);
    assert_string_equal(fake_error(world), "VPC_NO_PARENT_NAME()");
    fake_world_reset(world);
    locator_put(data, 0, 0x57326b75, 4096, "C:\\disks\\base.vhd");
    image = driver_open(world, "vpc", device, 0);
    assert_true(image->facts.backing_present);
    assert_true(fmt_bytes_equal(image->facts.backing_name, "base.vhd"));
    assert_true(fmt_bytes_equal(image->facts.backing_format, "vpc"));
    locator_put(data, 3, 0x57327275, 4608, ".\\sub\\b\xc3\xa4s\xf0\x9f\x92\xbe.vhd");
    image = driver_open(world, "vpc", device, 0);
    assert_true(fmt_bytes_equal(image->facts.backing_name, "sub/b\xc3\xa4s\xf0\x9f\x92\xbe.vhd"));
    fake_world_free(world);
}

static void test_fields(void **state)
{
    static const struct driver_field footer[] = {
        {0,  8},
        {16, 8},
        {24, 4},
        {28, 4},
        {48, 8},
        {56, 2},
        {58, 1},
        {59, 1},
        {60, 4},
        {68, 8},
    };
    static const struct driver_field header[] = {
        {512,  8},
        {528,  8},
        {536,  4},
        {540,  4},
        {544,  4},
        {552,  8},
        {1088, 4},
        {1096, 4},
        {1104, 8},
        {1536, 4},
    };
    static const uint64_t lengths[] = {0, 1, 511, 512, 513, 1535, 1536, 2047, 2048, 2559};
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vpc", 8 << 20, NULL, NULL, &device), 0);
    driver_test_fields(world, "vpc", device, footer, COUNT(footer), footer_fix, driver_use);
    be32_store(world->device[device].data + 60, VPC_DIFFERENCING);
    footer_fix(world->device[device].data);
    locator_put(world->device[device].data, 0, 0x57327275, 1600, "parent.vhd");
    driver_test_fields(world, "vpc", device, header, COUNT(header), NULL, driver_use);
    driver_test_lengths(world, "vpc", device, lengths, COUNT(lengths));
    fake_world_free(world);
}

/* Sectors whose bit is set are here, all others are the parent's. */
static void test_differencing_map(void **state)
{
    static const struct {
        uint64_t offset, length;
        enum fmt_extent_kind kind;
        uint64_t device_off;
    } rows[] = {
        {0,        512,                  FMT_EXTENT_DATA,        4096 + 512     },
        {512,      512 * 8,              FMT_EXTENT_UNALLOCATED, 0              },
        {512 * 9,  512 * 3,              FMT_EXTENT_DATA,        4096 + 512 * 10},
        {512 * 12, (4 << 20) - 512 * 12, FMT_EXTENT_UNALLOCATED, 0              },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device, parent;

    (void)state;
    assert_int_equal(driver_create(world, "vpc", 4 << 20, forced, NULL, &parent), 0);
    assert_int_equal(driver_create(world, "vpc", 4 << 20, forced, NULL, &device), 0);
    assert_int_equal(io_truncate(&world->env, device, 3 << 20, FMT_PREALLOC_OFF), 0);
    uint8_t *data = world->device[device].data;
    be32_store(data + 60, VPC_DIFFERENCING);
    footer_fix(data);
    locator_put(data, 0, 0x57327275, 3072, "vpc");
    be32_store(data + 1536, 4096 / 512);
    data[4096] = 0x80;
    data[4097] = 0x70;
    struct fmt_image *image = driver_open(world, "vpc", device, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fmt_extent extent;
        assert_int_equal(fmt_image_map(image, rows[i].offset, (4 << 20) - rows[i].offset, &extent),
                         0);
        assert_int_equal(extent.kind, rows[i].kind);
        assert_int_equal(extent.length, rows[i].length);
        assert_int_equal(extent.device_off, rows[i].device_off);
    }
    struct fmt_extent extent;
    image = driver_open(world, "vpc", device, 0);
    image->backing = driver_open(world, "vpc", parent, 0);
    assert_int_equal(fmt_image_map(image, 0, 1, &extent), -FMT_EINVAL);
    assert_string_equal(fake_error(world), "VPC_OTHER_PARENT()");
    memcpy(data + 512 + 40, world->device[parent].data + 68, VPC_UUID_BYTES);
    image = driver_open(world, "vpc", device, 0);
    image->backing = driver_open(world, "vpc", parent, 0);
    assert_int_equal(fmt_image_map(image, 0, 1, &extent), 0);
    fake_world_free(world);
}

static const struct driver_option forced_fixed[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "fixed"},
    {"force_size",          FMT_OPTION_BOOL, 1, NULL},
    {0          }
};

static void test_write(void **state)
{
    (void)state;
    driver_test_write("vpc", 5 << 20, forced);
    driver_test_write("vpc", 3 << 20, forced_fixed);
    driver_test_failing_write("vpc", 3 << 20, forced_fixed);
}

static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    driver_test_failing_create("vpc", 8 << 20, NULL);
    driver_test_failing_create("vpc", 1 << 20, fixed);
    assert_int_equal(driver_create(world, "vpc", 8 << 20, NULL, NULL, &device), 0);
    driver_test_failing_open(world, "vpc", device, 4);
    assert_int_equal(driver_create(world, "vpc", 1 << 20, fixed, NULL, &device), 0);
    driver_test_failing_open(world, "vpc", device, 3);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry),   cmocka_unit_test(test_create),
        cmocka_unit_test(test_size_rules), cmocka_unit_test(test_parent),
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_differencing_map),
        cmocka_unit_test(test_write),      cmocka_unit_test(test_failing_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
