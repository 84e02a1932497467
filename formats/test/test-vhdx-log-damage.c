/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX logs that are torn, damaged, too large, or mean harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vhdx-log-make.h"
#include "vhdx/vhdx-view.h"

/* Logs from which nothing can be told, and those that there is nothing in. */
static void test_damaged(void **state)
{
    static const char *const damaged = "VHDX_LOG_DAMAGED()", *const none = "";
    static const struct {
        uint32_t offset; /* of a number in the log's only entry */
        unsigned bytes;
        uint64_t value;
        bool is_summed; /* the checksum is made right */
        const char *error;
    } rows[] = {
        {4,              4, 1,                false, none   }, /* torn: as if it was not there */
        {0,              4, 0,                true,  none   },
        {8,              4, 3 * SECTOR + 1,   false, none   },
        {8,              4, 2 * MIB,          false, none   },
        {8,              4, 0,                false, none   },
        {8,              4, 2 * SECTOR,       true,  damaged},
        {12,             4, SECTOR,           true,  damaged},
        {12,             4, MIB,              true,  none   },
        {16,             8, 0,                true,  none   },
        {16,             8, 4,                true,  damaged},
        {24,             4, 4,                true,  damaged},
        {24,             4, 0xffffffff,       true,  none   },
        {32,             1, 6,                true,  none   },
        {56,             8, UINT64_MAX,       true,  damaged},
        {64,             4, 0,                true,  damaged},
        {64 + 16,        8, BLOCKS_OFF + 1,   true,  damaged},
        {64 + 16,        8, UINT64_MAX << 12, true,  damaged},
        {64 + 24,        8, 4,                true,  damaged},
        {64 + 64 + 8,    8, 1,                true,  damaged},
        {64 + 64 + 8,    8, UINT64_MAX << 12, true,  damaged},
        {SECTOR,         4, 0,                true,  damaged},
        {SECTOR + 4,     4, 1,                true,  damaged},
        {2 * SECTOR - 4, 4, 4,                true,  damaged},
    };
    static const struct log_change changes[] = {LOG_DATA(BLOCKS_OFF, 1),
                                                LOG_DATA(BLOCKS_OFF + SECTOR, 2),
                                                LOG_ZERO(BLOCK(1), SECTOR), LOG_END};
    struct fake_world *world = fake_world_new();
    uint32_t device;
    uint8_t *data = vhdx_log_image(world, &device);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        vhdx_log_put(data, &(struct log_entry){0, 0, 3, changes});
        uint8_t field[8];
        le64_store(field, rows[i].value);
        memcpy(data + LOG_OFF + rows[i].offset, field, rows[i].bytes);
        if (rows[i].is_summed)
            vhdx_log_sum(data + LOG_OFF, le32_load(data + LOG_OFF + 8));
        fake_world_reset(world);
        struct fmt_image *image = driver_try_open(world, "vhdx", device, 0);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(image != NULL, rows[i].error == none);
        fake_world_reset(world);
        image = driver_try_open(world, "vhdx", device, FMT_OPEN_WRITABLE);
        assert_string_equal(fake_error(world), rows[i].error);
    }
    fake_world_free(world);
}

/* Two entries of the log are torn: some that the file relies on have been lost. */
static void test_lost(void **state)
{
    static const struct log_change *const changes[] = {log_old_data, log_new_data, NULL};
    struct fake_world *world = fake_world_new();
    uint32_t device;
    uint8_t *data = vhdx_log_image(world, &device);

    (void)state;
    vhdx_log_sequence_put(data, 0, changes);
    data[LOG_OFF + SECTOR + 100] ^= 1;
    data[LOG_OFF + 4 * SECTOR + 100] ^= 1;
    assert_null(driver_try_open(world, "vhdx", device, 0));
    assert_string_equal(fake_error(world), "VHDX_LOG_DAMAGED()");
    /* The same entries are nothing to another log. */
    vhdx_log_announce(data, LOG_GUID_BYTE + 1);
    fake_world_reset(world);
    assert_non_null(driver_try_open(world, "vhdx", device, 0));
    fake_world_free(world);
}

static void test_truncated(void **state)
{
    static const struct log_change *const changes[] = {log_new_data, NULL};
    struct fake_world *world = fake_world_new();
    uint32_t device;
    uint8_t *data = vhdx_log_image(world, &device);

    (void)state;
    vhdx_log_sequence_put(data, 0, changes);
    world->device[device].size_bytes -= SECTOR;
    for (unsigned flags = 0; flags <= FMT_OPEN_WRITABLE; flags += FMT_OPEN_WRITABLE) {
        fake_world_reset(world);
        assert_null(driver_try_open(world, "vhdx", device, flags));
        assert_string_equal(fake_error(world), "VHDX_LOG_TRUNCATED(12578816,12582912)");
    }
    fake_world_free(world);
}

/* Larger logs are refused as the reference refuses them all; they can be written. */
static void test_limits(void **state)
{
    static const struct log_change *const changes[] = {log_new_data, NULL};
    static const char refusal[] = "VHDX_LOG(image)<VHDX_LOG_COMMAND(image)<VHDX_LOG_HINT()";
    struct fake_world *world = fake_world_new();
    uint32_t device, count = VHDX_VIEW_CHANGES_MAX + 1, length = (count * 32 / SECTOR + 1) * SECTOR;
    uint8_t *data = vhdx_log_image(world, &device), *entry = data + LOG_OFF;

    (void)state;
    vhdx_log_sequence_put(data, 0, changes);
    le32_store(data + VHDX_HEADER2_OFF + 68, VHDX_VIEW_LOG_BYTES_MAX + MIB);
    vhdx_log_sum(data + VHDX_HEADER2_OFF, VHDX_HEADER_BYTES);
    assert_null(driver_try_open(world, "vhdx", device, 0));
    assert_string_equal(fake_error(world), refusal);
    /* Zeroes without end, in a log that runs over all else. */
    le32_store(data + VHDX_HEADER2_OFF + 68, 4 * MIB);
    vhdx_log_sum(data + VHDX_HEADER2_OFF, VHDX_HEADER_BYTES);
    le32_store(entry + 8, length);
    le32_store(entry + 24, count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *descriptor = entry + 64 + (size_t)i * 32;
        memcpy(descriptor, "zero\0\0\0", 8);
        le64_store(descriptor + 8, SECTOR);
        le64_store(descriptor + 16, BLOCKS_OFF);
        le64_store(descriptor + 24, 100);
    }
    vhdx_log_sum(entry, length);
    fake_world_reset(world);
    assert_null(driver_try_open(world, "vhdx", device, 0));
    assert_string_equal(fake_error(world), refusal);
    fake_world_free(world);
}

/* A log full of entries that all reach around it and are none ends soon. */
static void test_endless(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;
    uint8_t *data = vhdx_log_image(world, &device);

    (void)state;
    for (uint32_t at = 0; at < MIB; at += SECTOR) {
        vhdx_log_put(data, &(struct log_entry){at, at, 1 + at, log_nothing});
        le32_store(data + LOG_OFF + at + 8, MIB);
    }
    fake_world_reset(world);
    assert_null(driver_try_open(world, "vhdx", device, 0));
    assert_string_equal(fake_error(world), "VHDX_LOG_DAMAGED()");
    assert_true(world->requests < 10 * MIB / FMT_CACHE_PAGE_BYTES);
    fake_world_free(world);
}

/* Hostile entries: fields at their edges, with checksums that are right. */
static void entry_fix(uint8_t *data)
{
    uint32_t length = le32_load(data + LOG_OFF + 8);

    vhdx_log_sum(data + LOG_OFF, length && length <= MIB ? length : SECTOR);
}

static void test_fields(void **state)
{
    static const struct driver_field fields[] = {
        {LOG_OFF,                4},
        {LOG_OFF + 8,            4},
        {LOG_OFF + 12,           4},
        {LOG_OFF + 16,           8},
        {LOG_OFF + 24,           4},
        {LOG_OFF + 32,           8},
        {LOG_OFF + 48,           8},
        {LOG_OFF + 56,           8},
        {LOG_OFF + 64,           4},
        {LOG_OFF + 64 + 8,       8},
        {LOG_OFF + 64 + 16,      8},
        {LOG_OFF + 64 + 24,      8},
        {LOG_OFF + 64 + 32 + 16, 8},
        {LOG_OFF + SECTOR,       8},
    };
    struct fake_world *world = fake_world_new();
    uint32_t device;
    uint8_t *data = vhdx_log_image(world, &device);

    (void)state;
    vhdx_log_put(data, &(struct log_entry){0, 0, 3, log_zeroes});
    driver_test_fields(world, "vhdx", device, fields, COUNT(fields), entry_fix, driver_use);
    vhdx_log_put(data, &(struct log_entry){0, 0, 3, log_new_data});
    driver_test_fields(world, "vhdx", device, fields, COUNT(fields), entry_fix, driver_use);
    driver_test_fields(world, "vhdx", device, fields, COUNT(fields), NULL, driver_use);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_lost),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_endless),   cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
