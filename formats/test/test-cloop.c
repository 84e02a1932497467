/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cloop: headers, offsets, blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "driver-test.h"

enum { BLOCK_BYTES = 4096, BLOCKS = 3, FILE_BYTES = 4096 };

/* Block number n is full of the byte n + 1. */
static uint32_t cloop_add(struct fake_world *world)
{
    static uint8_t data[FILE_BYTES], block[BLOCK_BYTES];
    uint64_t at = 136 + (BLOCKS + 1) * 8;

    memcpy(data, "#!/bin/sh\n#V2.0 Format\n", 23);
    be32_store(data + 128, BLOCK_BYTES);
    be32_store(data + 132, BLOCKS);
    for (unsigned i = 0; i < BLOCKS; i++) {
        uLongf bytes = sizeof(data) - at;
        memset(block, (int)i + 1, sizeof(block));
        assert_int_equal(compress(data + at, &bytes, block, sizeof(block)), Z_OK);
        be64_store(data + 136 + (size_t)i * 8, at);
        at += bytes;
    }
    be64_store(data + 136 + (size_t)BLOCKS * 8, at);
    return fake_device_add(world, "cloop", data, at);
}

static void test_probe(void **state)
{
    static const char script[] = "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t "
                                 "iso9660 /dev/cloop $1\n";
    const struct fmt_driver *driver = fmt_driver_find(fmt_bytes_of("cloop"));

    (void)state;
    assert_int_equal(driver->probe((const uint8_t *)script, sizeof(script), fmt_bytes_of("")), 2);
    assert_int_equal(driver->probe((const uint8_t *)"#!/bin/sh\n#V3", 13, fmt_bytes_of("")), 0);
}

static void test_read(void **state)
{
    static uint8_t buffer[BLOCKS * BLOCK_BYTES];
    struct fake_world *world = fake_world_new();
    uint32_t device = cloop_add(world);
    struct fmt_image *image = driver_open(world, "cloop", device, 0);

    (void)state;
    assert_int_equal(image->facts.virtual_bytes, sizeof(buffer));
    assert_int_equal(fmt_image_read(image, 0, buffer, sizeof(buffer)), 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        assert_int_equal(buffer[i * BLOCK_BYTES], i + 1);
        assert_int_equal(buffer[(i + 1) * BLOCK_BYTES - 1], i + 1);
    }
    assert_int_equal(fmt_image_read(image, BLOCK_BYTES - 1, buffer, 2), 0);
    assert_int_equal(buffer[0], 1);
    assert_int_equal(buffer[1], 2);
    /* A stream that is broken, and one that gives less than a block. */
    uint8_t *data = world->device[device].data;
    data[be64_load(data + 144)] ^= 0xff;
    assert_int_equal(fmt_image_read(image, 0, buffer, BLOCK_BYTES), 0);
    assert_int_equal(fmt_image_read(image, BLOCK_BYTES, buffer, 1), -FMT_EIO);
    be32_store(data + 128, 2 * BLOCK_BYTES);
    image = driver_open(world, "cloop", device, 0);
    assert_int_equal(fmt_image_read(image, 0, buffer, 1), -FMT_EIO);
    fake_world_free(world);
}

static void test_refusals(void **state)
{
    static const struct driver_refusal rows[] = {
        {128, 4, 100,        "CLOOP_BLOCK_UNALIGNED(100)"        },
        {128, 4, 0,          "CLOOP_BLOCK_ZERO()"                },
        {128, 4, 0x4000200,  "CLOOP_BLOCK_LARGE(67109376,64)"    },
        {132, 4, UINT32_MAX, "CLOOP_BLOCKS(4294967295,536870911)"},
        {132, 4, 536870911,  "CLOOP_TABLE()"                     },
        {132, 4, 536870910,  "CLOOP_TOO_MANY()"                  },
        {132, 4, 67108863,   "CLOOP_LENGTH(4)"                   },
        {140, 4, 0x10000,    "CLOOP_ORDER(1)"                    },
        {156, 4, 0x9000000,  "CLOOP_LENGTH(2)"                   },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device = cloop_add(world);

    (void)state;
    driver_test_refusals(world, "cloop", device, DRIVER_BIG_ENDIAN, rows, COUNT(rows));
    fake_world_free(world);
}

static void test_broken(void **state)
{
    static const struct driver_field fields[] = {
        {128, 4},
        {132, 4},
        {136, 8},
        {144, 8},
        {160, 8},
        {168, 4},
    };
    static const uint64_t lengths[] = {0, 1, 128, 135, 136, 160, 170};
    struct fake_world *world = fake_world_new();
    uint32_t device = cloop_add(world);

    (void)state;
    driver_test_fields(world, "cloop", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "cloop", device, lengths, COUNT(lengths));
    driver_test_failing_open(world, "cloop", device, 3);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
