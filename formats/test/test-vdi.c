/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VDI: headers, refusals, new images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"

static const struct driver_option is_static[] = {
    {"static", FMT_OPTION_BOOL, 1, NULL},
    {0      }
};

static void test_create(void **state)
{
    static const struct {
        uint64_t bytes;
        const struct driver_option *options;
        uint64_t file_bytes, virtual_bytes;
        const char *error;
    } rows[] = {
        {0,                         NULL,      512,              0,         ""                                              },
        {1,                         NULL,      1024,             512,       ""                                              },
        {129 << 20,                 NULL,      512 + 1024,       129 << 20, ""                                              },
        {3 << 20,                   is_static, 1024 + (3 << 20), 3 << 20,   ""                                              },
        {UINT64_C(0x2000000000000), NULL,      0,                0,         "VDI_TOO_LARGE(562949953421312,562949819203584)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        int r = driver_create(world, "vdi", rows[i].bytes, rows[i].options, NULL, &device);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        assert_int_equal(world->device[device].size_bytes, rows[i].file_bytes);
        if (r == 0) {
            const struct fmt_image *image = driver_open(world, "vdi", device, 0);
            assert_int_equal(image->facts.virtual_bytes, rows[i].virtual_bytes);
            assert_int_equal(image->facts.cluster_bytes, 1 << 20);
        }
        fake_world_free(world);
    }
}

static void test_refusals(void **state)
{
    static const struct driver_refusal rows[] = {
        {0x174, 4, 0x20000,  "VDI_TOO_LARGE(562949961809920,562949819203584)"},
        {0x40,  4, 1,        "VDI_SIGNATURE(1)"                              },
        {0x44,  4, 0x20003,  "VDI_VERSION(2,3)"                              },
        {0x154, 4, 0x201,    "VDI_MAP_UNALIGNED(513)"                        },
        {0x158, 4, 0x3ff,    "VDI_DATA_UNALIGNED(1023)"                      },
        {0x168, 4, 4096,     "VDI_SECTOR_SIZE(4096,512)"                     },
        {0x178, 4, 1 << 19,  "VDI_BLOCK_SIZE(524288,1048576)"                },
        {0x180, 4, 7,        "VDI_MAP_TOO_SMALL(8388608,7340032)"            },
        {0x1a8, 4, 1,        "VDI_LINK()"                                    },
        {0x1c4, 4, 1,        "VDI_PARENT()"                                  },
        {0x180, 4, 1u << 29, "VDI_TOO_MANY_BLOCKS(536870912,536870784)"      },
        {0x4c,  4, 4,        "VDI_TYPE(4)"                                   },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vdi", 8 << 20, NULL, NULL, &device), 0);
    driver_test_refusals(world, "vdi", device, DRIVER_LITTLE_ENDIAN, rows, COUNT(rows));
    fake_world_free(world);
}

static void test_fields(void **state)
{
    static const struct driver_field fields[] = {
        {0x40,  4},
        {0x44,  4},
        {0x4c,  4},
        {0x154, 4},
        {0x158, 4},
        {0x168, 4},
        {0x170, 8},
        {0x178, 4},
        {0x180, 4},
        {0x184, 4},
        {0x200, 4},
        {0x204, 4},
    };
    static const uint64_t lengths[] = {0, 1, 0x43, 511, 512, 513, 1023};
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vdi", 8 << 20, is_static, NULL, &device), 0);
    driver_test_fields(world, "vdi", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "vdi", device, lengths, COUNT(lengths));
    fake_world_free(world);
}

static void test_write(void **state)
{
    (void)state;
    driver_test_write("vdi", 3 << 20, NULL);
    driver_test_write("vdi", 3 << 20, is_static);
    driver_test_failing_write("vdi", 3 << 20, is_static);
}

static void test_check(void **state)
{
    static const struct {
        uint32_t offset, value;
        const char *findings;
        uint64_t corruptions;
    } rows[] = {
        {0x204, 0,          "VDI_BLOCK_SHARED(0,0)\n",                        1},
        {0x204, 9,          "VDI_ENTRY_TOO_LARGE(1,9)\nVDI_ALLOCATED(7,8)\n", 2},
        {0x204, UINT32_MAX, "VDI_ALLOCATED(7,8)\n",                           1},
    };
    struct fake_world *world = fake_world_new();
    struct fmt_check check;
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vdi", 8 << 20, is_static, NULL, &device), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *at = world->device[device].data + rows[i].offset;
        uint32_t saved = le32_load(at);
        le32_store(at, rows[i].value);
        struct fmt_image *image = driver_open(world, "vdi", device, FMT_OPEN_CHECK);
        assert_string_equal(driver_check(world, image, &check, 0), rows[i].findings);
        assert_int_equal(check.corruptions, rows[i].corruptions);
        assert_int_equal(image->driver->check(image, &check, FMT_FIX_ERRORS), -FMT_ENOTSUP);
        le32_store(at, saved);
    }
    fake_world_free(world);
}

static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    driver_test_failing_create("vdi", 8 << 20, NULL);
    driver_test_failing_create("vdi", 8 << 20, is_static);
    assert_int_equal(driver_create(world, "vdi", 8 << 20, NULL, NULL, &device), 0);
    driver_test_failing_open(world, "vdi", device, 1);
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
