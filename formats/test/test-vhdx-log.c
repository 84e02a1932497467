/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX logs: what is read while a log is not replayed is what is read once it has been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vhdx-log-make.h"
#include "vhdx/vhdx-view.h"

/* The whole disk, as those read it who go by map(). */
static void disk_read(struct fmt_image *image, uint8_t *disk)
{
    for (uint64_t at = 0; at < DISK_BYTES;) {
        struct fmt_extent extent;
        int r = fmt_image_map(image, at, DISK_BYTES - at, &extent);
        assert_int_equal(r, 0);
        memset(disk + at, 0, (size_t)extent.length);
        if (extent.kind == FMT_EXTENT_DATA)
            r = io_read(image->env, extent.device, extent.device_off, disk + at, extent.length);
        else if (extent.kind == FMT_EXTENT_CODED)
            r = fmt_image_read(image, at, disk + at, extent.length);
        assert_int_equal(r, 0);
        at += extent.length;
    }
}

/* The image reads the same before and after its log is written, and before that nothing is. */
static void replays_check(struct fake_world *world, uint32_t device)
{
    struct fake_device *file = &world->device[device];
    uint8_t *before = malloc(file->size_bytes), *unwritten = malloc(DISK_BYTES);
    uint8_t *written = malloc(DISK_BYTES), *whole = malloc(DISK_BYTES);
    uint64_t before_bytes = file->size_bytes;
    struct fmt_check check = {0};
    uint8_t guid[VHDX_GUID_BYTES];

    assert_true(before && unwritten && written && whole);
    memcpy(before, file->data, before_bytes);
    struct fmt_image *image = driver_open(world, "vhdx", device, 0);
    assert_non_null(((struct vhdx_state *)image->state)->view);
    assert_int_equal(image->facts.virtual_bytes, DISK_BYTES);
    memcpy(guid, ((struct vhdx_state *)image->state)->header.data_write_guid, sizeof(guid));
    disk_read(image, unwritten);
    assert_int_equal(fmt_image_read(image, 0, whole, DISK_BYTES), 0);
    assert_memory_equal(unwritten, whole, DISK_BYTES);
    assert_string_equal(driver_check(world, image, &check, 0), "");
    assert_int_equal(check.corruptions + check.corruptions_fixed, 0);
    assert_int_equal(file->size_bytes, before_bytes);
    assert_memory_equal(before, file->data, before_bytes);
    fake_world_reset(world);
    image = driver_open(world, "vhdx", device, FMT_OPEN_WRITABLE);
    assert_true(((struct vhdx_state *)image->state)->log_replayed);
    fake_world_reset(world);
    image = driver_open(world, "vhdx", device, 0);
    assert_null(((struct vhdx_state *)image->state)->view);
    disk_read(image, written);
    assert_memory_equal(unwritten, written, DISK_BYTES);
    assert_memory_equal(((struct vhdx_state *)image->state)->header.data_write_guid, guid,
                        sizeof(guid));
    free(before);
    free(unwritten);
    free(written);
    free(whole);
}

static void test_sequences(void **state)
{
    static const struct log_change *const rows[][4] = {
        {log_old_data, NULL,         NULL,         NULL},
        {log_nothing,  NULL,         NULL,         NULL},
        {log_old_data, log_new_data, NULL,         NULL},
        {log_zeroes,   log_old_data, NULL,         NULL},
        {log_old_data, log_zeroes,   NULL,         NULL},
        {log_old_data, log_nothing,  log_zeroes,   NULL},
        {log_zeroes,   log_new_data, log_old_data, NULL},
    };
    static const uint32_t starts[] = {0, SECTOR, MIB - SECTOR, MIB - 2 * SECTOR, MIB - 6 * SECTOR};

    (void)state;
    for (size_t i = 0; i < COUNT(rows) * COUNT(starts); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        uint8_t *data = vhdx_log_image(world, &device);
        vhdx_log_sequence_put(data, starts[i % COUNT(starts)], rows[i / COUNT(starts)]);
        replays_check(world, device);
        fake_world_free(world);
    }
}

/* Tables that only the log has: the file has something else in their place. */
static void test_tables(void **state)
{
    static const uint64_t places[] = {VHDX_REGIONS1_OFF, BAT_OFF, METADATA_OFF,
                                      METADATA_OFF + VHDX_TABLE_BYTES};
    static uint8_t sector[COUNT(places)][SECTOR];
    struct log_change tables[COUNT(places) + 1] = {0};
    const struct log_change *const changes[] = {tables, NULL};
    struct fake_world *world = fake_world_new();
    uint32_t device;
    uint8_t *data = vhdx_log_image(world, &device), *disk = malloc(DISK_BYTES);

    (void)state;
    for (size_t i = 0; i < COUNT(places); i++) {
        memcpy(sector[i], data + places[i], SECTOR);
        memset(data + places[i], 0xa5, SECTOR);
        tables[i] = (struct log_change){places[i], 0, sector[i], 0};
    }
    vhdx_log_sequence_put(data, MIB - 3 * SECTOR, changes);
    disk_read(driver_open(world, "vhdx", device, 0), disk);
    assert_int_equal(disk[5 * MIB + SECTOR], 5 * 32 + 1);
    replays_check(world, device);
    free(disk);
    fake_world_free(world);
}

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % sides;
}

/* Changes that cover each other in all ways. */
static void test_many(void **state)
{
    enum { ENTRIES = 3, ENTRY_CHANGES = 130, PLACES = 4 * MIB / SECTOR };
    static struct log_change change[ENTRIES][ENTRY_CHANGES + 1];
    const struct log_change *const changes[] = {change[0], change[1], change[2], NULL};
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        uint8_t *data = vhdx_log_image(world, &device);
        for (size_t i = 0; i < ENTRIES * ENTRY_CHANGES; i++) {
            uint64_t place = dice(&seed, PLACES), most = min_u64(PLACES - place, 60);
            uint64_t zero_bytes = dice(&seed, 3) ? (1 + dice(&seed, (uint32_t)most)) * SECTOR : 0;
            change[i / ENTRY_CHANGES][i % ENTRY_CHANGES] = (struct log_change){
                BLOCKS_OFF + place * SECTOR, zero_bytes, NULL, (uint8_t)dice(&seed, 256)};
        }
        vhdx_log_sequence_put(data, dice(&seed, 256) * SECTOR, changes);
        replays_check(world, device);
        fake_world_free(world);
    }
}

/* What the disk has at the sectors that log_old_data, log_new_data and the like change. */
static void sector_check(struct fake_world *world, uint32_t device, uint64_t offset, uint8_t fill)
{
    struct fmt_image *image = driver_open(world, "vhdx", device, 0);
    uint8_t found[SECTOR], expected[SECTOR];

    memset(expected, fill, sizeof(expected));
    assert_int_equal(fmt_image_read(image, offset, found, sizeof(found)), 0);
    assert_memory_equal(found, expected, sizeof(found));
}

/* Entries before the tail have been replayed already; what is torn was not written yet. */
static void test_bounds(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device, second, end;
    uint8_t *data = vhdx_log_image(world, &device);

    (void)state;
    second = vhdx_log_put(data, &(struct log_entry){0, 0, 1, log_old_data});
    end = vhdx_log_put(data, &(struct log_entry){second, second, 2, log_new_data});
    sector_check(world, device, 8 * SECTOR, 0x08);
    sector_check(world, device, 9 * SECTOR, 0x21);
    vhdx_log_put(data, &(struct log_entry){end, 0, 3, log_old_data});
    sector_check(world, device, 8 * SECTOR, 0x11);
    sector_check(world, device, 9 * SECTOR, 0x12);
    data[LOG_OFF + end + 2 * SECTOR] ^= 1;
    sector_check(world, device, 9 * SECTOR, 0x21);
    replays_check(world, device);
    fake_world_free(world);
}

/* The sequence that ends with the highest number counts, wherever it lies, and has no gaps. */
static void test_numbers(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device, second;
    uint8_t *data = vhdx_log_image(world, &device);

    (void)state;
    second = vhdx_log_put(data, &(struct log_entry){0, 0, 5, log_old_data});
    vhdx_log_put(data, &(struct log_entry){second, 0, 7, log_new_data});
    sector_check(world, device, 9 * SECTOR, 0x12);
    vhdx_log_put(data, &(struct log_entry){second, second, 7, log_new_data});
    sector_check(world, device, 8 * SECTOR, 0x08);
    sector_check(world, device, 9 * SECTOR, 0x21);
    vhdx_log_put(data, &(struct log_entry){second, second, 3, log_new_data});
    sector_check(world, device, 8 * SECTOR, 0x11);
    sector_check(world, device, 9 * SECTOR, 0x12);
    /* One that reaches around the ring into the first one cannot follow it. */
    vhdx_log_put(data, &(struct log_entry){second, 0, 6, log_zeroes});
    sector_check(world, device, 9 * SECTOR, 0x00);
    le32_store(data + LOG_OFF + second + 8, MIB);
    vhdx_log_ring_sum(data, second, MIB);
    sector_check(world, device, 9 * SECTOR, 0x12);
    fake_world_free(world);
}

/* Where bytes lie that the log does not change, the host may copy them; the rest is cut out. */
static void test_map(void **state)
{
    static uint8_t sector[SECTOR];
    const struct log_change change[] = {
        {BLOCK(0) + 2 * SECTOR, 0, sector, 0},
        LOG_ZERO(BLOCK(0) + 5 * SECTOR, 2 * SECTOR),
        LOG_END
    };
    static const struct {
        uint64_t offset, length;
        enum fmt_extent_kind kind;
    } rows[] = {
        {0,                2 * SECTOR,           FMT_EXTENT_DATA },
        {SECTOR + 512,     SECTOR - 512,         FMT_EXTENT_DATA },
        {2 * SECTOR,       SECTOR,               FMT_EXTENT_CODED},
        {2 * SECTOR + 512, SECTOR - 512,         FMT_EXTENT_CODED},
        {3 * SECTOR,       2 * SECTOR,           FMT_EXTENT_DATA },
        {5 * SECTOR,       2 * SECTOR,           FMT_EXTENT_ZERO },
        {7 * SECTOR,       3 * MIB - 7 * SECTOR, FMT_EXTENT_DATA },
    };
    struct fake_world *world = fake_world_new();
    uint8_t *data, part[2 * SECTOR];
    uint32_t device;

    (void)state;
    data = vhdx_log_image(world, &device);
    for (size_t i = 0; i < sizeof(sector); i++)
        sector[i] = (uint8_t)(i * 7 + i / 256);
    vhdx_log_put(data, &(struct log_entry){0, 0, 1, change});
    struct fmt_image *image = driver_open(world, "vhdx", device, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fmt_extent extent;
        assert_int_equal(fmt_image_map(image, rows[i].offset, DISK_BYTES - rows[i].offset, &extent),
                         0);
        assert_int_equal(extent.kind, rows[i].kind);
        assert_int_equal(extent.length, rows[i].length);
        if (extent.kind == FMT_EXTENT_DATA)
            assert_int_equal(extent.device_off, BLOCK(0) + rows[i].offset);
    }
    assert_int_equal(fmt_image_read(image, 2 * SECTOR + 512, part, 1024), 0);
    assert_memory_equal(part, sector + 512, 1024);
    assert_int_equal(fmt_image_read(image, 2 * SECTOR + 512, part, SECTOR), 0);
    assert_memory_equal(part, sector + 512, SECTOR - 512);
    assert_int_equal(part[SECTOR - 1], 3);
    fake_world_free(world);
}

/* The log tells of a file that is longer than it is: the rest is zeroes. */
static void test_growth(void **state)
{
    static const struct log_change *const changes[] = {log_new_data, NULL};
    struct fake_world *world = fake_world_new();
    uint32_t device;
    uint8_t *data = vhdx_log_image(world, &device);
    struct fake_device *file = &world->device[device];

    (void)state;
    file->size_bytes = BLOCK(3) + 5 * SECTOR;
    vhdx_log_sequence_put(data, 0, changes);
    le64_store(data + LOG_OFF + 48, BLOCK(3));
    le64_store(data + LOG_OFF + 56, FILE_BYTES - SECTOR);
    vhdx_log_sum(data + LOG_OFF, 4 * SECTOR);
    sector_check(world, device, 5 * MIB + 4 * SECTOR, 5 * 32 + 4);
    sector_check(world, device, 5 * MIB + 5 * SECTOR, 0);
    sector_check(world, device, 6 * MIB - SECTOR, 0);
    replays_check(world, device);
    assert_int_equal(file->size_bytes, FILE_BYTES);
    /* One that is longer stays so. */
    vhdx_log_announce(data = file->data, LOG_GUID_BYTE);
    le64_store(data + LOG_OFF + 56, BLOCK(3));
    vhdx_log_sum(data + LOG_OFF, 4 * SECTOR);
    replays_check(world, device);
    assert_int_equal(file->size_bytes, FILE_BYTES);
    fake_world_free(world);
}

static void test_failing_io(void **state)
{
    static const struct log_change *const changes[] = {log_old_data, log_zeroes, log_new_data,
                                                       NULL};
    struct fake_world *world = fake_world_new();
    uint32_t device;
    uint8_t *data = vhdx_log_image(world, &device);

    (void)state;
    vhdx_log_sequence_put(data, MIB - 2 * SECTOR, changes);
    driver_test_failing_open(world, "vhdx", device, 40);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences), cmocka_unit_test(test_tables),
        cmocka_unit_test(test_many),      cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_map),
        cmocka_unit_test(test_growth),    cmocka_unit_test(test_failing_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
