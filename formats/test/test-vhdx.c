/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: headers, tables, parents, new images; logs: test-vhdx-log.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/winname.h"
#include "driver-test.h"
#include "vhdx/vhdx.h"

enum { MIB = 1 << 20, BAT_OFF = 2 * MIB, METADATA_OFF = 3 * MIB, ITEMS_OFF = METADATA_OFF + 65536 };

static const struct driver_option fixed[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "fixed"},
    {"block_state_zero",          FMT_OPTION_BOOL, 0, NULL},
    {0          }
};
static const struct driver_option blocks[] = {
    {"block_size", FMT_OPTION_NUMBER, 3 * MIB, NULL},
    {0    }
};
static const struct driver_option no_log[] = {
    {"log_size", FMT_OPTION_NUMBER, 0, NULL},
    {0        }
};

static uint32_t checksum(const uint8_t *bytes, size_t length)
{
    static struct crc32c crc;

    crc32c_init(&crc);
    return ~crc32c_feed(&crc, CRC32C_START, bytes, length);
}

static void sum_fix(uint8_t *bytes, size_t length)
{
    le32_store(bytes + 4, 0);
    le32_store(bytes + 4, checksum(bytes, length));
}

static void all_fix(uint8_t *data)
{
    sum_fix(data + VHDX_HEADER1_OFF, VHDX_HEADER_BYTES);
    sum_fix(data + VHDX_HEADER2_OFF, VHDX_HEADER_BYTES);
    sum_fix(data + VHDX_REGIONS1_OFF, VHDX_TABLE_BYTES);
}

static void test_crc(void **state)
{
    (void)state;
    static uint8_t bytes[70000] = "123456789";
    static const size_t zeroes[] = {0, 1, 2, 7, 61440, 69991};

    assert_int_equal(checksum((const uint8_t *)"123456789", 9), 0xe3069283);
    for (size_t i = 0; i < COUNT(zeroes); i++)
        assert_int_equal(~crc32c_feed_zeroes(~checksum(bytes, 9), zeroes[i]),
                         checksum(bytes, 9 + zeroes[i]));
}

static void test_create(void **state)
{
    static const struct {
        uint64_t bytes;
        const struct driver_option *options;
        uint64_t file_bytes, cluster_bytes;
        const char *error;
    } rows[] = {
        {64 * MIB,                   NULL,   8 * MIB,  8 * MIB,  ""                  },
        {UINT64_C(2) << 30,          NULL,   8 * MIB,  16 * MIB, ""                  },
        {8 * MIB,                    fixed,  16 * MIB, 8 * MIB,  ""                  },
        {MIB,                        blocks, 0,        0,        "VHDX_BLOCK_POWER()"},
        {MIB,                        no_log, 0,        0,        "VHDX_LOG_SIZE()"   },
        {(UINT64_C(64) << 40) + 512, NULL,   0,        0,        "VHDX_TOO_LARGE()"  },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        int r = driver_create(world, "vhdx", rows[i].bytes, rows[i].options, NULL, &device);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        assert_int_equal(world->device[device].size_bytes, rows[i].file_bytes);
        if (r == 0) {
            const struct fmt_image *image = driver_open(world, "vhdx", device, 0);
            assert_int_equal(image->facts.virtual_bytes, rows[i].bytes);
            assert_int_equal(image->facts.cluster_bytes, rows[i].cluster_bytes);
        }
        fake_world_free(world);
    }
}

/* One valid header is enough; of two, the one with the larger number counts. */
static void test_headers(void **state)
{
    struct fake_world *world = fake_world_new();
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("vhdx"))};
    struct fmt_image *image = NULL;

    (void)state;
    assert_int_equal(driver_create(world, "vhdx", 8 * MIB, NULL, NULL, &spec.device), 0);
    uint8_t *first = world->device[spec.device].data + VHDX_HEADER1_OFF;
    uint8_t *second = world->device[spec.device].data + VHDX_HEADER2_OFF;
    image = driver_open(world, "vhdx", spec.device, 0);
    assert_int_equal(((struct vhdx_state *)image->state)->header_off, VHDX_HEADER2_OFF);
    second[100] ^= 1;
    image = driver_open(world, "vhdx", spec.device, 0);
    assert_int_equal(((struct vhdx_state *)image->state)->header_off, VHDX_HEADER1_OFF);
    first[100] ^= 1;
    assert_true(fmt_image_open(&world->env, &spec, &image) < 0);
    assert_string_equal(fake_error(world), "VHDX_NO_HEADER()");
    fake_world_free(world);
}

/* Tell of the block that lies outside of the file or in a region. */
static void test_bat(void **state)
{
    static const struct {
        uint64_t entry;
        const char *messages;
    } rows[] = {
        {8 * MIB | 6,           "ERROR VHDX_BAT_START(0,8388608,8388608)\n"      },
        {7 * MIB | 6,           "ERROR VHDX_BAT_END(0,15728639,8388608)\n"       },
        {VHDX_BAT_OFF_MASK | 6, "ERROR VHDX_BAT_OVERFLOW(0)\n"                   },
        {6,                     "ERROR VHDX_OVERLAP(0,8388608,3145728,4194304)\n"},
        {3,                     ""                                               },
    };
    struct fake_world *world = fake_world_new();
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("vhdx"))};
    struct fmt_image *image = NULL;

    (void)state;
    assert_int_equal(driver_create(world, "vhdx", 8 * MIB, NULL, NULL, &spec.device), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        le64_store(world->device[spec.device].data + BAT_OFF, rows[i].entry);
        fake_world_reset(world);
        int r = fmt_image_open(&world->env, &spec, &image);
        assert_int_equal(r < 0, rows[i].messages[0] != '\0');
        assert_string_equal(world->messages, rows[i].messages);
        spec.flags = FMT_OPEN_CHECK;
        fake_world_reset(world);
        assert_int_equal(fmt_image_open(&world->env, &spec, &image), 0);
        spec.flags = 0;
    }
    fake_world_free(world);
}

/* Make the image differencing: a locator behind the other items, with the given values. */
static void locator_put(uint8_t *data, const char *const *pairs)
{
    static const uint8_t type[] = {0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a,
                                   0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13};
    uint8_t *locator = data + ITEMS_OFF + 4096, *entry = data + METADATA_OFF + 32 + 5 * 32;
    size_t used = 1024, count = 0;

    memcpy(locator, type, sizeof(type));
    for (; pairs[2 * count]; count++) {
        uint8_t *at = locator + 20 + 12 * count;
        for (size_t i = 0; i < 2; i++) {
            size_t units =
                winname_to_utf16(fmt_bytes_of(pairs[2 * count + i]), locator + used, 500, false);
            le32_store(at + 4 * i, (uint32_t)used);
            le16_store(at + 8 + 2 * i, (uint16_t)(2 * units));
            used += 2 * units;
        }
    }
    le16_store(locator + 18, (uint16_t)count);
    memcpy(entry, vhdx_guid_parent_locator, 16);
    le32_store(entry + 16, 65536 + 4096);
    le32_store(entry + 20, (uint32_t)used);
    le32_store(entry + 24, 4);
    le16_store(data + METADATA_OFF + 10, 6);
    le32_store(data + ITEMS_OFF + 4, 2);
}

static void test_parent(void **state)
{
    static const char *const pairs[] = {
        "parent_linkage",
        "{01020304-0506-0708-090a-0b0c0d0e0f10}",
        "absolute_win32_path",
        "C:\\vm\\base.vhdx",
        "relative_path",
        ".\\dir\\base.vhdx",
        NULL,
    };
    static const uint8_t linkage[] = {4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16};
    static const struct driver_field fields[] = {
        {METADATA_OFF + 10,               2},
        {METADATA_OFF + 32 + 5 * 32 + 16, 4},
        {METADATA_OFF + 212,              4},
        {ITEMS_OFF + 4096 + 18,           2},
        {ITEMS_OFF + 4096 + 20,           4},
        {ITEMS_OFF + 4096 + 24,           4},
        {ITEMS_OFF + 4096 + 28,           2},
        {ITEMS_OFF + 4096 + 30,           2},
        {ITEMS_OFF + 4096 + 1024,         2},
    };
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vhdx", 8 * MIB, NULL, NULL, &device), 0);
    locator_put(world->device[device].data, pairs);
    const struct fmt_image *image = driver_open(world, "vhdx", device, 0);
    const struct vhdx_state *vhdx = image->state;
    assert_true(fmt_bytes_equal(image->facts.backing_name, "dir/base.vhdx"));
    assert_true(fmt_bytes_equal(image->facts.backing_format, "vhdx"));
    assert_int_equal(vhdx->parent_linkages, 1);
    assert_memory_equal(vhdx->parent_linkage[0], linkage, sizeof(linkage));
    driver_test_fields(world, "vhdx", device, fields, COUNT(fields), NULL, driver_use);
    fake_world_free(world);
}

static void test_fields(void **state)
{
    static const struct driver_field fields[] = {
        {0,                      8},
        {VHDX_HEADER2_OFF,       4},
        {VHDX_HEADER2_OFF + 8,   8},
        {VHDX_HEADER2_OFF + 48,  8},
        {VHDX_HEADER2_OFF + 64,  2},
        {VHDX_HEADER2_OFF + 66,  2},
        {VHDX_HEADER2_OFF + 68,  4},
        {VHDX_HEADER2_OFF + 72,  8},
        {VHDX_REGIONS1_OFF + 8,  4},
        {VHDX_REGIONS1_OFF + 16, 8},
        {VHDX_REGIONS1_OFF + 32, 8},
        {VHDX_REGIONS1_OFF + 40, 4},
        {VHDX_REGIONS1_OFF + 44, 4},
        {VHDX_REGIONS1_OFF + 64, 8},
        {VHDX_REGIONS1_OFF + 72, 4},
        {METADATA_OFF + 8,       4},
        {METADATA_OFF + 48,      4},
        {METADATA_OFF + 52,      4},
        {ITEMS_OFF,              4},
        {ITEMS_OFF + 4,          4},
        {ITEMS_OFF + 8,          8},
        {ITEMS_OFF + 32,         4},
        {ITEMS_OFF + 36,         4},
        {BAT_OFF,                8},
    };
    static const uint64_t lengths[] = {0,      7,   65536,   69631,      131072,
                                       200000, MIB, BAT_OFF, 8 * MIB - 1};
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vhdx", 8 * MIB, fixed, NULL, &device), 0);
    driver_test_fields(world, "vhdx", device, fields, COUNT(fields), all_fix, driver_use);
    driver_test_lengths(world, "vhdx", device, lengths, COUNT(lengths));
    fake_world_free(world);
}

/* Blocks in all states; those partly present are told by the chunk's sector bitmap. */
static void test_map(void **state)
{
    static const char *const pairs[] = {"parent_linkage", "{00000000-0000-0000-0000-000000000000}",
                                        "relative_path", "b.vhdx", NULL};
    static const struct driver_option small[] = {
        {"block_size", FMT_OPTION_NUMBER, MIB, NULL},
        {0        }
    };
    static const struct {
        uint64_t offset, length;
        enum fmt_extent_kind kind;
        uint64_t device_off;
    } rows[] = {
        {0,              MIB,                  FMT_EXTENT_UNALLOCATED, 0             },
        {MIB,            2 * MIB,              FMT_EXTENT_ZERO,        0             },
        {3 * MIB,        MIB,                  FMT_EXTENT_DATA,        9 * MIB       },
        {4 * MIB,        512,                  FMT_EXTENT_UNALLOCATED, 0             },
        {4 * MIB + 512,  1024,                 FMT_EXTENT_DATA,        10 * MIB + 512},
        {4 * MIB + 1536, MIB - 1536 + 3 * MIB, FMT_EXTENT_UNALLOCATED, 0             },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vhdx", 8 * MIB, small, NULL, &device), 0);
    assert_int_equal(io_truncate(&world->env, device, 12 * MIB, FMT_PREALLOC_OFF), 0);
    uint8_t *data = world->device[device].data;
    locator_put(data, pairs);
    memset(data + BAT_OFF, 0, 64);
    le64_store(data + BAT_OFF + 8, VHDX_ZERO);
    le64_store(data + BAT_OFF + 16, VHDX_UNMAPPED);
    le64_store(data + BAT_OFF + 24, 9 * MIB | VHDX_FULLY_PRESENT);
    le64_store(data + BAT_OFF + 32, 10 * MIB | VHDX_PARTIALLY_PRESENT);
    le64_store(data + BAT_OFF + 8 * 4096, 11 * MIB | VHDX_FULLY_PRESENT);
    data[11 * MIB + 4 * MIB / 512 / 8] = 6;
    struct fmt_image *image = driver_open(world, "vhdx", device, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fmt_extent extent;
        assert_int_equal(fmt_image_map(image, rows[i].offset, 8 * MIB - rows[i].offset, &extent),
                         0);
        assert_int_equal(extent.kind, rows[i].kind);
        assert_int_equal(extent.length, rows[i].length);
        assert_int_equal(extent.device_off, rows[i].device_off);
    }
    fake_world_free(world);
}

static const struct driver_option mib_blocks[] = {
    {"block_size", FMT_OPTION_NUMBER, MIB, NULL},
    {"block_state_zero",         FMT_OPTION_BOOL, 0, NULL},
    {0           }
};

static void test_write(void **state)
{
    (void)state;
    driver_test_write("vhdx", 9 * MIB, NULL);
    driver_test_write("vhdx", 3 * MIB, fixed);
    driver_test_write("vhdx", 3 * MIB, mib_blocks);
    driver_test_failing_write("vhdx", 3 * MIB, mib_blocks);
}

static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    driver_test_failing_create("vhdx", 8 * MIB, NULL);
    driver_test_failing_create("vhdx", 8 * MIB, fixed);
    assert_int_equal(driver_create(world, "vhdx", 8 * MIB, NULL, NULL, &device), 0);
    driver_test_failing_open(world, "vhdx", device, 8);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),        cmocka_unit_test(test_create),
        cmocka_unit_test(test_headers),    cmocka_unit_test(test_bat),
        cmocka_unit_test(test_parent),     cmocka_unit_test(test_fields),
        cmocka_unit_test(test_map),        cmocka_unit_test(test_write),
        cmocka_unit_test(test_failing_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
