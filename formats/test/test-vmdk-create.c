/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: new images, their files, their parents, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include "vmdk/vmdk.h"

static const struct driver_option stream[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "streamOptimized"},
    {0         }
};
static const struct driver_option split[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "twoGbMaxExtentSparse"},
    {0         }
};
static const struct driver_option flat[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "monolithicFlat"},
    {0         }
};
static const struct driver_option zeroed[] = {
    {"zeroed_grain", FMT_OPTION_BOOL, 1, NULL},
    {0            }
};

static void test_create(void **state)
{
    static const struct driver_option adapter[] = {
        {"adapter_type", FMT_OPTION_TEXT, 0, "scsi"},
        {0            }
    };
    static const struct driver_option compat6[] = {
        {"compat6", FMT_OPTION_BOOL, 1, NULL},
        {"hwversion",        FMT_OPTION_TEXT, 0, "7"},
        {0        }
    };
    static const struct driver_option flat_zeroed[] = {
        {"subformat", FMT_OPTION_TEXT, 0, "monolithicFlat"},
        {"zeroed_grain",          FMT_OPTION_BOOL, 1, NULL},
        {0          }
    };
    static const struct {
        uint64_t bytes;
        const struct driver_option *options;
        uint64_t file_bytes;
        const char *error;
    } rows[] = {
        {1 << 20,           NULL,        65536,  ""                  },
        {UINT64_C(5) << 30, NULL,        720896, ""                  },
        {0,                 zeroed,      65536,  ""                  },
        {100,               stream,      65536,  ""                  },
        {1 << 20,           adapter,     0,      "BAD_VALUE(scsi)"   },
        {1 << 20,           compat6,     0,      "VMDK_COMPAT6()"    },
        {1 << 20,           flat_zeroed, 0,      "VMDK_FLAT_ZEROED()"},
        {UINT64_C(1) << 60, NULL,        0,      "IO(27)"            },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        int r = driver_create(world, "vmdk", rows[i].bytes, rows[i].options, NULL, &device);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        assert_int_equal(world->device[device].size_bytes, rows[i].file_bytes);
        if (r == 0 && rows[i].bytes) {
            const struct fmt_image *image = driver_open(world, "vmdk", device, 0);
            assert_int_equal(image->facts.virtual_bytes, round_up_u64(rows[i].bytes, 512));
        }
        fake_world_free(world);
    }
}

static void test_create_files(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vmdk", UINT64_C(5) << 30, split, NULL, &device), 0);
    assert_int_equal(world->device_count, 4);
    assert_string_equal(world->device[3].name, "vmdk-s003");
    struct fmt_image *image = driver_open(world, "vmdk", device, 0);
    assert_int_equal(image->facts.virtual_bytes, UINT64_C(5) << 30);
    driver_use(image);
    fake_world_free(world);

    world = fake_world_new();
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, flat, NULL, &device), 0);
    assert_string_equal(world->device[1].name, "vmdk-flat");
    assert_int_equal(world->device[1].size_bytes, 1 << 20);
    image = driver_open(world, "vmdk", device, 0);
    assert_int_equal(image->facts.virtual_bytes, 1 << 20);
    fake_world_free(world);
}

/* The child records the parent's content ID; a parent that is no VMDK is refused. */
static void test_create_child(void **state)
{
    struct fake_world *world = fake_world_new();
    struct fmt_create create = {
        .virtual_bytes = 1 << 20,
        .filename = fmt_bytes_of("child.vmdk"),
        .options = &(struct fmt_options){NULL, 0},
        .backing_present = true,
        .backing_name = fmt_bytes_of("vmdk"),
        .backing_format = fmt_bytes_of("vmdk")
    };
    const struct fmt_driver *driver = fmt_driver_find(fmt_bytes_of("vmdk"));
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, NULL, NULL, &device), 0);
    create.device = fake_device_add(world, "child.vmdk", NULL, 0);
    assert_int_equal(driver->create_check(&world->env, &create), 0);
    assert_int_equal(driver->create(&world->env, &create), 0);
    const struct fmt_image *parent = driver_open(world, "vmdk", device, 0);
    const struct fmt_image *child = driver_open(world, "vmdk", create.device, 0);
    assert_int_equal(((const struct vmdk_state *)child->state)->parent_cid,
                     ((const struct vmdk_state *)parent->state)->cid);
    fake_device_add(world, "other", "not an image of any known format", 32);
    create.backing_name = fmt_bytes_of("other");
    assert_true(driver->create(&world->env, &create) < 0);
    assert_string_equal(fake_error(world), "VMDK_OTHER_BACKING(raw)");
    fake_world_free(world);
}

static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    driver_test_failing_create("vmdk", 8 << 20, NULL);
    driver_test_failing_create("vmdk", UINT64_C(3) << 30, split);
    driver_test_failing_create("vmdk", 8 << 20, flat);
    assert_int_equal(driver_create(world, "vmdk", 8 << 20, NULL, NULL, &device), 0);
    driver_test_failing_open(world, "vmdk", device, 7);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_files),
        cmocka_unit_test(test_create_child),
        cmocka_unit_test(test_failing_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
