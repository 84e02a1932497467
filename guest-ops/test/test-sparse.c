/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zeroes in data: what need not be written, for all lengths, alignments and offsets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sparse.h"

enum { SECTOR = 512, SECTORS = 64 };

static void test_is_zero(void **state)
{
    uint8_t data[300] = {0};

    (void)state;
    for (size_t length = 0; length <= sizeof(data); length++)
        assert_true(sparse_is_zero(data, length));
    for (size_t at = 0; at < sizeof(data); at++) {
        data[at] = 1;
        assert_true(sparse_is_zero(data, at));
        assert_false(sparse_is_zero(data, at + 1));
        assert_false(sparse_is_zero(data, sizeof(data)));
        data[at] = 0;
    }
}

/* The sectors of a mask as data. */
static void fill(uint8_t *data, uint64_t mask, uint64_t sectors)
{
    memset(data, 0, sectors * SECTOR);
    for (uint64_t i = 0; i < sectors; i++) {
        if (mask >> i & 1)
            data[i * SECTOR + i * 7 % SECTOR] = 1;
    }
}

static uint64_t mask_of(uint64_t first, uint64_t count)
{
    return (count < 64 ? (UINT64_C(1) << count) - 1 : UINT64_MAX) << first;
}

/* Cut a buffer into stretches, and look at each. */
static void check_cuts(const struct sparse *sparse, uint64_t mask, uint64_t sectors,
                       uint64_t offset)
{
    static uint8_t data[SECTORS * SECTOR];
    uint64_t align = sparse->align_bytes / SECTOR, least = sparse->least_bytes / SECTOR;

    fill(data, mask, sectors);
    for (uint64_t at = 0, n; at < sectors; at += n) {
        uint64_t length;
        bool is_data = sparse_data_find(sparse, data + at * SECTOR, (sectors - at) * SECTOR,
                                        offset + at * SECTOR, &length);
        assert_true(length > 0 && length % SECTOR == 0);
        n = length / SECTOR;
        assert_true(n <= sectors - at);
        uint64_t inside = mask & mask_of(at, n);
        if (!is_data) {
            assert_int_equal(inside, 0); /* nothing is lost */
            continue;
        }
        assert_true(inside != 0 || least == 0);
        /* Data ends at a multiple, or with the buffer. */
        assert_true(at + n == sectors || (offset / SECTOR + at + n) % align == 0 || least == 0);
        /* No zeroes within it that are long enough to be left out, whole units of them. */
        uint64_t run = 0;
        for (uint64_t i = at; least > 0 && i < at + n; i++) {
            run = mask >> i & 1 ? 0 : run + 1;
            if (i + 1 < at + n && mask >> (i + 1) & 1)
                assert_true(run < least + 2 * align);
        }
    }
}

static void test_cuts(void **state)
{
    static const uint64_t sectors[] = {1, 7, 8, 9, 31, 64};
    static const uint64_t least[] = {0, 1, 3, 8, 16};

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t any = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
        uint64_t other = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
        uint64_t mask = round % 3 ? any & other & (any >> 7) : any; /* sparse ones, too */
        for (unsigned i = 0; i < 6; i++) {
            const struct sparse sparse = {least[round % 5] * SECTOR,
                                          (UINT64_C(1) << round % 4) * SECTOR};
            check_cuts(&sparse, mask & mask_of(0, sectors[i]), sectors[i], round % 11 * SECTOR);
        }
    }
}

/* The reference's own cuts, seen in the holes that it leaves (4 KiB, the default). */
static void test_known(void **state)
{
    static const struct {
        uint64_t mask, sectors;
        bool is_data;
        uint64_t length;
    } rows[] = {
        {0x0,    64, false, 64},
        {0x1,    64, true,  8 },
        {0x100,  64, false, 8 },
        {0x80,   64, true,  8 }, /* zeroes that share their unit with data */
        {0x101,  64, true,  16},
        {0x8001, 64, true,  16}, /* fewer zeroes than a unit */
        {0x1,    5,  true,  5 },
        {0x0,    5,  false, 5 },
    };
    static const struct sparse sparse = {4096, 4096};
    static uint8_t data[SECTORS * SECTOR];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t length;
        fill(data, rows[i].mask, rows[i].sectors);
        assert_int_equal(sparse_data_find(&sparse, data, rows[i].sectors * SECTOR, 0, &length),
                         rows[i].is_data);
        assert_int_equal(length, rows[i].length * SECTOR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_zero),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
