/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallels: headers, the format extension, new images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include <nettle/md5.h>

#include "parallels/parallels.h"

static const struct driver_option small[] = {
    {"cluster_size", FMT_OPTION_NUMBER, 4096, NULL},
    {0         }
};
static const struct driver_option none[] = {
    {"cluster_size", FMT_OPTION_NUMBER, 0, NULL},
    {0            }
};
static const struct driver_option huge[] = {
    {"cluster_size",     FMT_OPTION_NUMBER, UINT64_C(1) << 31, NULL},
    {0}
};

static void test_create(void **state)
{
    static const struct {
        const struct driver_option *options;
        uint64_t file_bytes;
        const char *error;
    } rows[] = {
        {NULL,  1 << 20, ""                             },
        {small, 69632,   ""                             },
        {none,  0,       "PARALLELS_DISK_TOO_LARGE()"   },
        {huge,  0,       "PARALLELS_CLUSTER_TOO_LARGE()"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        int r = driver_create(world, "parallels", 64 << 20, rows[i].options, NULL, &device);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        assert_int_equal(world->device[device].size_bytes, rows[i].file_bytes);
        if (r == 0)
            assert_int_equal(driver_open(world, "parallels", device, 0)->facts.virtual_bytes,
                             64 << 20);
        fake_world_free(world);
    }
}

enum { CLUSTER = 4096, EXT_OFF = 69632 };

/* Append a format extension of one cluster with the given features, and point to it. */
static void extension_put(struct fake_world *world, uint32_t device, const uint8_t *features,
                          size_t length)
{
    uint8_t cluster[CLUSTER] = {0};
    struct md5_ctx md5;

    le64_store(cluster, UINT64_C(0xab234cef23dcea87));
    memcpy(cluster + 24, features, length);
    md5_init(&md5);
    md5_update(&md5, CLUSTER - 24, cluster + 24);
    md5_digest(&md5, 16, cluster + 8);
    assert_int_equal(io_write(&world->env, device, EXT_OFF, cluster, CLUSTER), 0);
    le64_store(world->device[device].data + 56, EXT_OFF / 512);
}

struct feature_row {
    uint64_t magic, flags;
    uint32_t data_bytes;
    uint64_t bitmap_sectors;
    uint32_t granularity, table_entries;
    const char *error;
};

static void test_extension(void **state)
{
    static const uint64_t bitmap = UINT64_C(0x20385fae252cb34a);
    static const struct feature_row rows[] = {
        {0,      0, 0,    0,      0,   0, ""                                    },
        {bitmap, 0, 40,   131072, 128, 1, ""                                    },
        {bitmap, 1, 40,   131072, 128, 1, "PARALLELS_FEATURE_FLAGS()"           },
        {bitmap, 0, 4096, 131072, 128, 1, "PARALLELS_FEATURE_SIZE()"            },
        {7,      0, 40,   131072, 128, 1, "PARALLELS_FEATURE(7)"                },
        {bitmap, 0, 31,   131072, 128, 1, "PARALLELS_BITMAP_ROOM(31,32)"        },
        {bitmap, 0, 40,   131071, 128, 1, "PARALLELS_BITMAP_SIZE(131071,131072)"},
        {bitmap, 0, 40,   131072, 128, 2, "PARALLELS_BITMAP_TABLE_ROOM()"       },
        {bitmap, 0, 40,   131072, 3,   1, "PARALLELS_BITMAP_GRANULARITY(1536)"  },
        {bitmap, 0, 40,   131072, 1,   1, "PARALLELS_BITMAP_TABLE_SIZE(1,4)"    },
    };
    struct fake_world *world = fake_world_new();
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("parallels"))};
    struct fmt_image *image = NULL;

    (void)state;
    assert_int_equal(driver_create(world, "parallels", 64 << 20, small, NULL, &spec.device), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t feature[64] = {0};
        le64_store(feature, rows[i].magic);
        le64_store(feature + 8, rows[i].flags);
        le32_store(feature + 16, rows[i].data_bytes);
        le64_store(feature + 24, rows[i].bitmap_sectors);
        le32_store(feature + 48, rows[i].granularity);
        le32_store(feature + 52, rows[i].table_entries);
        extension_put(world, spec.device, feature, sizeof(feature));
        fake_world_reset(world);
        int r = fmt_image_open(&world->env, &spec, &image);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
    }
    world->device[spec.device].data[EXT_OFF + 100] ^= 1;
    fake_world_reset(world);
    assert_true(fmt_image_open(&world->env, &spec, &image) < 0);
    assert_string_equal(fake_error(world), "PARALLELS_EXT_CHECKSUM()");
    spec.flags = FMT_OPEN_WRITABLE;
    fake_world_reset(world);
    assert_int_equal(fmt_image_open(&world->env, &spec, &image), 0);
    assert_string_equal(world->messages, "WARNING PARALLELS_EXT_IGNORED()\n");
    fake_world_free(world);
}

static void test_fields(void **state)
{
    static const struct driver_field fields[] = {
        {0,  8},
        {16, 4},
        {20, 4},
        {28, 4},
        {32, 4},
        {36, 8},
        {44, 4},
        {48, 4},
        {52, 4},
        {56, 8},
        {64, 4},
        {68, 4},
    };
    static const uint64_t lengths[] = {0, 1, 63, 64, 511, 512, 4096, 69631};
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "parallels", 64 << 20, small, NULL, &device), 0);
    driver_test_fields(world, "parallels", device, fields, COUNT(fields), NULL, driver_use);
    memcpy(world->device[device].data, "WithoutFreeSpace", 16);
    driver_test_fields(world, "parallels", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "parallels", device, lengths, COUNT(lengths));
    fake_world_free(world);
}

static void test_write(void **state)
{
    (void)state;
    driver_test_write("parallels", 3 << 20, NULL);
    driver_test_write("parallels", 3 << 20, small);
    driver_test_failing_write("parallels", 3 << 20, small);
}

/* Not closed, a cluster shared, one outside, space behind: found, and repaired. */
static void test_check(void **state)
{
    static uint8_t data[3 * CLUSTER];
    static const char *const found = "PARALLELS_UNCLEAN(ERROR,0)\nPARALLELS_OUTSIDE(ERROR,7)\n"
                                     "PARALLELS_LEAK(ERROR,8192)\nPARALLELS_DUPLICATE(ERROR,5)\n";
    struct fake_world *world = fake_world_new();
    struct fmt_check check;
    uint32_t device;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        memset(data + i * CLUSTER, (int)i + 1, CLUSTER);
    assert_int_equal(driver_create(world, "parallels", 64 << 20, small, NULL, &device), 0);
    struct fmt_image *image = driver_open(world, "parallels", device, FMT_OPEN_WRITABLE);
    assert_int_equal(image->driver->write(image, 0, data, sizeof(data)), 0);
    assert_int_equal(image->driver->finish(image), 0);
    assert_int_equal(io_truncate(&world->env, device, EXT_OFF + 5 * CLUSTER, FMT_PREALLOC_OFF), 0);
    uint8_t *bytes = world->device[device].data;
    le32_store(bytes + 44, PARALLELS_IN_USE);
    le32_store(bytes + 64 + 4 * 5, le32_load(bytes + 64 + 4));
    le32_store(bytes + 64 + 4 * 7, 1000);
    image = driver_open(world, "parallels", device, FMT_OPEN_CHECK);
    assert_string_equal(driver_check(world, image, &check, 0), found);
    assert_int_equal(check.corruptions, 3);
    assert_int_equal(check.leaks, 2);
    image = driver_open(world, "parallels", device, FMT_OPEN_CHECK | FMT_OPEN_WRITABLE);
    driver_check(world, image, &check, FMT_FIX_LEAKS | FMT_FIX_ERRORS);
    assert_int_equal(check.corruptions_fixed, 3);
    assert_int_equal(check.leaks_fixed, 2);
    image = driver_open(world, "parallels", device, FMT_OPEN_CHECK);
    assert_string_equal(driver_check(world, image, &check, 0), "");
    assert_int_equal(check.corruptions + check.leaks, 0);
    uint8_t copy[CLUSTER];
    assert_int_equal(fmt_image_read(image, 5 * CLUSTER, copy, CLUSTER), 0);
    assert_memory_equal(copy, data + CLUSTER, CLUSTER);
    fake_world_free(world);
}

/* What check would find is repaired where the image is opened for writing. */
static void test_repair_at_open(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "parallels", 64 << 20, small, NULL, &device), 0);
    le32_store(world->device[device].data + 44, PARALLELS_IN_USE);
    le32_store(world->device[device].data + 64, 5000);
    driver_open(world, "parallels", device, 0);
    assert_string_equal(world->messages, "");
    struct fmt_image *image = driver_open(world, "parallels", device, FMT_OPEN_WRITABLE);
    assert_string_equal(world->messages, "PLAIN PARALLELS_UNCLEAN(Repairing,0)\n"
                                         "PLAIN PARALLELS_OUTSIDE(Repairing,0)\n");
    assert_int_equal(le32_load(world->device[device].data + 44), PARALLELS_IN_USE);
    assert_int_equal(image->driver->finish(image), 0);
    assert_int_equal(le32_load(world->device[device].data + 44), 0);
    fake_world_free(world);
}

static void test_failing_io(void **state)
{
    const uint8_t end[24] = {0};
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    driver_test_failing_create("parallels", 8 << 20, small);
    assert_int_equal(driver_create(world, "parallels", 64 << 20, small, NULL, &device), 0);
    driver_test_failing_open(world, "parallels", device, 2);
    extension_put(world, device, end, sizeof(end));
    driver_test_failing_open(world, "parallels", device, 4);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),     cmocka_unit_test(test_extension),
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_write),
        cmocka_unit_test(test_check),      cmocka_unit_test(test_repair_at_open),
        cmocka_unit_test(test_failing_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
