/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How large new images would be: raw and qcow2. */
#include "driver-test.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define KIB UINT64_C(1024)
#define GIB (UINT64_C(1) << 30)

enum { OPTIONS_MAX = 3, ASKED_CLUSTER = 65536 };

/* What the counter of allocated bytes is asked, and says. */
struct counter {
    uint64_t cluster_bytes, bytes;
    int status;
};

static int count(void *ctx, uint64_t cluster_bytes, uint64_t *bytes)
{
    struct counter *counter = ctx;

    counter->cluster_bytes = cluster_bytes;
    *bytes = counter->bytes;
    return counter->status;
}

static int measure(struct fake_world *world, const char *format, const struct fmt_option *option,
                   struct fmt_measure *measure)
{
    struct fmt_options options = {option, 0};

    while (options.count < OPTIONS_MAX && option[options.count].name.length)
        options.count++;
    measure->options = &options;
    return fmt_driver_find(fmt_bytes_of(format))->measure(&world->env, measure);
}

static void test_raw(void **state)
{
    static const uint64_t sizes[][2] = {
        {0,       0  },
        {1,       512},
        {512,     512},
        {1 * GIB, GIB},
    };
    static const struct fmt_option none[OPTIONS_MAX];
    struct fake_world *world = fake_world_new();

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct fmt_measure m = {.virtual_bytes = sizes[i][0]};
        assert_int_equal(measure(world, "raw", none, &m), 0);
        assert_int_equal(m.required_bytes, sizes[i][1]);
        assert_int_equal(m.fully_allocated_bytes, sizes[i][1]);
        assert_false(m.has_bitmaps);
    }
    fake_world_free(world);
}

static const struct fmt_option none[OPTIONS_MAX];
static const struct fmt_option small[OPTIONS_MAX] = {
    {{"cluster_size", 12}, FMT_OPTION_NUMBER, 512, {"", 0}},
};
static const struct fmt_option odd[OPTIONS_MAX] = {
    {{"cluster_size", 12}, FMT_OPTION_NUMBER, 513, {"", 0}},
};
static const struct fmt_option extended[OPTIONS_MAX] = {
    {{"extended_l2", 11},  FMT_OPTION_BOOL,   1,    {"", 0}},
    {{"cluster_size", 12}, FMT_OPTION_NUMBER, 4096, {"", 0}},
};
static const struct fmt_option full[OPTIONS_MAX] = {
    {{"preallocation", 13}, FMT_OPTION_TEXT, 0, {"full", 4}},
};
static const struct fmt_option wrong[OPTIONS_MAX] = {
    {{"preallocation", 13}, FMT_OPTION_TEXT, 0, {"Full", 4}},
};
static const struct fmt_option v4[OPTIONS_MAX] = {
    {{"compat", 6}, FMT_OPTION_TEXT, 0, {"v3", 2}},
};
static const struct fmt_option narrow[OPTIONS_MAX] = {
    {{"compat", 6},         FMT_OPTION_TEXT,   0, {"0.10", 4}},
    {{"refcount_bits", 13}, FMT_OPTION_NUMBER, 1, {"", 0}    },
};
static const struct fmt_option width[OPTIONS_MAX] = {
    {{"refcount_bits", 13}, FMT_OPTION_NUMBER, 3, {"", 0}},
};
static const struct fmt_option luks[OPTIONS_MAX] = {
    {{"encrypt.format", 14},     FMT_OPTION_TEXT, 0, {"luks", 4}},
    {{"encrypt.key-secret", 18}, FMT_OPTION_TEXT, 0, {"s", 1}   },
};
static const struct fmt_option no_key[OPTIONS_MAX] = {
    {{"encrypt.format", 14}, FMT_OPTION_TEXT, 0, {"luks", 4}},
};

static void test_qcow2(void **state)
{
    static const struct {
        const struct fmt_option *option;
        uint64_t bytes, required, full;
        const char *error;
    } rows[] = {
        {none,     0,             196608,     196608,       ""                              },
        {none,     GIB,           393216,     1074135040,   ""                              },
        {full,     GIB,           1074135040, 1074135040,   ""                              },
        {luks,     GIB,           2490368,    1076232192,   ""                              },
        {small,    128 * GIB,     2737157632, 140176111104, ""                              },
        {small,    128 * GIB + 1, 0,          0,            "QCOW2_MEASURE_TOO_LARGE()"     },
        {odd,      GIB,           0,          0,            "QCOW2_CREATE_CLUSTER(512,2048)"},
        {extended, GIB,           0,          0,            "QCOW2_CREATE_L2_CLUSTER(16384)"},
        {wrong,    GIB,           0,          0,            "BAD_VALUE(Full)"               },
        {v4,       GIB,           0,          0,            "QCOW2_MEASURE_COMPAT(v3)"      },
        {narrow,   GIB,           0,          0,            "QCOW2_MEASURE_WIDTH_VERSION()" },
        {width,    GIB,           0,          0,            "QCOW2_CREATE_WIDTH()"          },
        {no_key,   GIB,           0,          0,            "CRYPTO_KEY_SECRET(encrypt.)"   },
    };
    struct fake_world *world = fake_world_new();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fmt_measure m = {.virtual_bytes = rows[i].bytes};
        fake_world_reset(world);
        int r = measure(world, "qcow2", rows[i].option, &m);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        assert_int_equal(m.required_bytes, rows[i].required);
        assert_int_equal(m.fully_allocated_bytes, rows[i].full);
        assert_false(m.has_bitmaps);
    }
    fake_world_free(world);
}

/* With a source: its size, its data in the target's clusters, and whether it can have bitmaps. */
static void test_source(void **state)
{
    struct fake_world *world = fake_world_new();
    struct counter counter = {.bytes = 128 * KIB};
    struct fmt_measure m = {.virtual_bytes = 7, .allocated = count, .ctx = &counter};
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "qcow2", 10 << 20, NULL, NULL, &device), 0);
    m.source = driver_open(world, "qcow2", device, 0);
    assert_int_equal(measure(world, "qcow2", none, &m), 0);
    assert_int_equal(counter.cluster_bytes, ASKED_CLUSTER);
    assert_int_equal(m.fully_allocated_bytes - m.required_bytes, (10 << 20) - 128 * KIB);
    assert_true(m.has_bitmaps);
    assert_int_equal(m.bitmaps_bytes, 0);
    counter.status = -FMT_EIO;
    assert_int_equal(measure(world, "qcow2", none, &m), -FMT_EIO);
    counter = (struct counter){0};
    assert_int_equal(measure(world, "raw", none, &m), 0);
    assert_int_equal(m.required_bytes, 10 << 20);
    assert_int_equal(counter.cluster_bytes, 0);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_qcow2),
        cmocka_unit_test(test_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
