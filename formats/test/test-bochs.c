/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bochs: headers, refusals, what is where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"

enum { EXTENT_BYTES = 4096, CATALOG = 16, FILE_BYTES = 512 + CATALOG * 4 + 2 * (512 + 4096) };

/* A disk of 16 extents: of number 1 the first two sectors are there and the fourth. */
static uint32_t bochs_add(struct fake_world *world)
{
    static uint8_t data[FILE_BYTES];
    uint8_t *extent = data + 512 + (size_t)CATALOG * 4 + 512 + EXTENT_BYTES;

    memcpy(data, "Bochs Virtual HD Image", 23);
    memcpy(data + 32, "Redolog", 8);
    memcpy(data + 48, "Growing", 8);
    le32_store(data + 64, 0x20000);
    le32_store(data + 68, 512);
    le32_store(data + 72, CATALOG);
    le32_store(data + 76, 512);
    le32_store(data + 80, EXTENT_BYTES);
    le64_store(data + 88, CATALOG * EXTENT_BYTES);
    memset(data + 512, 0xff, (size_t)CATALOG * 4);
    le32_store(data + 516, 1);
    extent[0] = 0x0b;
    memset(extent + 512, 'a', 1024);
    memset(extent + 512 + 1536, 'b', 512);
    return fake_device_add(world, "bochs", data, sizeof(data));
}

static void test_read(void **state)
{
    static uint8_t buffer[CATALOG * EXTENT_BYTES];
    struct fake_world *world = fake_world_new();
    struct fmt_image *image = driver_open(world, "bochs", bochs_add(world), 0);
    struct fmt_extent extent;

    (void)state;
    assert_int_equal(image->facts.virtual_bytes, sizeof(buffer));
    assert_int_equal(fmt_image_map(image, 0, sizeof(buffer), &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_ZERO);
    assert_int_equal(extent.length, EXTENT_BYTES);
    assert_int_equal(fmt_image_map(image, EXTENT_BYTES + 100, EXTENT_BYTES, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_DATA);
    assert_int_equal(extent.length, 924);
    assert_int_equal(fmt_image_read(image, 0, buffer, sizeof(buffer)), 0);
    assert_int_equal(buffer[EXTENT_BYTES - 1], 0);
    assert_int_equal(buffer[EXTENT_BYTES], 'a');
    assert_int_equal(buffer[EXTENT_BYTES + 1023], 'a');
    assert_int_equal(buffer[EXTENT_BYTES + 1024], 0);
    assert_int_equal(buffer[EXTENT_BYTES + 1536], 'b');
    assert_int_equal(buffer[EXTENT_BYTES + 2048], 0);
    fake_world_free(world);
}

static void test_refusals(void **state)
{
    static const struct driver_refusal rows[] = {
        {0,  4, 0,          "BOCHS_MAGIC()"               },
        {36, 4, 0,          "BOCHS_MAGIC()"               },
        {48, 4, 0x74736574, "BOCHS_MAGIC()"               },
        {64, 4, 0x30000,    "BOCHS_MAGIC()"               },
        {72, 4, 0x100001,   "BOCHS_CATALOG_LARGE()"       },
        {72, 4, 15,         "BOCHS_CATALOG_SMALL()"       },
        {80, 4, 0,          "BOCHS_EXTENT_SMALL()"        },
        {80, 4, 4097,       "BOCHS_EXTENT_POWER(4097)"    },
        {80, 4, 0x1000000,  "BOCHS_EXTENT_LARGE(16777216)"},
    };
    struct fake_world *world = fake_world_new();
    uint32_t device = bochs_add(world);

    (void)state;
    driver_test_refusals(world, "bochs", device, DRIVER_LITTLE_ENDIAN, rows, COUNT(rows));
    assert_null(driver_try_open(world, "bochs", device, FMT_OPEN_WRITABLE));
    assert_string_equal(fake_error(world), "IMAGE_READ_ONLY()");
    fake_world_free(world);
}

static void test_broken(void **state)
{
    static const struct driver_field fields[] = {
        {0,   4},
        {64,  4},
        {68,  4},
        {72,  4},
        {76,  4},
        {80,  4},
        {88,  8},
        {512, 4},
        {516, 4},
    };
    static const uint64_t lengths[] = {0, 1, 511, 512, 600, 5000};
    struct fake_world *world = fake_world_new();
    uint32_t device = bochs_add(world);

    (void)state;
    driver_test_fields(world, "bochs", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "bochs", device, lengths, COUNT(lengths));
    driver_test_failing_open(world, "bochs", device, 1);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
