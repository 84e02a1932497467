/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: the end of new stream optimized extents, as a reader sees it that goes from marker to
 * marker; requests that fail there, and streams that are left as they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include "vmdk/vmdk.h"

enum {
    GRAIN_BYTES = 64 << 10,
    TABLE_GRAINS = VMDK_L2_ENTRIES_MAX,
    TABLES = 40, /* more than the driver keeps before it writes */
    GRAINS = (TABLES - 1) * TABLE_GRAINS + 7,
    DIRECTORY_SECTORS = 1,
    TABLE_SECTORS = TABLE_GRAINS * 4 / 512,
    LAST_GRAIN_BYTES = 512, /* the disk ends within it */
};
#define DISK_BYTES ((GRAINS - 1) * UINT64_C(65536) + LAST_GRAIN_BYTES)

static const struct driver_option stream[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "streamOptimized"},
    {0         }
};

/* Which grains there are: the first two, one in all tables but each third, the last one. */
static bool has_grain(uint32_t grain)
{
    return grain < 2 || (grain / TABLE_GRAINS % 3 != 2 && grain % TABLE_GRAINS == 5) ||
           grain == GRAINS - 1;
}

static bool has_table(uint32_t table)
{
    return table % 3 != 2 || table == TABLES - 1;
}

/* What a grain is full of. */
static uint8_t grain_byte(uint32_t grain)
{
    return (uint8_t)(grain % 251 + 1);
}

static size_t grain_bytes(uint32_t grain)
{
    return grain == GRAINS - 1 ? LAST_GRAIN_BYTES : GRAIN_BYTES;
}

/* A new stream with all of its grains, before its end. */
static struct fmt_image *stream_new(struct fake_world *world, uint32_t flags, uint32_t *device)
{
    static uint8_t buffer[GRAIN_BYTES];

    assert_int_equal(driver_create(world, "vmdk", DISK_BYTES, stream, NULL, device), 0);
    struct fmt_image *image = driver_open(world, "vmdk", *device, FMT_OPEN_WRITABLE | flags);
    for (uint32_t i = 0; i < GRAINS; i++) {
        if (!has_grain(i))
            continue;
        memset(buffer, grain_byte(i), sizeof(buffer));
        assert_int_equal(image->driver->write_compressed(image, (uint64_t)i * GRAIN_BYTES, buffer,
                                                         grain_bytes(i)),
                         0);
    }
    return image;
}

static uint32_t stream_make(struct fake_world *world)
{
    uint32_t device;
    struct fmt_image *image = stream_new(world, FMT_OPEN_NEW, &device);

    assert_int_equal(image->driver->finish(image), 0);
    return device;
}

/* ---- a reader that knows markers alone ---- */

enum marker { END_OF_STREAM, GRAIN_TABLE, GRAIN_DIRECTORY, FOOTER };

struct reader {
    const struct fake_device *device;
    uint64_t at;
    uint32_t grain_sector[GRAINS];
    uint32_t table_sector[TABLES];
    uint64_t directory_sector;
};

static const uint8_t *sector_of(const struct reader *reader, uint64_t sector)
{
    assert_true((sector + 1) * 512 <= reader->device->size_bytes);
    return reader->device->data + sector * 512;
}

/* The next marker is no grain's, and has so many sectors behind it, the first of which is told. */
static uint64_t marker_take(struct reader *reader, enum marker type, uint64_t sectors)
{
    const uint8_t *marker = sector_of(reader, reader->at / 512);
    uint64_t first = reader->at / 512 + 1;

    assert_int_equal(le64_load(marker), sectors);
    assert_int_equal(le32_load(marker + 8), 0);
    assert_int_equal(le32_load(marker + 12), type);
    for (size_t i = 16; i < 512; i++)
        assert_int_equal(marker[i], 0);
    reader->at += (1 + sectors) * 512;
    return first;
}

static void grains_read(struct reader *reader)
{
    for (uint32_t i = 0; i < GRAINS; i++) {
        if (!has_grain(i))
            continue;
        const uint8_t *marker = sector_of(reader, reader->at / 512);
        assert_int_equal(le64_load(marker), (uint64_t)i * (GRAIN_BYTES / 512));
        assert_int_not_equal(le32_load(marker + 8), 0);
        reader->grain_sector[i] = (uint32_t)(reader->at / 512);
        reader->at += round_up_u64(VMDK_MARKER_BYTES + le32_load(marker + 8), 512);
    }
}

/* Tables without grains are left out. */
static void tables_read(struct reader *reader)
{
    for (uint32_t i = 0; i < TABLES; i++) {
        if (!has_table(i))
            continue;
        reader->table_sector[i] = (uint32_t)marker_take(reader, GRAIN_TABLE, TABLE_SECTORS);
        const uint8_t *table = sector_of(reader, reader->table_sector[i]);
        for (uint32_t n = 0; n < TABLE_GRAINS; n++) {
            uint32_t grain = i * TABLE_GRAINS + n;
            uint32_t sector = grain < GRAINS ? reader->grain_sector[grain] : 0;
            assert_int_equal(le32_load(table + (size_t)n * 4), sector);
        }
    }
    reader->directory_sector = marker_take(reader, GRAIN_DIRECTORY, DIRECTORY_SECTORS);
    const uint8_t *directory = sector_of(reader, reader->directory_sector);
    for (uint32_t i = 0; i < 512 / 4; i++)
        assert_int_equal(le32_load(directory + (size_t)i * 4),
                         i < TABLES ? reader->table_sector[i] : 0);
}

static void test_markers(void **state)
{
    struct fake_world *world = fake_world_new();
    struct reader *reader = test_calloc(1, sizeof(*reader));
    uint8_t header[512];

    (void)state;
    reader->device = &world->device[stream_make(world)];
    memcpy(header, reader->device->data, sizeof(header));
    reader->at = le64_load(header + VMDK_OFF_GRAINS) * 512;
    grains_read(reader);
    tables_read(reader);
    uint64_t footer = marker_take(reader, FOOTER, 1);
    marker_take(reader, END_OF_STREAM, 0);
    assert_int_equal(reader->at, reader->device->size_bytes);

    /* The header sends to the footer, which differs in nothing else. There is one directory. */
    assert_int_equal(le64_load(header + VMDK_OFF_DIRECTORY), UINT64_MAX);
    assert_int_equal(le64_load(header + VMDK_OFF_BACKUP_DIRECTORY), 0);
    assert_int_equal(le32_load(header + VMDK_OFF_FLAGS),
                     VMDK_FLAG_NEWLINE_TEST | VMDK_FLAG_COMPRESSED | VMDK_FLAG_MARKERS);
    le64_store(header + VMDK_OFF_DIRECTORY, reader->directory_sector);
    assert_memory_equal(sector_of(reader, footer), header, VMDK_HEADER_BYTES);
    test_free(reader);
    fake_world_free(world);
}

/* ---- through the driver ---- */

/* All grains are there, with what was written. */
static void content_check(struct fmt_image *image)
{
    static uint8_t buffer[GRAIN_BYTES];

    assert_int_equal(image->facts.virtual_bytes, DISK_BYTES);
    for (uint32_t i = 0; i < GRAINS; i++) {
        struct fmt_extent extent;
        uint64_t at = (uint64_t)i * GRAIN_BYTES;
        size_t bytes = grain_bytes(i);
        assert_int_equal(fmt_image_map(image, at, bytes, &extent), 0);
        assert_int_equal(extent.kind == FMT_EXTENT_CODED, has_grain(i));
        if (!has_grain(i))
            continue;
        assert_int_equal(fmt_image_read(image, at, buffer, bytes), 0);
        assert_int_equal(buffer[0], grain_byte(i));
        assert_int_equal(buffer[bytes - 1], grain_byte(i));
    }
}

static void test_read(void **state)
{
    static const uint8_t grain[GRAIN_BYTES];
    struct fake_world *world = fake_world_new();
    struct fmt_check check = {0};
    uint32_t device = stream_make(world);

    (void)state;
    struct fmt_image *image = driver_open(world, "vmdk", device, 0);
    content_check(image);
    assert_string_equal(driver_check(world, image, &check, 0), "");
    assert_int_equal(check.corruptions, 0);
    /* Nothing can follow the footer. */
    image = driver_open(world, "vmdk", device, FMT_OPEN_WRITABLE);
    assert_int_equal(image->driver->write_compressed(image, 2 * GRAIN_BYTES, grain, GRAIN_BYTES),
                     -FMT_ENOTSUP);
    fake_world_free(world);
}

/* What opens after all is whole: the footer is, before the header sends to it. */
static void test_failing(void **state)
{
    bool done = false;
    unsigned refused = 0;

    (void)state;
    for (unsigned n = 1; !done; n++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        struct fmt_image *image = stream_new(world, FMT_OPEN_NEW, &device);
        unsigned before = world->requests;
        world->fail_at = before + n;
        int r = image->driver->finish(image);
        done = world->requests < before + n;
        assert_int_equal(r, done ? 0 : -FMT_EIO);
        world->fail_at = 0;
        image = driver_try_open(world, "vmdk", device, 0);
        if (image)
            content_check(image);
        assert_true(image || !done);
        refused += !image;
        fake_world_free(world);
        assert_true(n < 100);
    }
    assert_true(refused > 5);
}

/* What is not new keeps the tables that it has, and so does what has no grain yet. */
static void test_left_alone(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    struct fmt_image *image = stream_new(world, 0, &device);
    uint8_t header[512];
    memcpy(header, world->device[device].data, sizeof(header));
    assert_int_equal(image->driver->finish(image), 0);
    assert_memory_equal(world->device[device].data, header, sizeof(header));
    assert_non_null(driver_try_open(world, "vmdk", device, 0));

    assert_int_equal(driver_create(world, "vmdk", DISK_BYTES, stream, NULL, &device), 0);
    uint64_t bytes = world->device[device].size_bytes;
    image = driver_open(world, "vmdk", device, FMT_OPEN_WRITABLE | FMT_OPEN_NEW);
    assert_int_equal(image->driver->finish(image), 0);
    assert_int_equal(world->device[device].size_bytes, bytes);
    assert_int_not_equal(le64_load(world->device[device].data + VMDK_OFF_DIRECTORY), UINT64_MAX);
    assert_non_null(driver_try_open(world, "vmdk", device, 0));
    fake_world_free(world);
}

/* The directory has 32 bits for a table's sector. */
static void test_too_far(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    struct fmt_image *image = stream_new(world, FMT_OPEN_NEW, &device);
    struct vmdk_state *vmdk = image->state;
    assert_int_equal(vmdk_pending_flush(image), 0);
    vmdk->extent[0].append.end_off = UINT64_C(1) << 41;
    assert_int_equal(image->driver->finish(image), -FMT_EINVAL);
    assert_null(driver_try_open(world, "vmdk", device, 0));
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markers), cmocka_unit_test(test_read),
        cmocka_unit_test(test_failing), cmocka_unit_test(test_left_alone),
        cmocka_unit_test(test_too_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
