/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: tables read ahead say what the cache of tables says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include "qcow2/qcow2-map.h"

enum { CLUSTER = 512, DISK_BYTES = 4 << 20, L2_ENTRIES = CLUSTER / 8 };

static const struct driver_option metadata[] = {
    {"cluster_size",  FMT_OPTION_NUMBER, CLUSTER, NULL      },
    {"preallocation", FMT_OPTION_TEXT,   0,       "metadata"},
    {NULL,            0,                 0,       NULL      }
};

/* An image with all kinds of entries, runs of them, and tables that are not there. */
static uint32_t image_make(struct fake_world *world)
{
    uint32_t device;

    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, metadata, NULL, &device), 0);
    uint8_t *data = world->device[device].data;
    uint8_t *l1 = data + be64_load(data + 40);
    for (unsigned i = 0; i < DISK_BYTES / CLUSTER / L2_ENTRIES; i++) {
        uint8_t *l2 = data + (be64_load(l1 + (size_t)i * 8) & QCOW2_OFFSET_MASK);
        for (unsigned n = 0; n < i % L2_ENTRIES; n++) {
            unsigned at = (n * 7 + i) % L2_ENTRIES;
            be64_store(l2 + (size_t)at * 8, n % 3 == 0 ? 0
                                            : n % 3 == 1
                                                ? QCOW2_ZERO
                                                : be64_load(l2 + (size_t)at * 8) & ~QCOW2_COPIED);
        }
        if (i % 5 == 3)
            be64_store(l1 + (size_t)i * 8, 0);
    }
    return device;
}

/* The extent at each cluster, each cluster for itself; kinds and places as one number. */
static uint64_t at_cluster(struct fmt_image *image, uint64_t offset)
{
    struct fmt_extent extent;

    assert_int_equal(fmt_image_map(image, offset, CLUSTER, &extent), 0);
    assert_int_equal(extent.length, CLUSTER);
    return extent.device_off << 3 | (uint64_t)extent.kind << 1 | extent.has_offset;
}

static void test_ahead(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = image_make(world);
    struct fmt_image *ahead = driver_open(world, "qcow2", device, 0);
    struct fmt_image *cached = driver_open(world, "qcow2", device, FMT_OPEN_WRITABLE);
    struct fmt_extent extent;

    (void)state;
    for (uint64_t at = 0; at < DISK_BYTES; at += CLUSTER)
        assert_int_equal(at_cluster(ahead, at), at_cluster(cached, at));
    for (uint64_t at = DISK_BYTES; at > 0; at -= CLUSTER) /* backwards, too */
        assert_int_equal(at_cluster(ahead, at - CLUSTER), at_cluster(cached, at - CLUSTER));
    for (uint64_t at = 0; at < DISK_BYTES; at += extent.length) {
        assert_int_equal(fmt_image_map(ahead, at, DISK_BYTES - at, &extent), 0);
        uint64_t step = extent.has_offset ? CLUSTER << 3 : 0, first = at_cluster(cached, at);
        for (uint64_t i = 0; i < extent.length / CLUSTER; i++)
            assert_int_equal(at_cluster(cached, at + i * CLUSTER), first + i * step);
    }
    fake_world_free(world);
}

/* Tables that cannot be read fail when they are asked for, not before. */
static void test_failing(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = image_make(world);
    struct fmt_extent extent;

    (void)state;
    for (unsigned n = 1; n < 40; n++) {
        struct fmt_image *image = driver_open(world, "qcow2", device, 0);
        world->fail_at = world->requests + n;
        int r = 0;
        for (uint64_t at = 0; r == 0 && at < DISK_BYTES; at += extent.length)
            r = fmt_image_map(image, at, DISK_BYTES - at, &extent);
        assert_int_equal(r < 0, world->requests >= world->fail_at);
        world->fail_at = 0;
    }
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
