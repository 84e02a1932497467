/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apple Data Compression: items of each kind, and data that is cut short or leads out of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/adc.h"
#include "common/error.h"

static const uint8_t coded[] = {
    0x83, 'a',  'b',  'c', 'd', /* plain */
    0x00, 0x03,                 /* near: 3 bytes, from 4 before */
    0x04, 0x00,                 /* near: 4 bytes, each the one before */
    0x41, 0x00, 0x0a,           /* far: 5 bytes, from 11 before */
    0x80, '!',
};
static const char plain[] = "abcdabcccccabcda!";
enum { PLAIN_BYTES = sizeof(plain) - 1 };

static void test_items(void **state)
{
    char out[PLAIN_BYTES];

    (void)state;
    assert_int_equal(adc_decode(coded, sizeof(coded), out, sizeof(out)), 0);
    assert_memory_equal(out, plain, sizeof(out));
    assert_int_equal(adc_decode(coded, 0, out, 0), 0);
    /* What is behind the end is not looked at, but an item may not lead past it. */
    assert_int_equal(adc_decode(coded, sizeof(coded), out, 4), 0);
    assert_int_equal(adc_decode(coded, sizeof(coded), out, 5), -FMT_EIO);
}

static void test_cut(void **state)
{
    char out[PLAIN_BYTES];

    (void)state;
    for (size_t n = 0; n < sizeof(coded); n++)
        assert_int_equal(adc_decode(coded, n, out, sizeof(out)), -FMT_EIO);
}

static void test_before_start(void **state)
{
    static const uint8_t near[] = {0x80, 'a', 0x00, 0x01}, far[] = {0x80, 'a', 0x40, 0x00, 0x01};
    char out[5];

    (void)state;
    assert_int_equal(adc_decode(near, sizeof(near), out, 4), -FMT_EIO);
    assert_int_equal(adc_decode(far, sizeof(far), out, 5), -FMT_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_before_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
