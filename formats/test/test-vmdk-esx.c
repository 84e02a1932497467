/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: the sparse extents of ESX. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include "vmdk/vmdk.h"

#define HEAD "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
#define TYPE(t) "createType=\"" t "\"\n"

static uint32_t text_add(struct fake_world *world, const char *text)
{
    return fake_device_add(world, "text", text, strlen(text));
}

static void test_cowd(void **state)
{
    static uint8_t data[64 << 10];
    static const char text[] = HEAD TYPE("vmfsSparse") "RW 128 VMFSSPARSE \"cowd\"\n";
    struct fake_world *world = fake_world_new();
    struct fmt_extent extent;

    (void)state;
    be32_store(data, VMDK_MAGIC_COWD);
    le32_store(data + 12, 128);
    le32_store(data + 16, 1);
    le32_store(data + 20, 4);
    le32_store(data + 24, 1);
    le32_store(data + 4 * 512, 8);
    le32_store(data + 8 * 512 + 3 * 4, 100);
    fake_device_add(world, "cowd", data, sizeof(data));
    struct fmt_image *image = driver_open(world, "vmdk", text_add(world, text), 0);
    assert_int_equal(image->facts.virtual_bytes, 65536);
    assert_int_equal(image->facts.cluster_bytes, 512);
    assert_int_equal(fmt_image_map(image, 0, 65536, &extent), 0);
    assert_int_equal(extent.length, 1536);
    assert_int_equal(fmt_image_map(image, 1536, 512, &extent), 0);
    assert_int_equal(extent.device_off, 51200);
    /* Without clusters nothing can be found. */
    le32_store(world->device[0].data + 16, 0);
    image = driver_open(world, "vmdk", 1, 0);
    assert_int_equal(fmt_image_map(image, 0, 512, &extent), -FMT_EIO);
    fake_world_free(world);
}

static const char sesparse_text[] = HEAD TYPE("seSparse") "RW 65536 SESPARSE \"se\"\n";

static uint32_t sesparse_add(struct fake_world *world)
{
    static uint8_t data[128 << 10];
    static const struct {
        unsigned field;
        uint64_t value;
    } fields[] = {
        {0,  0xcafebabe           },
        {1,  UINT64_C(0x200000001)},
        {2,  65536                },
        {3,  8                    },
        {4,  64                   },
        {10, 1                    },
        {11, 1                    },
        {16, 2                    },
        {17, 1                    },
        {18, 3                    },
        {24, 160                  },
    };

    for (size_t i = 0; i < COUNT(fields); i++)
        le64_store(data + 8 * (size_t)fields[i].field, fields[i].value);
    le64_store(data + 512, 0xcafecafe);
    le64_store(data + 1024, UINT64_C(0x1000000000000000));
    le64_store(data + 1032, UINT64_C(0x2000000000000000));
    le64_store(data + 1536, UINT64_C(0x3002000000000000));
    le64_store(data + 1544, UINT64_C(0x2000000000000000));
    le64_store(data + 1552, UINT64_C(0x4000000000000000));
    fake_device_add(world, "se", data, sizeof(data));
    return text_add(world, sesparse_text);
}

static void test_sesparse(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = sesparse_add(world);
    struct fmt_extent extent;

    (void)state;
    struct fmt_image *image = driver_open(world, "vmdk", device, 0);
    assert_int_equal(image->facts.virtual_bytes, 32 << 20);
    assert_int_equal(fmt_image_map(image, 0, 4096, &extent), 0);
    assert_int_equal(extent.device_off, (160 + 2 * 8) * 512);
    assert_int_equal(fmt_image_map(image, 4096, 4096, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_ZERO);
    assert_int_equal(fmt_image_map(image, 8192, 4096, &extent), -FMT_EIO);
    assert_int_equal(fmt_image_map(image, 12288, 4096, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_UNALLOCATED);
    assert_int_equal(fmt_image_map(image, 16 << 20, 4096, &extent), -FMT_EIO);
    assert_null(driver_try_open(world, "vmdk", device, FMT_OPEN_WRITABLE));
    assert_string_equal(fake_error(world), "VMDK_SE_READ_ONLY()");
    fake_world_free(world);
}

static void test_sesparse_refusals(void **state)
{
    static const struct {
        uint32_t offset;
        uint64_t value;
        const char *error;
    } rows[] = {
        {0,        1,                 "VMDK_SE_MAGIC(1)"          },
        {8,        1,                 "VMDK_SE_VERSION(1)"        },
        {24,       9,                 "VMDK_SE_GRAIN(9)"          },
        {32,       65,                "VMDK_SE_TABLE(65)"         },
        {40,       1,                 "VMDK_SE_FLAGS(1)"          },
        {64,       7,                 "VMDK_SE_RESERVED(0,0,7,0)" },
        {504,      1,                 "VMDK_SE_PADDING()"         },
        {512,      1,                 "VMDK_SE_VOLATILE_MAGIC(1)" },
        {512 + 24, 1,                 "VMDK_SE_DIRTY()"           },
        {1016,     1,                 "VMDK_SE_VOLATILE_PADDING()"},
        {80,       UINT64_MAX / 512,  "VMDK_READ_VOLATILE(se,5)"  },
        {128,      UINT64_MAX / 512,  "VMDK_READ_L1(se,5)"        },
        {136,      UINT64_C(1) << 20, "VMDK_L1_SIZE()"            },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device = sesparse_add(world);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *at = world->device[0].data + rows[i].offset, saved[8];
        memcpy(saved, at, 8);
        le64_store(at, rows[i].value);
        assert_null(driver_try_open(world, "vmdk", device, 0));
        assert_string_equal(fake_error(world), rows[i].error);
        memcpy(at, saved, 8);
    }
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cowd),
        cmocka_unit_test(test_sesparse),
        cmocka_unit_test(test_sesparse_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
