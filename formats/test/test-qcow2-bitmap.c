/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: bitmaps copied into an image, and kept up in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "driver-test.h"
#include "qcow2-recount.h"
#include "qcow2/qcow2-write.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { DISK_BYTES = (1 << 20) - 512 };

#define NUMBER(name, value)                                                                        \
    {                                                                                              \
        name, FMT_OPTION_NUMBER, value, NULL                                                       \
    }

static struct fmt_image *open_again(struct fake_world *world, uint32_t device, uint32_t flags)
{
    fake_world_reset(world);
    return driver_open(world, "qcow2", device, flags);
}

/* The only bitmap's first bits, and that it is not in use. */
static uint8_t bitmap_bits(struct fake_world *world, uint32_t device)
{
    const struct qcow2_state *state = open_again(world, device, 0)->state;
    const uint8_t *data = world->device[device].data;

    assert_int_equal(state->bitmap_count, 1);
    assert_int_equal(state->bitmap[0].flags, QCOW2_BITMAP_AUTO);
    assert_int_equal(state->bitmap[0].table_entries, 1);
    uint64_t entry = be64_load(data + state->bitmap[0].table_off);
    return entry ? data[entry] : 0;
}

/* Bitmaps are copied, without bits behind the disk's end, and kept up by later changes. */
static void test_bitmaps(void **state)
{
    static const struct driver_option options[] = {NUMBER("cluster_size", 4096), {0}};
    struct fake_world *world = fake_world_new();
    struct qcow2_bitmap bitmap = {.table_off = 64 << 10,
                                  .table_entries = 1,
                                  .flags = QCOW2_BITMAP_AUTO,
                                  .granularity_bits = 18,
                                  .name = fmt_bytes_of("b")};
    uint8_t table[8], buffer[512] = {1};
    uint32_t device, source_device;

    (void)state;
    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, options, NULL, &source_device), 0);
    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, options, NULL, &device), 0);
    for (unsigned turn = 0; turn < 2; turn++) {
        be64_store(table, turn ? 1 : 0); /* all bits, or none */
        assert_int_equal(io_write(&world->env, source_device, bitmap.table_off, table, 8), 0);
        assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, options, NULL, &device), 0);
        struct fmt_image *source = driver_open(world, "qcow2", source_device, 0);
        struct fmt_image *image =
            driver_open(world, "qcow2", device, FMT_OPEN_WRITABLE | FMT_OPEN_NEW);
        struct qcow2_state *from = source->state;
        from->bitmap = &bitmap;
        from->bitmap_count = 1;
        assert_int_equal(image->driver->bitmaps_check(source, false), 0);
        assert_int_equal(image->driver->bitmaps_copy(image, source, false), 0);
        assert_int_equal(image->driver->finish(image), 0);
        assert_int_equal(bitmap_bits(world, device), turn ? 0xf : 0);
        image = open_again(world, device, FMT_OPEN_WRITABLE);
        assert_int_equal(image->driver->write(image, 1 << 18, buffer, sizeof(buffer)), 0);
        assert_int_equal(image->driver->finish(image), 0);
        assert_int_equal(bitmap_bits(world, device), turn ? 0xf : 2);
        qcow2_recount(world, device, NULL, true);
    }
    bitmap.flags |= QCOW2_BITMAP_IN_USE;
    struct fmt_image *source = driver_open(world, "qcow2", source_device, 0);
    ((struct qcow2_state *)source->state)->bitmap = &bitmap;
    ((struct qcow2_state *)source->state)->bitmap_count = 1;
    assert_true(source->driver->bitmaps_check(source, false) < 0);
    assert_int_equal(source->driver->bitmaps_check(source, true), 0);
    fake_world_free(world);
}

/* A bitmap beside one that records the change that comes before; then its name is taken. */
static void test_bitmaps_beside(void **state)
{
    static const struct driver_option options[] = {NUMBER("cluster_size", 4096), {0}};
    struct fake_world *world = fake_world_new();
    struct qcow2_bitmap bitmap = {.table_off = 64 << 10,
                                  .table_entries = 1,
                                  .flags = QCOW2_BITMAP_AUTO,
                                  .granularity_bits = 18};
    static const char *const names[] = {"a", "bb", "a"};
    uint8_t table[8] = {0}, buffer[512] = {1};
    uint32_t device, source_device;

    (void)state;
    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, options, NULL, &source_device), 0);
    assert_int_equal(io_write(&world->env, source_device, bitmap.table_off, table, 8), 0);
    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, options, NULL, &device), 0);
    for (unsigned i = 0; i < COUNT(names); i++) {
        struct fmt_image *source = driver_open(world, "qcow2", source_device, 0);
        struct fmt_image *image = open_again(world, device, FMT_OPEN_WRITABLE);
        struct qcow2_state *from = source->state;
        bitmap.name = fmt_bytes_of(names[i]);
        from->bitmap = &bitmap;
        from->bitmap_count = 1;
        assert_int_equal(image->driver->write(image, (uint64_t)i << 18, buffer, sizeof(buffer)), 0);
        int r = image->driver->bitmaps_copy(image, source, false);
        assert_int_equal(r, i < 2 ? 0 : -FMT_EINVAL);
        fmt_error_clear(&world->error);
        assert_int_equal(image->driver->finish(image), 0);
        qcow2_recount(world, device, NULL, true);
    }
    const struct qcow2_state *now = open_again(world, device, 0)->state;
    const uint8_t *data = world->device[device].data;
    assert_int_equal(now->bitmap_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t entry = be64_load(data + now->bitmap[i].table_off);
        assert_int_equal(now->bitmap[i].flags, QCOW2_BITMAP_AUTO);
        assert_int_equal(data[entry], i == 0 ? 6 : 4); /* what was written since */
    }
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bitmaps),
        cmocka_unit_test(test_bitmaps_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
