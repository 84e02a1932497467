/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QED: headers, refusals, new images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include "qed/qed.h"

static const struct driver_option small[] = {
    {"cluster_size", FMT_OPTION_NUMBER, 4096, NULL},
    {"table_size",          FMT_OPTION_NUMBER, 2, NULL},
    {0             }
};
static const struct driver_option odd[] = {
    {"cluster_size", FMT_OPTION_NUMBER, 5000, NULL},
    {0         }
};
static const struct driver_option tables[] = {
    {"table_size", FMT_OPTION_NUMBER, 3, NULL},
    {0          }
};

static void test_create(void **state)
{
    static const struct {
        uint64_t bytes;
        const struct driver_option *options;
        uint64_t file_bytes;
        const char *error;
    } rows[] = {
        {64 << 20,          NULL,   320 << 10, ""                                 },
        {0,                 small,  12288,     ""                                 },
        {1 << 20,           odd,    0,         "QED_CREATE_CLUSTER(4096,67108864)"},
        {1 << 20,           tables, 0,         "QED_CREATE_TABLE(1,16)"           },
        {UINT64_C(1) << 33, small,  0,         "QED_CREATE_SIZE(4294967296)"      },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        int r = driver_create(world, "qed", rows[i].bytes, rows[i].options, "base", &device);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        assert_int_equal(world->device[device].size_bytes, rows[i].file_bytes);
        if (r == 0) {
            const struct fmt_image *image = driver_open(world, "qed", device, 0);
            assert_int_equal(image->facts.virtual_bytes, rows[i].bytes);
            assert_true(fmt_bytes_equal(image->facts.backing_name, "base"));
            assert_true(fmt_bytes_equal(image->facts.backing_format, "raw"));
        }
        fake_world_free(world);
    }
}

static void test_refusals(void **state)
{
    static const struct driver_refusal rows[] = {
        {0,  4, 1,          "QED_MAGIC()"         },
        {16, 4, 8,          "QED_FEATURES(8)"     },
        {4,  4, 2048,       "QED_CLUSTER_SIZE()"  },
        {8,  4, 17,         "QED_TABLE_SIZE()"    },
        {48, 4, 1,          "QED_IMAGE_SIZE()"    },
        {40, 4, 0,          "QED_TABLE_OFFSET()"  },
        {12, 4, 0x7fffffff, "QED_TABLE_OFFSET()"  },
        {60, 4, 8192,       "QED_BACKING_OFFSET()"},
        {56, 4, 4090,       "QED_BACKING_OFFSET()"},
    };
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "qed", 1 << 20, small, "base.qcow", &device), 0);
    driver_test_refusals(world, "qed", device, DRIVER_LITTLE_ENDIAN, rows, COUNT(rows));
    fake_world_free(world);
}

static void test_fields(void **state)
{
    static const struct driver_field fields[] = {
        {0,    4},
        {4,    4},
        {8,    4},
        {12,   4},
        {16,   8},
        {24,   8},
        {32,   8},
        {40,   8},
        {48,   8},
        {56,   4},
        {60,   4},
        {4096, 8},
        {4104, 8},
    };
    static const uint64_t lengths[] = {0, 1, 63, 64, 4095, 4096, 8192, 12287};
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "qed", 8 << 20, small, "base", &device), 0);
    driver_test_fields(world, "qed", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "qed", device, lengths, COUNT(lengths));
    fake_world_free(world);
}

static void test_write(void **state)
{
    (void)state;
    driver_test_write("qed", 3 << 20, NULL);
    driver_test_write("qed", 3 << 20, small);
    driver_test_failing_write("qed", 3 << 20, small);
    driver_test_failing_overlay("qed", small);
}

/* A bad L1 entry, a bad L2 entry, a shared cluster and a leak: found, and mended where possible. */
static void test_check(void **state)
{
    static uint8_t data[3 * 4096];
    struct fake_world *world = fake_world_new();
    struct fmt_check check;
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "qed", 8 << 20, small, NULL, &device), 0);
    struct fmt_image *image = driver_open(world, "qed", device, FMT_OPEN_WRITABLE);
    assert_int_equal(image->driver->write(image, 0, data, sizeof(data)), 0);
    assert_int_equal(image->driver->finish(image), 0);
    uint8_t *l2 = world->device[device].data + 24576;
    assert_int_equal(le64_load(l2), 12288);
    le64_store(l2 + 8, 12289);
    le64_store(l2 + 16, 12288);
    le64_store(world->device[device].data + 4104, 5000);
    le64_store(world->device[device].data + 16, QED_F_NEED_CHECK);
    image = driver_open(world, "qed", device, FMT_OPEN_CHECK);
    assert_string_equal(driver_check(world, image, &check, 0), "");
    assert_int_equal(check.corruptions, 3);
    assert_int_equal(check.leaks, 2);
    assert_int_equal(check.allocated_clusters, 3);
    image = driver_open(world, "qed", device, FMT_OPEN_CHECK | FMT_OPEN_WRITABLE);
    driver_check(world, image, &check, FMT_FIX_LEAKS | FMT_FIX_ERRORS);
    assert_int_equal(check.corruptions, 1);
    assert_int_equal(check.corruptions_fixed, 2);
    assert_int_equal(le64_load(world->device[device].data + 16), 0);
    assert_int_equal(le64_load(l2 + 8), 0);
    fake_world_free(world);
}

static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    driver_test_failing_create("qed", 8 << 20, small);
    assert_int_equal(driver_create(world, "qed", 8 << 20, NULL, "base", &device), 0);
    driver_test_failing_open(world, "qed", device, 3);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_fields), cmocka_unit_test(test_write),
        cmocka_unit_test(test_check),  cmocka_unit_test(test_failing_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
