/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: mending the table of internal snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include "qcow2/qcow2-check.h"

enum {
    CLUSTER = 512,
    DISK_BYTES = 64 << 10,
    ALL = FMT_FIX_LEAKS | FMT_FIX_ERRORS,
    ENTRIES = 2,
    KNOWN_BYTES = 24,
    TABLE_BYTES = 16 << 10, /* room for the table */
};

static const struct driver_option options[] = {NUMBER("cluster_size", CLUSTER), {0}};

/* An entry of a snapshot without clusters, named by a letter; its extra data counts up. */
static size_t entry_make(uint8_t *at, char name, uint32_t extra_bytes, uint32_t told_bytes)
{
    uint8_t *extra = at + QCOW2_SNAPSHOT_HEAD_BYTES;

    be16_store(at + 12, 1);
    be16_store(at + 14, 1);
    be32_store(at + 16, 1234567);
    be32_store(at + 32, 77);
    be32_store(at + 36, told_bytes);
    for (uint32_t i = 0; i < extra_bytes; i++)
        extra[i] = (uint8_t)(i < KNOWN_BYTES ? 0 : i);
    extra[extra_bytes] = (uint8_t)(name - 'a' + '1');
    extra[extra_bytes + 1] = (uint8_t)name;
    return (size_t)round_up_u64(QCOW2_SNAPSHOT_HEAD_BYTES + extra_bytes + 2, 8);
}

/* An image whose table, at its end, has two entries, the first with that much extra data. */
static uint32_t image_make(struct fake_world *world, uint32_t extra_bytes, uint32_t told_bytes)
{
    uint32_t device;

    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, options, NULL, &device), 0);
    const struct fake_device *old = &world->device[device];
    uint64_t table_off = round_up_u64(old->size_bytes, CLUSTER);
    uint8_t *data = test_calloc(1, table_off + TABLE_BYTES);
    memcpy(data, old->data, old->size_bytes);
    size_t length = entry_make(data + table_off, 'a', extra_bytes, told_bytes);
    entry_make(data + table_off + length, 'b', KNOWN_BYTES, KNOWN_BYTES);
    be32_store(data + QCOW2_SNAPSHOT_COUNT_OFF, ENTRIES);
    be64_store(data + QCOW2_SNAPSHOT_COUNT_OFF + 4, table_off);
    device = fake_device_add(world, "snapshots", data, table_off + TABLE_BYTES);
    test_free(data);
    return device;
}

static const struct {
    uint32_t extra_bytes, told_bytes; /* of the first entry */
    const char *findings;             /* apart from those about clusters, which come later */
    uint32_t entries;                 /* that are left */
    uint32_t kept_bytes;              /* of the first one's extra data */
} tables[] = {
    {24,   24,         "",                                                2, 24  },
    {1024, 1024,       "",                                                2, 1024},
    {16,   16,         "",                                                2, 16  },
    {0,    0,          "QCOW2_CHECK_SNAPSHOT_SHORT(Repairing,0)\n",       2, 24  },
    {15,   15,         "QCOW2_CHECK_SNAPSHOT_SHORT(Repairing,0)\n",       2, 24  },
    {1025, 1025,       "QCOW2_CHECK_SNAPSHOT_EXTRA(0,1025,1024)\n",       2, 1024},
    {9000, 9000,       "QCOW2_CHECK_SNAPSHOT_EXTRA(0,9000,1024)\n",       2, 1024},
    {24,   UINT32_MAX, "QCOW2_CHECK_SNAPSHOT_EXTRA(0,4294967295,1024)\n", 0, 0   },
};

static void test_mend(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tables); i++) {
        struct fake_world *world = fake_world_new();
        struct fmt_check check;
        uint32_t device = image_make(world, tables[i].extra_bytes, tables[i].told_bytes);
        struct fmt_image *image =
            driver_open(world, "qcow2", device, FMT_OPEN_CHECK | FMT_OPEN_WRITABLE);
        const char *findings = driver_check(world, image, &check, ALL);
        assert_memory_equal(findings, tables[i].findings, strlen(tables[i].findings));
        assert_int_equal(check.corruptions, 0);
        image = driver_open(world, "qcow2", device, FMT_OPEN_CHECK);
        assert_string_equal(driver_check(world, image, &check, 0), "");
        image = driver_open(world, "qcow2", device, 0);
        assert_int_equal(image->facts.snapshot_count, tables[i].entries);
        const uint8_t *data = world->device[device].data;
        const uint8_t *table = data + be64_load(data + QCOW2_SNAPSHOT_COUNT_OFF + 4);
        for (uint32_t n = 0; n < tables[i].entries; n++) {
            struct fmt_snapshot snapshot;
            assert_int_equal(qcow2_snapshot_get(image, n, &snapshot), 0);
            assert_int_equal(snapshot.name.data[0], 'a' + n);
            assert_int_equal(snapshot.id.data[0], '1' + n);
            assert_int_equal(snapshot.date_seconds, 1234567);
        }
        if (tables[i].entries > 0)
            assert_int_equal(be32_load(table + 36), tables[i].kept_bytes);
        for (uint32_t n = KNOWN_BYTES; n < tables[i].kept_bytes; n++)
            assert_int_equal(table[QCOW2_SNAPSHOT_HEAD_BYTES + n], (uint8_t)n);
        fake_world_free(world);
    }
}

static void finding_ignore(void *ctx, enum fmt_error_code code, const struct fmt_error_arg *args,
                           unsigned count)
{
    (void)ctx, (void)code, (void)args, (void)count;
}

/* Not without being asked: each is told, none is changed. */
static void test_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tables); i++) {
        struct fake_world *world = fake_world_new();
        struct fmt_check check = {.finding = finding_ignore};
        uint32_t device = image_make(world, tables[i].extra_bytes, tables[i].told_bytes);
        struct fmt_image *image = driver_open(world, "qcow2", device, FMT_OPEN_CHECK);
        bool too_long = tables[i].told_bytes > QCOW2_SNAPSHOT_EXTRA_BYTES_MAX;
        assert_int_equal(fmt_image_check(image, &check, 0), too_long ? -FMT_EFBIG : 0);
        assert_int_equal(check.check_errors, too_long);
        assert_int_equal(check.corruptions_fixed, 0);
        fake_world_free(world);
    }
}

/* The n-th request fails, for all n: whatever is left, a second repair makes it whole. */
static void test_failing_mend(void **state)
{
    bool failed = true;

    (void)state;
    for (unsigned n = 1; failed; n++) {
        struct fake_world *world = fake_world_new();
        struct fmt_check check = {.finding = finding_ignore};
        uint32_t device = image_make(world, 1100, 1100);
        struct fmt_image *image =
            driver_open(world, "qcow2", device, FMT_OPEN_CHECK | FMT_OPEN_WRITABLE);
        world->fail_at = world->requests + n;
        fmt_image_check(image, &check, ALL);
        failed = world->requests >= world->fail_at;
        world->fail_at = 0;
        fake_world_reset(world);
        image = driver_open(world, "qcow2", device, FMT_OPEN_CHECK | FMT_OPEN_WRITABLE);
        check = (struct fmt_check){.finding = finding_ignore};
        assert_int_equal(fmt_image_check(image, &check, ALL), 0);
        fake_world_reset(world);
        image = driver_open(world, "qcow2", device, FMT_OPEN_CHECK);
        assert_string_equal(driver_check(world, image, &check, 0), "");
        assert_int_equal(image->facts.snapshot_count, ENTRIES);
        fake_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mend),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_failing_mend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
