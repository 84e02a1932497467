/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: what L2 entries of each type say, and what is read by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/rawdeflate.h"
#include "driver-test.h"
#include "qcow2/qcow2-map.h"

enum { CLUSTER = 4096, CLUSTERS = 16, L2 = 4, DATA = 5 };

/* An image with an L2 table in cluster 4 and room for data from cluster 5 on; @extended: with
 * clusters of 16 KiB and subclusters. */
struct built {
    struct fake_world *world;
    uint32_t device;
    uint8_t *data;
    uint64_t cluster_bytes;
};

static struct built build(bool extended)
{
    struct driver_option options[] = {
        {"cluster_size",              FMT_OPTION_NUMBER, extended ? 16384 : CLUSTER, NULL},
        {extended ? "extended_l2" : NULL, FMT_OPTION_BOOL, 1, NULL},
        {0                          },
    };
    struct built built = {.world = fake_world_new(), .cluster_bytes = options[0].number};
    uint64_t bytes = built.cluster_bytes * CLUSTERS, file_bytes = built.cluster_bytes * 24;
    uint32_t device;

    assert_int_equal(driver_create(built.world, "qcow2", bytes, options, NULL, &device), 0);
    uint8_t *data = calloc(1, file_bytes);
    memcpy(data, built.world->device[device].data, built.world->device[device].size_bytes);
    be64_store(data + 3 * built.cluster_bytes, L2 * built.cluster_bytes | QCOW2_COPIED);
    for (uint64_t c = DATA; c < 24; c++)
        memset(data + c * built.cluster_bytes, (int)c, built.cluster_bytes);
    built.device = fake_device_add(built.world, "built", data, file_bytes);
    free(data);
    built.data = built.world->device[built.device].data;
    return built;
}

static void entry_set(const struct built *built, unsigned index, uint64_t value)
{
    be64_store(built->data + L2 * built->cluster_bytes + index * 8, value);
}

static uint64_t placed(unsigned cluster)
{
    return (uint64_t)cluster * CLUSTER | QCOW2_COPIED;
}

static void extent_check(struct fmt_image *image, uint64_t offset, enum fmt_extent_kind kind,
                         uint64_t length, uint64_t device_off)
{
    struct fmt_extent extent;

    assert_int_equal(fmt_image_map(image, offset, image->facts.virtual_bytes - offset, &extent), 0);
    assert_int_equal(extent.kind, kind);
    assert_int_equal(extent.length, length);
    if (device_off)
        assert_int_equal(extent.device_off, device_off);
    assert_int_equal(extent.has_offset, device_off != 0);
}

static void test_types(void **state)
{
    static const uint8_t pattern[CLUSTER] = {[7] = 1, [4000] = 9};
    struct built built = build(false);
    uint8_t coded[CLUSTER], read[3 * CLUSTER];
    size_t coded_bytes = sizeof(coded);
    struct fmt_arena *arena = built.world->env.arena;

    (void)state;
    assert_int_equal(rawdeflate_encode(arena, 12, 0, pattern, CLUSTER, coded, &coded_bytes), 0);
    memcpy(built.data + 20 * CLUSTER + 100, coded, coded_bytes);
    entry_set(&built, 1, placed(DATA));
    entry_set(&built, 2, placed(DATA + 1));
    entry_set(&built, 3, placed(DATA + 3));
    entry_set(&built, 4, QCOW2_ZERO);
    entry_set(&built, 5, placed(DATA + 4) | QCOW2_ZERO);
    entry_set(&built, 6, QCOW2_COMPRESSED | (20 * CLUSTER + 100)); /* one sector */
    struct fmt_image *image = driver_open(built.world, "qcow2", built.device, 0);
    extent_check(image, 0, FMT_EXTENT_UNALLOCATED, CLUSTER, 0);
    extent_check(image, CLUSTER, FMT_EXTENT_DATA, 2 * CLUSTER, DATA * CLUSTER);
    extent_check(image, CLUSTER + 5, FMT_EXTENT_DATA, 2 * CLUSTER - 5, DATA * CLUSTER + 5);
    extent_check(image, 3 * CLUSTER, FMT_EXTENT_DATA, CLUSTER, (DATA + 3) * CLUSTER);
    extent_check(image, 7 * CLUSTER, FMT_EXTENT_UNALLOCATED, 9 * CLUSTER, 0);
    struct fmt_extent extent;
    assert_int_equal(fmt_image_map(image, 6 * CLUSTER, 2 * CLUSTER, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_CODED);
    assert_true(extent.compressed && !extent.has_offset);
    assert_int_equal(fmt_image_map(image, 5 * CLUSTER, CLUSTER, &extent), 0);
    assert_true(extent.kind == FMT_EXTENT_ZERO && extent.zero_allocated);
    assert_int_equal(fmt_image_read(image, 2 * CLUSTER, read, sizeof(read)), 0);
    assert_int_equal(read[0], DATA + 1);
    assert_int_equal(read[CLUSTER], DATA + 3);
    assert_int_equal(read[2 * CLUSTER], 0);
    assert_int_equal(fmt_image_read(image, 6 * CLUSTER, read, CLUSTER + 1), 0);
    assert_memory_equal(read, pattern, CLUSTER);
    assert_int_equal(fmt_image_read(image, 6 * CLUSTER + 4000, read, 1), 0);
    assert_int_equal(read[0], 9);
    fake_world_free(built.world);
}

static void test_corrupt(void **state)
{
    static const struct {
        uint64_t entry;
        bool v2;
        const char *message;
    } rows[] = {
        {(DATA * CLUSTER + 512) | QCOW2_COPIED, false,
         "PLAIN QCOW2_BAD_CLUSTER_OFFSET(20992,16384,2)\n"                                },
        {QCOW2_ZERO,                            true,  "PLAIN QCOW2_ZERO_IN_V2(16384,2)\n"},
    };
    struct fmt_extent extent;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct built built = build(false);
        entry_set(&built, 2, rows[i].entry);
        if (rows[i].v2)
            built.data[7] = 2;
        struct fmt_image *image = driver_open(built.world, "qcow2", built.device, 0);
        assert_int_equal(fmt_image_map(image, 0, 4 * CLUSTER, &extent), 0);
        assert_int_equal(extent.length, 2 * CLUSTER);
        assert_int_equal(fmt_image_map(image, 2 * CLUSTER, CLUSTER, &extent), -FMT_EIO);
        assert_string_equal(built.world->messages, rows[i].message);
        fake_world_free(built.world);
    }
    struct built built = build(false);
    be64_store(built.data + 3 * CLUSTER, L2 * CLUSTER + 512);
    struct fmt_image *image = driver_open(built.world, "qcow2", built.device, 0);
    assert_int_equal(fmt_image_map(image, 0, CLUSTER, &extent), -FMT_EIO);
    assert_int_equal(fmt_image_map(image, 0, CLUSTER, &extent), -FMT_EIO);
    assert_string_equal(built.world->messages, "PLAIN QCOW2_BAD_L2_OFFSET(16896,0)\n");
    fake_world_free(built.world);
}

static void test_subclusters(void **state)
{
    enum { SUB = 512 };
    struct built built = build(true);
    const uint64_t cluster = built.cluster_bytes;
    struct fmt_extent extent;

    (void)state;
    entry_set(&built, 0, DATA * cluster | QCOW2_COPIED);
    entry_set(&built, 1, UINT64_C(0x0000000c00000003)); /* 0, 1 data; 2, 3 zeroes */
    entry_set(&built, 2, 0);
    entry_set(&built, 3, UINT64_C(0x0000000100000000));
    entry_set(&built, 4, DATA * cluster | QCOW2_COPIED);
    entry_set(&built, 5, UINT64_C(0x0000000100000001)); /* data and zeroes at once */
    struct fmt_image *image = driver_open(built.world, "qcow2", built.device, 0);
    extent_check(image, 0, FMT_EXTENT_DATA, 2 * SUB, DATA * cluster);
    extent_check(image, 2 * SUB, FMT_EXTENT_ZERO, 2 * SUB, DATA * cluster + 2 * SUB);
    assert_int_equal(fmt_image_map(image, 4 * SUB, SUB, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_UNALLOCATED);
    extent_check(image, cluster, FMT_EXTENT_ZERO, SUB, 0);
    assert_int_equal(fmt_image_map(image, 2 * cluster, SUB, &extent), -FMT_EIO);
    assert_string_equal(built.world->messages, "PLAIN QCOW2_BAD_L2_ENTRY(65536,2)\n");
    fake_world_free(built.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_subclusters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
