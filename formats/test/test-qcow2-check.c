/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: check of clean and of damaged images, of any refcount width, with failing requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include "qcow2/qcow2-check.h"

enum { CLUSTER = 512, DISK_BYTES = 64 << 10 };

static const struct driver_option metadata[] = {
    NUMBER("cluster_size", CLUSTER), TEXT("preallocation", "metadata"), {0}};
static const struct driver_option extended[] = {
    NUMBER("cluster_size", 16384), SWITCH("extended_l2"), TEXT("preallocation", "metadata"), {0}};

/* A place in an image: a table, and bytes from its start. */
enum table { HEADER, L1, L2, REFCOUNT_TABLE, BLOCK };

static uint8_t *table_at(const struct fake_world *world, uint32_t device, enum table table)
{
    uint8_t *data = world->device[device].data;
    uint64_t l1_off = be64_load(data + 40), table_off = be64_load(data + 48);

    switch (table) {
    case L1:
        return data + l1_off;
    case L2:
        return data + (be64_load(data + l1_off) & QCOW2_OFFSET_MASK);
    case REFCOUNT_TABLE:
        return data + table_off;
    case BLOCK:
        return data + be64_load(data + table_off);
    default:
        return data;
    }
}

struct damage {
    enum table table;
    unsigned at;
    unsigned bytes;
    uint64_t value;
    const char *findings;
    unsigned corruptions, leaks;
};

static void damage_check(const struct driver_option *options, const struct damage *row)
{
    struct fake_world *world = fake_world_new();
    struct fmt_check check;
    uint32_t device;

    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, options, NULL, &device), 0);
    uint8_t *at = table_at(world, device, row->table) + row->at;
    for (unsigned i = 0; i < row->bytes; i++)
        at[i] = (uint8_t)(row->value >> 8 * (row->bytes - 1 - i));
    struct fmt_image *image = driver_open(world, "qcow2", device, FMT_OPEN_CHECK);
    assert_string_equal(driver_check(world, image, &check, 0), row->findings);
    assert_int_equal(check.corruptions, row->corruptions);
    assert_int_equal(check.leaks, row->leaks);
    fake_world_free(world);
}

static void test_damage(void **state)
{
    static const struct damage rows[] = {
        {HEADER,         64, 0, 0,                            "",                                               0, 0},
        {L2,             0,  8, 0,                            "QCOW2_CHECK_COUNT(Leaked,5,1,0)\n",              0, 1},
        {L2,             8,  8, UINT64_C(0x8000000000000a00),
         "QCOW2_CHECK_COUNT(ERROR,5,1,2)\nQCOW2_CHECK_COUNT(Leaked,6,1,0)\n",                                   1, 1},
        {L2,             0,  8, 0xa00,                        "QCOW2_CHECK_L2_COPIED(ERROR,2560,1)\n",          1, 0},
        {L2,             0,  8, UINT64_C(0x8000000000000a02), "QCOW2_CHECK_L2_RESERVED(9223372036854778370)\n",
         1,                                                                                                        0},
        {L2,             0,  8, UINT64_C(0x4000000000000a00), "",                                               0, 0},
        {L2,             0,  8, UINT64_C(0x8000000001000000),
         "QCOW2_CHECK_BEHIND_END(16777216,512)\nQCOW2_CHECK_COUNT(Leaked,5,1,0)\n"
         "QCOW2_CHECK_L2_COPIED(ERROR,9223372036871553024,0)\n",                                                2, 1},
        {L1,             0,  8, UINT64_C(0x800),              "QCOW2_CHECK_L1_COPIED(ERROR,0,2048,1)\n",        1, 0},
        {REFCOUNT_TABLE, 8,  8, 1,                            "QCOW2_CHECK_TABLE_RESERVED(1)\n",                1, 0},
        {REFCOUNT_TABLE, 8,  8, 256 * 512,                    "QCOW2_CHECK_BLOCK_OUTSIDE(ERROR,1)\n",           1, 0},
        {REFCOUNT_TABLE, 8,  8, 512,
         "QCOW2_CHECK_BLOCK_COUNT(1,2)\nQCOW2_CHECK_COUNT(ERROR,1,1,2)\n",                                      2, 0},
        {BLOCK,          0,  2, 2,                            "QCOW2_CHECK_COUNT(Leaked,0,2,1)\n",              0, 1},
        {BLOCK,          12, 2, 0,
         "QCOW2_CHECK_COUNT(ERROR,6,0,1)\n"
         "QCOW2_CHECK_L2_COPIED(ERROR,9223372036854778880,0)\n",                                                2, 0},
        {HEADER,         63, 1, 1,
         "QCOW2_CHECK_SNAPSHOT_SHORT(ERROR,0)\nQCOW2_CHECK_SNAPSHOT_L1_OFFSET(,,"
         "5856449707827527683)\n"
         "QCOW2_CHECK_COUNT(ERROR,0,1,2)\n",                                                                    3, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        damage_check(metadata, &rows[i]);
}

static void test_subclusters(void **state)
{
    static const struct damage rows[] = {
        {HEADER, 64, 0, 0,                            "",                                  0, 0},
        {L2,     8,  8, UINT64_MAX,                   "QCOW2_CHECK_BITMAP(81920)\n",       1, 0},
        {L2,     0,  8, 0,                            "QCOW2_CHECK_COUNT(Leaked,5,1,0)\n", 0, 1},
        {L2,     0,  8, UINT64_C(0x4000000000000000),
         "QCOW2_CHECK_COUNT(ERROR,0,1,2)\nQCOW2_CHECK_COUNT(Leaked,5,1,0)\n",              1, 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        damage_check(extended, &rows[i]);
}

/* Every width of refcounts, whole and with a count that is too high. */
static void test_widths(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 64; bits *= 2) {
        const struct driver_option options[] = {NUMBER("cluster_size", CLUSTER),
                                                NUMBER("refcount_bits", bits),
                                                TEXT("preallocation", "metadata"),
                                                {0}};
        const struct damage whole = {HEADER, 64, 0, 0, "", 0, 0};
        damage_check(options, &whole);
        if (bits == 1)
            continue;
        unsigned at = 5 * bits / 8, shift = bits < 8 ? 5 * bits % 8 : 0;
        unsigned width = bits < 8 ? 1 : bits / 8;
        uint64_t others = bits == 2 ? 0x51 : bits == 4 ? 1 : 0;
        const struct damage leak = {BLOCK,
                                    at,
                                    width,
                                    others | UINT64_C(2) << shift,
                                    "QCOW2_CHECK_COUNT(Leaked,5,2,1)\n"
                                    "QCOW2_CHECK_L2_COPIED(ERROR,9223372036854778368,2)\n",
                                    1,
                                    1};
        damage_check(options, &leak);
    }
}

struct highest {
    uint64_t references;
};

static void finding_highest(void *ctx, enum fmt_error_code code, const struct fmt_error_arg *args,
                            unsigned count)
{
    struct highest *highest = ctx;

    if (code == FMT_ERR_QCOW2_CHECK_COUNT && count == 4 && args[3].number > highest->references)
        highest->references = args[3].number;
}

/* More references to one cluster than a narrow count holds. */
static void test_many_references(void **state)
{
    static const struct driver_option options[] = {NUMBER("cluster_size", CLUSTER),
                                                   NUMBER("refcount_bits", 32),
                                                   TEXT("preallocation", "metadata"),
                                                   {0}};
    enum { L1_ENTRIES = 512, L2_ENTRIES = 64 };
    struct fake_world *world = fake_world_new();
    struct highest highest = {0};
    struct fmt_check check = {.finding = finding_highest, .finding_ctx = &highest};
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "qcow2", 16 << 20, options, NULL, &device), 0);
    uint8_t *l1 = table_at(world, device, L1), *l2 = table_at(world, device, L2);
    for (unsigned i = 1; i < L1_ENTRIES; i++)
        memcpy(l1 + (size_t)i * 8, l1, 8);
    for (unsigned i = 1; i < L2_ENTRIES; i++)
        memcpy(l2 + (size_t)i * 8, l2, 8);
    struct fmt_image *image = driver_open(world, "qcow2", device, FMT_OPEN_CHECK);
    assert_int_equal(fmt_image_check(image, &check, 0), 0);
    assert_int_equal(highest.references, L1_ENTRIES * L2_ENTRIES);
    fake_world_free(world);
}

/* Damage, what repairing it mends, and what is wrong afterwards. */
struct repair {
    struct damage damage; /* findings and counts of the second look */
    unsigned fix;
    unsigned corruptions_fixed, leaks_fixed;
};

static void repair_check(const struct repair *row)
{
    const struct damage *damage = &row->damage;
    struct fake_world *world = fake_world_new();
    struct fmt_check check;
    uint32_t device;

    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, metadata, NULL, &device), 0);
    uint8_t *at = table_at(world, device, damage->table) + damage->at;
    for (unsigned i = 0; i < damage->bytes; i++)
        at[i] = (uint8_t)(damage->value >> 8 * (damage->bytes - 1 - i));
    struct fmt_image *image =
        driver_open(world, "qcow2", device, FMT_OPEN_CHECK | FMT_OPEN_WRITABLE);
    driver_check(world, image, &check, row->fix);
    assert_int_equal(check.corruptions_fixed, row->corruptions_fixed);
    assert_int_equal(check.leaks_fixed, row->leaks_fixed);
    assert_string_equal(driver_check(world, image, &check, 0), damage->findings);
    image = driver_open(world, "qcow2", device, FMT_OPEN_CHECK);
    assert_string_equal(driver_check(world, image, &check, 0), damage->findings);
    assert_int_equal(check.corruptions, damage->corruptions);
    assert_int_equal(check.leaks, damage->leaks);
    assert_false(image->facts.dirty);
    fake_world_free(world);
}

static void test_repair(void **state)
{
    enum { ALL = FMT_FIX_LEAKS | FMT_FIX_ERRORS };
    static const struct repair rows[] = {
        {{HEADER, 79, 1, QCOW2_DIRTY, "", 0, 0},             FMT_FIX_LEAKS, 0,   0},
        {{L2, 0, 8, 0, "", 0, 0},                            FMT_FIX_LEAKS, 0,   1},
        {{BLOCK, 0, 2, 2, "", 0, 0},                         FMT_FIX_LEAKS, 0,   1},
        {{L2, 0, 8, 0xa00, "", 0, 0},                        FMT_FIX_LEAKS, 1,   0},
        {{L2, 8, 8, UINT64_C(0x8000000000000a00), "", 0, 0}, ALL,           3,   1},
        {{BLOCK, 12, 2, 0, "", 0, 0},                        ALL,           1,   0},
        {{REFCOUNT_TABLE, 0, 8, 1, "", 0, 0},                ALL,           134, 0},
        {{REFCOUNT_TABLE, 8, 8, 512, "", 0, 0},              ALL,           2,   0},
        {{REFCOUNT_TABLE, 8, 8, 256 * 512, "", 0, 0},        ALL,           2,   0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        repair_check(&rows[i]);
}

/* Repairs with the n-th request failing, for all n: errors, no crash. */
static void test_failing_repair(void **state)
{
    struct highest highest = {0};
    bool failed = true;

    (void)state;
    for (unsigned n = 1; failed; n++) {
        struct fake_world *world = fake_world_new();
        struct fmt_check check = {.finding = finding_highest, .finding_ctx = &highest};
        uint32_t device;
        assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, metadata, NULL, &device), 0);
        be16_store(table_at(world, device, BLOCK) + 12, 0);
        struct fmt_image *image =
            driver_open(world, "qcow2", device, FMT_OPEN_CHECK | FMT_OPEN_WRITABLE);
        world->fail_at = world->requests + n;
        fmt_image_check(image, &check, FMT_FIX_LEAKS | FMT_FIX_ERRORS);
        failed = world->requests >= world->fail_at;
        fake_world_free(world);
    }
}

/* The n-th request fails, for all n: an error each time, then none. */
static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();
    struct highest highest = {0};
    uint32_t device;
    bool failed = true;

    (void)state;
    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, metadata, NULL, &device), 0);
    for (unsigned n = 1; failed; n++) {
        struct fmt_check check = {.finding = finding_highest, .finding_ctx = &highest};
        fake_world_reset(world);
        struct fmt_image *image = driver_open(world, "qcow2", device, FMT_OPEN_CHECK);
        world->fail_at = world->requests + n;
        int r = fmt_image_check(image, &check, 0);
        failed = world->requests >= world->fail_at;
        world->fail_at = 0;
        assert_int_equal(r < 0 || check.check_errors > 0, failed);
    }
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage),         cmocka_unit_test(test_subclusters),
        cmocka_unit_test(test_widths),         cmocka_unit_test(test_many_references),
        cmocka_unit_test(test_failing_io),     cmocka_unit_test(test_repair),
        cmocka_unit_test(test_failing_repair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
