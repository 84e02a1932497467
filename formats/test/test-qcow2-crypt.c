/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: encrypted images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include "qcow2/qcow2.h"

enum { CLUSTER_BYTES = 4096, LUKS_OFF = 4 * CLUSTER_BYTES, DISK_BYTES = 1 << 20 };

#define SMALL                                                                                      \
    {                                                                                              \
        "cluster_size", FMT_OPTION_NUMBER, CLUSTER_BYTES, NULL                                     \
    }
#define QUICK                                                                                      \
    {                                                                                              \
        "encrypt.iter-time", FMT_OPTION_NUMBER, 0, NULL                                            \
    }

static const struct driver_option luks[] = {
    TEXT("encrypt.format", "luks"), TEXT("encrypt.key-secret", "s"), QUICK, SMALL, {0}};
static const struct driver_option aes[] = {
    TEXT("encrypt.format", "aes"), TEXT("encrypt.key-secret", "s"), SMALL, {0}};

static uint32_t image_make(struct fake_world *world, const struct driver_option *options)
{
    uint32_t device;

    if (driver_create(world, "qcow2", DISK_BYTES, options, NULL, &device) < 0)
        fail_msg("create: %s", fake_error(world));
    return device;
}

static void test_create(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = image_make(world, luks);
    const uint8_t *data = world->device[device].data;

    (void)state;
    assert_int_equal(be32_load(data + 32), 2);
    assert_int_equal(be32_load(data + 112), QCOW2_EXT_CRYPTO);
    assert_int_equal(be64_load(data + 120), LUKS_OFF);
    assert_int_equal(be64_load(data + 128), 2068480);
    assert_memory_equal(data + LUKS_OFF, "LUKS\xba\xbe\0\1", 8);
    struct fmt_image *image = driver_open(world, "qcow2", device, 0);
    const struct qcow2_state *s = image->state;
    assert_true(image->facts.encrypted);
    assert_non_null(s->volume);
    assert_int_equal(qcow2_crypt_off(s, 512, 4096), 4096);
    assert_non_null(strstr(fake_info(world, image), "encrypt.format=luks\n"));
    assert_non_null(strstr(fake_info(world, image), "encrypt.cipher-alg=aes-256\n"));
    image = driver_open(world, "qcow2", device, FMT_OPEN_NO_DATA);
    assert_null(((const struct qcow2_state *)image->state)->volume);
    fake_world_free(world);
}

static void test_create_aes(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = image_make(world, aes);
    struct fmt_image *image = driver_open(world, "qcow2", device, 0);
    const struct qcow2_state *s = image->state;

    (void)state;
    assert_int_equal(be32_load(world->device[device].data + 32), 1);
    assert_non_null(s->volume);
    assert_int_equal(qcow2_crypt_off(s, 512, 4096), 512);
    assert_non_null(strstr(fake_info(world, image), "encrypt.format=aes\n"));
    fake_world_free(world);
}

static void test_refusals(void **state)
{
    static const struct {
        struct driver_option options[4];
        const char *error;
    } rows[] = {
        {{TEXT("encrypt.format", "rot13"), {0}},                               "BAD_ENUM(format,rot13)"              },
        {{TEXT("encrypt.key-secret", "s"), {0}},                               "CRYPTO_NO_FORMAT()"                  },
        {{TEXT("encryption", "yes"), {0}},                                     "BAD_ENUM(format,yes)"                },
        {{SWITCH("encryption"), {0}},                                          "CRYPTO_KEY_SECRET(encrypt.)"         },
        {{TEXT("encrypt.format", "luks"), {0}},                                "CRYPTO_KEY_SECRET(encrypt.)"         },
        {{TEXT("encrypt.format", "aes"), QUICK, {0}},                          "CRYPTO_UNEXPECTED(encrypt.iter-time)"},
        {{TEXT("encrypt.format", "luks"), TEXT("encrypt.hash-alg", "x"), {0}},
         "BAD_ENUM(hash-alg,x)"                                                                                      },
        {{TEXT("encrypt.format", "luks"),
          TEXT("encrypt.key-secret", "s"),
          TEXT("encrypt.cipher-alg", "des"),
          {0}},
         "LUKS_NO_ALGORITHM(des)"                                                                                    },
    };
    const struct fmt_driver *driver = fmt_driver_find(fmt_bytes_of("qcow2"));
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake_world_reset(world);
        assert_true(driver_create(world, "qcow2", 1 << 20, rows[i].options, NULL, &device) < 0);
        assert_string_equal(fake_error(world), rows[i].error);
    }
    struct fmt_option twice[] = {
        {fmt_bytes_of("encryption"),     FMT_OPTION_BOOL, 1, {0}                },
        {fmt_bytes_of("encrypt.format"), FMT_OPTION_TEXT, 0, fmt_bytes_of("aes")},
    };
    const struct fmt_options options = {twice, COUNT(twice)};
    const struct fmt_create create = {.options = &options};
    fake_world_reset(world);
    assert_true(driver->create_check(&world->env, &create) < 0);
    assert_string_equal(fake_error(world), "CRYPTO_FORMAT_TWICE()");
    twice[0].number = 0;
    assert_int_equal(driver->create_check(&world->env, &create), 0);
    fake_world_free(world);
}

static void test_open_refusals(void **state)
{
    static const struct {
        size_t offset;
        uint32_t value;
        const char *error;
    } rows[] = {
        {112,      1,          "QCOW2_NO_CRYPTO_HEADER(2)"},
        {132,      591,        "LUKS_OUTSIDE()"           },
        {132,      4096,       "LUKS_OUTSIDE()"           },
        {128,      UINT32_MAX, NULL                       },
        {LUKS_OFF, 1,          "LUKS_MAGIC()"             },
        {124,      0,          "LUKS_MAGIC()"             },
        {120,      UINT32_MAX, "LUKS_READ(5)"             },
        {36,       0,          NULL                       },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device = image_make(world, luks);
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("qcow2")),
                                  .device = device,
                                  .options = &world->node_options};
    struct fmt_image *image;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *at = world->device[device].data + rows[i].offset;
        uint32_t saved = be32_load(at);
        be32_store(at, rows[i].value);
        fake_world_reset(world);
        int r = fmt_image_open(&world->env, &spec, &image);
        be32_store(at, saved);
        if (!rows[i].error)
            continue;
        assert_true(r < 0);
        assert_string_equal(fake_error(world), rows[i].error);
    }
    world->node_option.text = fmt_bytes_of("other");
    fake_world_reset(world);
    assert_true(fmt_image_open(&world->env, &spec, &image) < 0);
    assert_string_equal(fake_error(world), "LUKS_PASSPHRASE()");
    fake_world_free(world);
}

static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();

    (void)state;
    driver_test_failing_create("qcow2", DISK_BYTES, luks);
    driver_test_failing_create("qcow2", DISK_BYTES, aes);
    driver_test_failing_open(world, "qcow2", image_make(world, luks), 24);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),     cmocka_unit_test(test_create_aes),
        cmocka_unit_test(test_refusals),   cmocka_unit_test(test_open_refusals),
        cmocka_unit_test(test_failing_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
