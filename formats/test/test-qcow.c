/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow: headers, refusals, new images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/cipher.h"
#include "driver-test.h"

static void test_create(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *backing;
        uint64_t file_bytes, cluster_bytes;
    } rows[] = {
        {64 << 20, NULL,   560,      4096},
        {64 << 20, "base", 56 + 512, 512 },
        {64 << 20, "fat:", 560,      512 },
        {1,        NULL,   560,      4096},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        assert_int_equal(
            driver_create(world, "qcow", rows[i].bytes, NULL, rows[i].backing, &device), 0);
        assert_int_equal(world->device[device].size_bytes, rows[i].file_bytes);
        const struct fmt_image *image = driver_open(world, "qcow", device, 0);
        assert_int_equal(image->facts.virtual_bytes, round_up_u64(rows[i].bytes, 512));
        assert_int_equal(image->facts.cluster_bytes, rows[i].cluster_bytes);
        fake_world_free(world);
    }
}

static void test_refusals(void **state)
{
    static const struct driver_refusal rows[] = {
        {0,  4, 1,          "QCOW_MAGIC()"                    },
        {4,  4, 3,          "QCOW_VERSION(3)<QCOW_TRY_QCOW2()"},
        {4,  4, 4,          "QCOW_VERSION(4)"                 },
        {28, 4, 1,          "QCOW_TOO_SMALL()"                },
        {32, 4, 0x08090000, "QCOW_CLUSTER_SIZE()"             },
        {32, 4, 0x0c050000, "QCOW_TABLE_SIZE()"               },
        {36, 4, 2,          "QCOW_ENCRYPTION_METHOD()"        },
        {24, 4, UINT32_MAX, "QCOW_TOO_LARGE()"                },
        {40, 4, UINT32_MAX, "COULD_NOT_OPEN(image)<IO(5)"     },
        {16, 4, 1024,       "QCOW_BACKING_TOO_LONG()"         },
    };
    struct fake_world *world = fake_world_new();
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("qcow"))};
    struct fmt_image *image = NULL;

    (void)state;
    assert_int_equal(driver_create(world, "qcow", 1 << 20, NULL, "base", &spec.device), 0);
    be32_store(world->device[spec.device].data + 28, 1 << 20);
    driver_test_refusals(world, "qcow", spec.device, DRIVER_BIG_ENDIAN, rows, COUNT(rows));
    image = driver_open(world, "qcow", spec.device, 0);
    assert_true(fmt_bytes_equal(image->facts.backing_name, "base"));
    be32_store(world->device[spec.device].data + 36, 1);
    fake_world_reset(world);
    assert_true(fmt_image_open(&world->env, &spec, &image) < 0);
    assert_string_equal(fake_error(world), "CRYPTO_KEY_SECRET(encrypt.)");
    assert_true(driver_open(world, "qcow", spec.device, FMT_OPEN_NO_DATA)->facts.encrypted);
    fake_world_free(world);
}

static void test_fields(void **state)
{
    static const struct driver_field fields[] = {
        {0,  4},
        {4,  4},
        {8,  8},
        {16, 4},
        {20, 4},
        {24, 8},
        {32, 1},
        {33, 1},
        {36, 4},
        {40, 8},
        {56, 8},
        {64, 8},
    };
    static const uint64_t lengths[] = {0, 1, 47, 48, 52, 56, 511};
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "qcow", 8 << 20, NULL, "base", &device), 0);
    driver_test_fields(world, "qcow", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "qcow", device, lengths, COUNT(lengths));
    fake_world_free(world);
}

static const struct driver_option encrypted[] = {
    {"encrypt.format",     FMT_OPTION_TEXT, 0, "aes"},
    {"encrypt.key-secret", FMT_OPTION_TEXT, 0, "s"  },
    {NULL,                 FMT_OPTION_TEXT, 0, NULL },
};

/* Sectors are encrypted with AES-128-CBC by their number; a cluster is encrypted as a whole. */
static void test_encrypted(void **state)
{
    static const uint8_t key[16] = "a passphrase";
    struct fake_world *world = fake_world_new();
    uint8_t sector[512], iv[16] = {9};
    struct crypto_cipher cipher;
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "qcow", 1 << 20, encrypted, NULL, &device), 0);
    struct fmt_image *image = driver_open(world, "qcow", device, FMT_OPEN_WRITABLE);
    memset(sector, 0xcd, sizeof(sector));
    assert_int_equal(image->driver->write(image, 9 * sizeof(sector), sector, sizeof(sector)), 0);
    assert_int_equal(image->driver->finish(image), 0);
    uint64_t l2_off = be64_load(world->device[device].data + 48);
    uint64_t cluster_off = be64_load(world->device[device].data + l2_off + 8);
    crypto_cipher_init(&cipher, CRYPTO_AES_128, CRYPTO_CBC, key);
    const uint8_t *cluster = world->device[device].data + cluster_off;
    memcpy(sector, cluster + sizeof(sector), sizeof(sector));
    crypto_cipher_decrypt(&cipher, iv, sector, sizeof(sector));
    for (size_t i = 0; i < sizeof(sector); i++)
        assert_int_equal(sector[i], 0xcd);
    assert_int_equal(fmt_image_read(image, 4095, sector, 3), 0);
    assert_memory_equal(sector, "\0\0\0", 3);
    fake_world_free(world);
}

static void test_write(void **state)
{
    (void)state;
    driver_test_write("qcow", 1 << 20, NULL);
    driver_test_failing_write("qcow", 1 << 20, NULL);
    driver_test_write("qcow", 1 << 20, encrypted);
    driver_test_failing_write("qcow", 1 << 20, encrypted);
    driver_test_failing_overlay("qcow", NULL);
}

static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    driver_test_failing_create("qcow", 8 << 20, NULL);
    assert_int_equal(driver_create(world, "qcow", 8 << 20, NULL, "base", &device), 0);
    driver_test_failing_open(world, "qcow", device, 2);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_write),
        cmocka_unit_test(test_failing_io), cmocka_unit_test(test_encrypted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
