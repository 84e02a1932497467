/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The leaky bucket: waits, bursts, averages; extremes. */
/* clang-format off */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "pace.h"

#define SECOND_NS UINT64_C(1000000000)
#define MIB (UINT64_C(1) << 20)

static void test_waits(void **state)
{
    struct pace pace = {.rate_bytes = MIB};

    (void)state;
    assert_int_equal(pace_wait_ns(&pace, 5 * SECOND_NS), 0); /* nothing has gone yet */
    pace_account(&pace, MIB / 10);
    assert_int_equal(pace_wait_ns(&pace, 5 * SECOND_NS), 0); /* a burst */
    pace_account(&pace, 2 * MIB);
    assert_in_range(pace_wait_ns(&pace, 5 * SECOND_NS), 2 * SECOND_NS - 1000, 2 * SECOND_NS);
    assert_in_range(pace_wait_ns(&pace, 6 * SECOND_NS), SECOND_NS - 1000, SECOND_NS);
    assert_int_equal(pace_wait_ns(&pace, 7 * SECOND_NS), 0);
    /* Idle time is not saved up. */
    assert_int_equal(pace_wait_ns(&pace, 100 * SECOND_NS), 0);
    pace_account(&pace, MIB);
    assert_int_equal(pace_wait_ns(&pace, 100 * SECOND_NS), SECOND_NS - PACE_BURST_NS);
}

/* Whatever the pieces are, it takes as long as the bytes but for the last piece and a burst. */
static void test_average(void **state)
{
    static const uint64_t pieces[] = {512, 4096, 65536, 2 * MIB, 5 * MIB + 512};

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct pace pace = {.rate_bytes = 10 * MIB};
        uint64_t now_ns = SECOND_NS, gone = 0;

        for (; gone < 100 * MIB; gone += pieces[i]) {
            now_ns += pace_wait_ns(&pace, now_ns);
            pace_account(&pace, pieces[i]);
        }
        uint64_t whole_ns = (gone - pieces[i]) * SECOND_NS / (10 * MIB) - PACE_BURST_NS;
        uint64_t took_ns = now_ns - SECOND_NS;
        assert_in_range(took_ns, whole_ns - whole_ns / 100, whole_ns + whole_ns / 100);
    }
}

static void test_extremes(void **state)
{
    struct pace slow = {.rate_bytes = 1}, fast = {.rate_bytes = INT64_MAX}, none = {0};

    (void)state;
    pace_account(&slow, UINT64_MAX);
    assert_int_equal(pace_wait_ns(&slow, 0), UINT64_MAX - PACE_BURST_NS);
    pace_account(&slow, UINT64_MAX);
    assert_int_equal(pace_wait_ns(&slow, 0), UINT64_MAX - PACE_BURST_NS);
    pace_account(&fast, 1 << 30);
    assert_int_equal(pace_wait_ns(&fast, 0), 0);
    pace_account(&none, UINT64_MAX);
    assert_int_equal(pace_wait_ns(&none, 0), 0);
    /* A clock that went back. */
    fast.last_ns = 5;
    assert_int_equal(pace_wait_ns(&fast, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
