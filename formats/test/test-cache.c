/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The metadata cache: what is read back, what reaches the device, and failing requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cache.h"
#include "fake-io.h"

enum { DEVICE_BYTES = 6 * FMT_CACHE_PAGE_BYTES, PAGES = 2 };

static uint32_t device_new(struct fake_world *world)
{
    static uint8_t bytes[DEVICE_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 4096);
    return fake_device_add(world, "d", bytes, sizeof(bytes));
}

/* Entries are found wherever they lie, also across pages and past the end. */
static void test_read(void **state)
{
    static const uint64_t offsets[] = {
        0, 1, FMT_CACHE_PAGE_BYTES - 3, 5 * FMT_CACHE_PAGE_BYTES, DEVICE_BYTES - 4, DEVICE_BYTES,
    };
    struct fake_world *world = fake_world_new();
    uint32_t device = device_new(world);
    struct fmt_cache cache;

    (void)state;
    fmt_cache_init(&cache, &world->env, device, PAGES);
    for (unsigned turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < COUNT(offsets); i++) {
            uint64_t cached, direct;
            assert_int_equal(fmt_cache_be64(&cache, offsets[i], &cached), 0);
            assert_int_equal(io_read(&world->env, device, offsets[i], &direct, 8), 0);
            assert_int_equal(cached, be64_load(&direct));
        }
    }
    fake_world_free(world);
}

/* Only changed sectors are written, so that what others write beside them survives. */
static void test_write_beside_data(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = device_new(world);
    const uint8_t entry[4] = {1, 2, 3, 4}, data[512] = {9, 9, 9};
    struct fmt_cache cache;
    uint32_t value;

    (void)state;
    fmt_cache_init(&cache, &world->env, device, PAGES);
    assert_int_equal(fmt_cache_write(&cache, 1022, entry, 4), 0);
    assert_int_equal(io_write(&world->env, device, 1536, data, sizeof(data)), 0);
    assert_int_equal(fmt_cache_write(&cache, 2048, entry, 4), 0);
    for (unsigned page = 1; page < 4; page++)
        assert_int_equal(fmt_cache_be32(&cache, page * FMT_CACHE_PAGE_BYTES, &value), 0);
    assert_memory_equal(world->device[device].data + 1022, entry, 4);
    assert_memory_equal(world->device[device].data + 1536, data, sizeof(data));
    assert_memory_equal(world->device[device].data + 2048, entry, 4);
    assert_int_equal(fmt_cache_write(&cache, DEVICE_BYTES + 512, entry, 4), 0);
    assert_int_equal(fmt_cache_flush(&cache), 0);
    assert_int_equal(world->device[device].size_bytes, DEVICE_BYTES + 1024);
    fmt_cache_drop(&cache);
    assert_int_equal(fmt_cache_be32(&cache, DEVICE_BYTES + 512, &value), 0);
    assert_int_equal(value, 0x01020304);
    fake_world_free(world);
}

/* A page whose writing back failed is kept and written later. */
static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = device_new(world);
    const uint8_t entry[4] = {1, 2, 3, 4};
    struct fmt_cache cache;
    uint32_t value;

    (void)state;
    fmt_cache_init(&cache, &world->env, device, PAGES);
    world->fail_at = world->requests + 1;
    assert_int_equal(fmt_cache_be32(&cache, 0, &value), -FMT_EIO);
    world->fail_at = 0;
    assert_int_equal(fmt_cache_write(&cache, 8, entry, 4), 0);
    world->fail_at = world->requests + 1;
    assert_int_equal(fmt_cache_flush(&cache), -FMT_EIO);
    world->fail_at = 0;
    assert_int_equal(fmt_cache_flush(&cache), 0);
    assert_memory_equal(world->device[device].data + 8, entry, 4);
    assert_int_equal(fmt_cache_be32(&cache, UINT64_MAX - 1, &value), -FMT_EIO);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_write_beside_data),
        cmocka_unit_test(test_failing_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
