/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: writing, plain, as zeroes and compressed; content IDs that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/append.h"
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

static void test_write(void **state)
{
    (void)state;
    driver_test_write("vmdk", (3 << 20) + 1024, NULL);
    driver_test_write("vmdk", (3 << 20) + 1024, zeroed);
    driver_test_failing_write("vmdk", 3 << 20, NULL);
    driver_test_failing_write("vmdk", 3 << 20, zeroed);
}

static uint32_t cid_of(struct fake_world *world, uint32_t device)
{
    const struct fmt_image *image = driver_open(world, "vmdk", device, 0);
    return ((const struct vmdk_state *)image->state)->cid;
}

/* Both copies of the grain tables say the same. */
static void tables_compare(const struct fake_world *world, uint32_t device)
{
    const uint8_t *data = world->device[device].data;
    const uint8_t *table = data + le64_load(data + VMDK_OFF_DIRECTORY) * 512 + 512;
    const uint8_t *backup = data + le64_load(data + VMDK_OFF_BACKUP_DIRECTORY) * 512 + 512;

    assert_memory_equal(table, backup, 2048);
}

/* A shorter ID makes the text shorter; extents, parent and all else stay. */
static void test_content_id(void **state)
{
    struct fake_world *world = fake_world_new();
    static uint8_t sector[512];
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, NULL, NULL, &device), 0);
    char *id = strstr((char *)world->device[device].data + 512, "CID=");
    memcpy(id, "CID=1\nxy", 8);
    assert_int_equal(cid_of(world, device), 1);
    struct fmt_image *image = driver_open(world, "vmdk", device, FMT_OPEN_WRITABLE);
    assert_int_equal(image->driver->finish(image), 0);
    assert_int_equal(cid_of(world, device), 1);
    image = driver_open(world, "vmdk", device, FMT_OPEN_WRITABLE);
    assert_int_equal(image->driver->write(image, 70000, sector, sizeof(sector)), 0);
    assert_int_equal(image->driver->finish(image), 0);
    assert_int_equal(cid_of(world, device), 0xb8a7a6a5);
    assert_string_equal(fake_info(world, driver_open(world, "vmdk", device, 0)),
                        "create-type=monolithicSparse\ncid=3097994917\nparent-cid=4294967295\n"
                        "extents.-.filename=image\nextents.-.format=\n"
                        "extents.-.virtual-size=1048576\nextents.-.cluster-size=65536\n");
    assert_int_equal(world->device[device].size_bytes, 131072);
    tables_compare(world, device);
    fake_world_free(world);
}

/* A second directory that names no table does not lead into the header. */
static void test_no_backup_table(void **state)
{
    struct fake_world *world = fake_world_new();
    static uint8_t sector[512], header[512];
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, zeroed, NULL, &device), 0);
    uint8_t *data = world->device[device].data;
    memset(data + le64_load(data + VMDK_OFF_BACKUP_DIRECTORY) * 512, 0, 4);
    memcpy(header, data, sizeof(header));
    struct fmt_image *image = driver_open(world, "vmdk", device, FMT_OPEN_WRITABLE);
    assert_int_equal(image->driver->write(image, 0, sector, sizeof(sector)), -FMT_EINVAL);
    assert_int_equal(image->driver->write_zeroes(image, 0, 65536, true), -FMT_EINVAL);
    assert_int_equal(image->driver->finish(image), 0);
    assert_memory_equal(world->device[device].data, header, sizeof(header));
    fake_world_free(world);
}

static void test_flat(void **state)
{
    struct fake_world *world = fake_world_new();
    static uint8_t buffer[1024], back[1024];
    uint32_t device;

    (void)state;
    memset(buffer, 'f', sizeof(buffer));
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, flat, NULL, &device), 0);
    struct fmt_image *image = driver_open(world, "vmdk", device, FMT_OPEN_WRITABLE);
    assert_int_equal(image->driver->write(image, 5120, buffer, sizeof(buffer)), 0);
    assert_int_equal(image->driver->write_zeroes(image, 5120, 512, true), 0);
    assert_int_equal(image->driver->finish(image), 0);
    assert_int_equal(fmt_image_read(image, 5120, back, sizeof(back)), 0);
    assert_int_equal(back[0], 0);
    assert_int_equal(back[512], 'f');
    assert_int_equal(world->device[1].data[5120 + 512], 'f');
    assert_int_equal(world->device[device].size_bytes % 512, 0);
    fake_world_free(world);
}

/* Data on both sides of the border between two extents. */
static void test_split(void **state)
{
    struct fake_world *world = fake_world_new();
    static uint8_t buffer[4096], back[4096];
    const uint64_t border = UINT64_C(2) << 30;
    uint32_t device;

    (void)state;
    memset(buffer, 's', sizeof(buffer));
    assert_int_equal(driver_create(world, "vmdk", border + (1 << 20), split, NULL, &device), 0);
    struct fmt_image *image = driver_open(world, "vmdk", device, FMT_OPEN_WRITABLE);
    assert_int_equal(image->driver->write(image, border - 2048, buffer, sizeof(buffer)), 0);
    assert_int_equal(image->driver->finish(image), 0);
    image = driver_open(world, "vmdk", device, 0);
    assert_int_equal(fmt_image_read(image, border - 2048, back, sizeof(back)), 0);
    assert_memory_equal(back, buffer, sizeof(back));
    assert_int_equal(fmt_image_read(image, border + 2048, back, sizeof(back)), 0);
    assert_int_equal(back[0], 0);
    /* Zeroes over nothing take no room. */
    const uint64_t before[] = {world->device[1].size_bytes, world->device[2].size_bytes};
    image = driver_open(world, "vmdk", device, FMT_OPEN_WRITABLE);
    assert_int_equal(image->driver->write_zeroes(image, border - (8 << 20), 9 << 20, true), 0);
    assert_int_equal(image->driver->finish(image), 0);
    assert_int_equal(world->device[1].size_bytes, before[0]);
    assert_int_equal(world->device[2].size_bytes, before[1]);
    fake_world_free(world);
}

static void test_stream(void **state)
{
    enum { GRAIN = 65536, BYTES = 2 * GRAIN + 1024 };
    struct fake_world *world = fake_world_new();
    static uint8_t buffer[BYTES], back[BYTES];
    uint32_t device;

    (void)state;
    for (size_t i = 0; i < BYTES; i++)
        buffer[i] = (uint8_t)(i * i >> 7);
    assert_int_equal(driver_create(world, "vmdk", BYTES, stream, NULL, &device), 0);
    struct fmt_image *image = driver_open(world, "vmdk", device, FMT_OPEN_WRITABLE);
    const struct fmt_driver *driver = image->driver;
    assert_int_equal(driver->write(image, 512, buffer, 512), -FMT_EINVAL);
    assert_int_equal(driver->write_compressed(image, 0, buffer, GRAIN), 0);
    assert_int_equal(driver->write_compressed(image, GRAIN, buffer + GRAIN, BYTES - GRAIN), 0);
    assert_int_equal(driver->write_compressed(image, 0, buffer, GRAIN), -FMT_EIO);
    assert_string_equal(world->messages, "ERROR VMDK_REWRITE()\n");
    assert_int_equal(driver->finish(image), 0);
    assert_int_equal(world->device[device].size_bytes % 512, 0);
    tables_compare(world, device);
    image = driver_open(world, "vmdk", device, 0);
    assert_int_equal(fmt_image_read(image, 0, back, BYTES), 0);
    assert_memory_equal(back, buffer, BYTES);
    fake_world_free(world);
}

/* A grain that is written in part has the rest from the parent, unless that has changed. */
static void test_parent(void **state)
{
    struct fake_world *world = fake_world_new();
    static uint8_t buffer[65536], sector[512];
    uint32_t base, child;

    (void)state;
    memset(buffer, 'p', sizeof(buffer));
    memset(sector, 'c', sizeof(sector));
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, NULL, NULL, &base), 0);
    struct fmt_image *parent = driver_open(world, "vmdk", base, FMT_OPEN_WRITABLE);
    assert_int_equal(parent->driver->write(parent, 0, buffer, sizeof(buffer)), 0);
    assert_int_equal(parent->driver->finish(parent), 0);
    parent = driver_open(world, "vmdk", base, 0);
    child = fake_device_add(world, "child", NULL, 0);
    struct fmt_create create = {
        .device = child,
        .virtual_bytes = 1 << 20,
        .filename = fmt_bytes_of("child"),
        .options = &(struct fmt_options){NULL, 0},
        .backing_present = true,
        .backing_name = fmt_bytes_of("vmdk"),
        .backing_format = fmt_bytes_of("vmdk")
    };
    assert_int_equal(parent->driver->create(&world->env, &create), 0);
    struct fmt_image *image = driver_open(world, "vmdk", child, FMT_OPEN_WRITABLE);
    image->backing = parent;
    assert_int_equal(image->driver->write(image, 4096, sector, sizeof(sector)), 0);
    assert_int_equal(fmt_image_read(image, 0, buffer, sizeof(buffer)), 0);
    assert_int_equal(buffer[4095], 'p');
    assert_int_equal(buffer[4096], 'c');
    assert_int_equal(buffer[4608], 'p');
    assert_int_equal(buffer[65535], 'p');
    image = driver_open(world, "vmdk", child, FMT_OPEN_WRITABLE);
    image->backing = parent;
    ((struct vmdk_state *)parent->state)->cid++;
    assert_int_equal(image->driver->write(image, 70000, sector, sizeof(sector)), -FMT_EINVAL);
    assert_int_equal(fmt_image_read(image, 70000, sector, sizeof(sector)), -FMT_EINVAL);
    assert_int_equal(fmt_backing_read(image, 70000, sector, sizeof(sector)), -FMT_EINVAL);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_content_id),
        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_parent),
        cmocka_unit_test(test_no_backup_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
