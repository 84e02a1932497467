/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS: headers, refusals, new volumes, passphrases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"

enum { PAYLOAD_OFF = 2068480, DISK_BYTES = 64 << 10 };

#define QUICK                                                                                      \
    {                                                                                              \
        "iter-time", FMT_OPTION_NUMBER, 0, NULL                                                    \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, FMT_OPTION_TEXT, 0, NULL                                                             \
    }

static const struct driver_option plain[] = {TEXT("key-secret", "s"), QUICK, END};

static uint32_t volume_make(struct fake_world *world, const struct driver_option *options)
{
    uint32_t device;

    if (driver_create(world, "luks", DISK_BYTES, options, NULL, &device) < 0)
        fail_msg("create: %s", fake_error(world));
    return device;
}

static void test_create(void **state)
{
    static const struct {
        struct driver_option options[6];
        uint64_t file_bytes;
        const char *cipher, *mode, *hash;
    } rows[] = {
        {{TEXT("key-secret", "s"), QUICK, END},
         PAYLOAD_OFF + DISK_BYTES,
         "aes",                           "xts-plain64",
         "sha256"                                                   },
        {{TEXT("key-secret", "s"), QUICK, TEXT("cipher-alg", "serpent-128"),
          TEXT("cipher-mode", "cbc"), TEXT("ivgen-alg", "essiv"), END},
         528384 + DISK_BYTES,
         "serpent",                       "cbc-essiv:sha256",
         "sha256"                                                   },
        {{TEXT("key-secret", "s"),
          QUICK,
          TEXT("ivgen-hash-alg", "ripemd160"),
          TEXT("hash-alg", "sha1"),
          {"detached-header", FMT_OPTION_BOOL, 1, NULL},
          END},
         PAYLOAD_OFF,              "aes",
         "xts-plain64:ripemd160",                             "sha1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        const struct fake_device *d = &world->device[volume_make(world, rows[i].options)];
        assert_int_equal(d->size_bytes, rows[i].file_bytes);
        assert_memory_equal(d->data, "LUKS\xba\xbe\0\1", 8);
        assert_string_equal((const char *)d->data + 8, rows[i].cipher);
        assert_string_equal((const char *)d->data + 40, rows[i].mode);
        assert_string_equal((const char *)d->data + 72, rows[i].hash);
        assert_int_equal(be32_load(d->data + 164), 1000);
        assert_int_equal(be32_load(d->data + 208), 0x00ac71f3);
        assert_int_equal(be32_load(d->data + 256), 0x0000dead);
        fake_world_free(world);
    }
}

static void test_iterations(void **state)
{
    static const struct driver_option options[] = {
        TEXT("key-secret", "s"), {"iter-time", FMT_OPTION_NUMBER, 100, NULL},
          END
    };
    struct fake_world *world = fake_world_new();
    const uint8_t *data = world->device[volume_make(world, options)].data;
    const uint32_t per_second = 2048 * 1000 / (FAKE_CLOCK_STEP_NS / 1000000);

    (void)state;
    data = world->device[0].data;
    assert_int_equal(be32_load(data + 164), per_second / 10 / 8);
    assert_int_equal(be32_load(data + 212), per_second / 2 / 10);
    fake_world_free(world);
}

static void test_create_refusals(void **state)
{
    static const struct {
        struct driver_option options[4];
        const char *error;
    } rows[] = {
        {{END},                                                                                      "CRYPTO_KEY_SECRET()"       },
        {{TEXT("key-secret", "none"), END},                                                          "SECRET_NONE(none)"         },
        {{TEXT("key-secret", "binary"), END},                                                        "SECRET_NOT_UTF8(binary)"   },
        {{TEXT("key-secret", "group"), END},                                                         "SECRET_OTHER(group)"       },
        {{TEXT("cipher-alg", "rot13"), END},                                                         "BAD_ENUM(cipher-alg,rot13)"},
        {{TEXT("cipher-mode", "gcm"), END},                                                          "BAD_ENUM(cipher-mode,gcm)" },
        {{TEXT("ivgen-alg", "x"), END},                                                              "BAD_ENUM(ivgen-alg,x)"     },
        {{TEXT("ivgen-hash-alg", "x"), END},                                                         "BAD_ENUM(ivgen-hash-alg,x)"},
        {{TEXT("hash-alg", ""), END},                                                                "BAD_ENUM(hash-alg,)"       },
        {{{"iter-time", FMT_OPTION_NUMBER, UINT64_MAX, NULL}, END},                                  "LUKS_ITER_TIME()"          },
        {{TEXT("key-secret", "s"), TEXT("cipher-alg", "3des"), END},                                 "LUKS_NO_ALGORITHM(3des)"   },
        {{TEXT("key-secret", "s"), TEXT("cipher-alg", "cast5-128"), END},                            "CRYPTO_MODE(xts)"          },
        {{TEXT("key-secret", "s"), TEXT("ivgen-alg", "essiv"), TEXT("ivgen-hash-alg", "sha1"), END},
         "LUKS_ESSIV_SIZE(AES,20)"                                                                                               },
        {{TEXT("key-secret", "s"), TEXT("ivgen-alg", "essiv"), TEXT("cipher-alg", "sm4"), END},
         "LUKS_ESSIV(sm4)"                                                                                                       },
        {{TEXT("key-secret", "s"), {"iter-time", FMT_OPTION_NUMBER, INT64_MAX, NULL}, END},
         "LUKS_ITERATIONS_SCALE(204800,34)"                                                                                      },
        {{TEXT("key-secret", "s"), {"iter-time", FMT_OPTION_NUMBER, UINT32_MAX, NULL}, END},
         "LUKS_ITERATIONS_MAX(109951162752,4294967295,34)"                                                                       },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        assert_true(driver_create(world, "luks", 512, rows[i].options, NULL, &device) < 0);
        assert_string_equal(fake_error(world), rows[i].error);
        fake_world_free(world);
    }
}

static void test_too_large(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    int r = driver_create(world, "luks", INT64_MAX - 511, plain, NULL, &device);
    assert_int_equal(r, -FMT_EIO);
    assert_string_equal(fake_error(world), "LUKS_TOO_LARGE()");
    fake_world_free(world);
}

/* Changes of a good header, the whole error that comes of each when only facts are wanted. */
static void test_header_refusals(void **state)
{
    static const struct {
        size_t offset;
        const char *bytes;
        size_t length;
        const char *error;
    } rows[] = {
        {0,   "luks",                             4,  "LUKS_MAGIC()"                             },
        {6,   "\0\2",                             2,  "LUKS_VERSION(2)"                          },
        {8,   "nonenonenonenonenonenonenonenone", 32, "LUKS_UNTERMINATED(cipher name)"           },
        {40,  "nonenonenonenonenonenonenonenone", 32, "LUKS_UNTERMINATED(cipher mode)"           },
        {72,  "nonenonenonenonenonenonenonenone", 32, "LUKS_UNTERMINATED(hash spec)"             },
        {104, "\0\0\0\7",                         4,  "LUKS_PAYLOAD()"                           },
        {104, "\0\0\0\x10",                       4,  "LUKS_SLOT_PAYLOAD(0)"                     },
        {104, "\xff\xff\xff\xff",                 4,  "TOTAL_SECTORS(5)"                         },
        {164, "\0\0\0\0",                         4,  "LUKS_ITERATIONS()"                        },
        {252, "\0\0\0\1",                         4,  "LUKS_STRIPES(0,1,4000)"                   },
        {252, "\xff\xff\xff\xff",                 4,  "LUKS_STRIPES(0,18446744073709551615,4000)"},
        {304, "\0\0\0\0",                         4,  "LUKS_SLOT_STATE(2)"                       },
        {212, "\0\0\0\0",                         4,  "LUKS_SLOT_ITERATIONS(0)"                  },
        {248, "\0\0\0\7",                         4,  "LUKS_SLOT_HEADER(0)"                      },
        {248, "\0\0\2\0",                         4,  "LUKS_SLOTS(0,1)"                          },
        {296, "\0\0\0\x10",                       4,  "LUKS_SLOTS(0,1)"                          },
        {40,  "xts",                              4,  "LUKS_MODE_FORMAT(xts)"                    },
        {40,  "xtx-plain64",                      12, "LUKS_MODE(xtx)"                           },
        {40,  "xts-plain64:none",                 17, "LUKS_HASH(none)"                          },
        {40,  "xts-none",                         9,  "LUKS_IVGEN(none)"                         },
        {40,  "xts-",                             5,  "LUKS_IVGEN()"                             },
        {40,  "xts-essiv",                        10, "LUKS_NO_IV_HASH()"                        },
        {40,  "xts-essiv:sha1",                   15, "LUKS_ESSIV_SIZE(AES,20)"                  },
        {8,   "aesx",                             5,  "LUKS_ALGORITHM(aesx,32)"                  },
        {8,   "cast5",                            6,  "LUKS_ALGORITHM(cast5,32)"                 },
        {111, "\x20",                             1,  "LUKS_ALGORITHM(aes,16)<"                  },
        {108, "\xff\xff\xff\xff",                 4,  "LUKS_SLOT_PAYLOAD(0)"                     },
        {72,  "sha3",                             5,  "LUKS_HASH(sha3)"                          },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device = volume_make(world, plain);
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("luks")),
                                  .device = device,
                                  .flags = FMT_OPEN_NO_DATA};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t saved[64], *at = world->device[device].data + rows[i].offset;
        struct fmt_image *image;
        memcpy(saved, at, rows[i].length);
        memcpy(at, rows[i].bytes, rows[i].length);
        fake_world_reset(world);
        int r = fmt_image_open(&world->env, &spec, &image);
        memcpy(at, saved, rows[i].length);
        if (rows[i].offset == 111) { /* a shorter key is another cipher of the family */
            assert_int_equal(r, 0);
            continue;
        }
        assert_true(r < 0);
        assert_string_equal(fake_error(world), rows[i].error);
    }
    fake_world_free(world);
}

static int open_with(struct fake_world *world, uint32_t device, const char *secret,
                     struct fmt_image **image)
{
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("luks")),
                                  .device = device,
                                  .options = &world->node_options};

    fake_world_reset(world);
    world->node_option.text = fmt_bytes_of(secret);
    return fmt_image_open(&world->env, &spec, image);
}

static void test_passphrases(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = volume_make(world, plain);
    struct fmt_image *image;

    (void)state;
    assert_int_equal(open_with(world, device, "s", &image), 0);
    assert_int_equal(image->facts.virtual_bytes, DISK_BYTES);
    assert_true(open_with(world, device, "other", &image) < 0);
    assert_string_equal(fake_error(world), "LUKS_PASSPHRASE()");
    assert_true(open_with(world, device, "none", &image) < 0);
    assert_string_equal(fake_error(world), "SECRET_NONE(none)");
    be32_store(world->device[device].data + 108, 65);
    assert_true(open_with(world, device, "s", &image) < 0);
    assert_string_equal(fake_error(world), "LUKS_SLOTS(0,1)");
    be32_store(world->device[device].data + 108, 64);
    be32_store(world->device[device].data + 208, 0xdead); /* no slot in use */
    assert_true(open_with(world, device, "s", &image) < 0);
    assert_string_equal(fake_error(world), "LUKS_PASSPHRASE()");
    fake_world_free(world);
}

/* The header in one file, the disk in another. */
static void test_detached(void **state)
{
    static const struct driver_option options[] = {
        TEXT("key-secret", "s"), QUICK, {"detached-header", FMT_OPTION_BOOL, 1, NULL},
           END
    };
    struct fake_world *world = fake_world_new();
    uint32_t header = volume_make(world, options), disk = fake_device_add(world, "d", NULL, 0);
    struct fmt_option rows[] = {
        {fmt_bytes_of("key-secret"), FMT_OPTION_TEXT,   0,      fmt_bytes_of("s")},
        {fmt_bytes_of("header"),     FMT_OPTION_NUMBER, header, {0}              },
    };
    const struct fmt_options node = {rows, COUNT(rows)};
    struct fmt_image_spec spec = {
        .driver = fmt_driver_find(fmt_bytes_of("luks")), .device = disk, .options = &node};
    uint8_t sector[512] = {1, 2, 3}, back[512];
    struct fmt_image *image;

    (void)state;
    assert_int_equal(io_truncate(&world->env, disk, 8192, FMT_PREALLOC_OFF), 0);
    assert_int_equal(fmt_image_open(&world->env, &spec, &image), 0);
    assert_int_equal(image->facts.virtual_bytes, 8192);
    assert_int_equal(image->child_count, 1);
    assert_int_equal(image->driver->write(image, 512, sector, 512), 0);
    assert_int_equal(fmt_image_read(image, 512, back, 512), 0);
    assert_memory_equal(back, sector, 512);
    assert_memory_not_equal(world->device[disk].data + 512, sector, 512);
    fake_world_free(world);
}

static void test_write(void **state)
{
    static const struct driver_option essiv[] = {TEXT("key-secret", "s"), QUICK,
                                                 TEXT("cipher-mode", "cbc"),
                                                 TEXT("ivgen-alg", "essiv"), END};
    (void)state;
    driver_test_write("luks", 1 << 20, plain);
    driver_test_write("luks", 1 << 20, essiv);
    driver_test_failing_write("luks", DISK_BYTES, plain);
}

static void test_info(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = volume_make(world, plain);
    struct fmt_image *image = driver_open(world, "luks", device, FMT_OPEN_NO_DATA);
    const char *text = fake_info(world, image);

    (void)state;
    assert_non_null(strstr(text, "cipher-alg=aes-256\n"));
    assert_non_null(strstr(text, "payload-offset=2068480\n"));
    assert_null(strstr(text, "ivgen-hash-alg"));
    assert_int_equal(image->driver->read(image, 0, (uint8_t[512]){0}, 512), -FMT_ENOTSUP);
    fake_world_free(world);
}

static void test_measure(void **state)
{
    struct fake_world *world = fake_world_new();
    struct fmt_option row = {fmt_bytes_of("key-secret"), FMT_OPTION_TEXT, 0, fmt_bytes_of("s")};
    const struct fmt_options options = {&row, 1};
    struct fmt_measure measure = {.virtual_bytes = DISK_BYTES, .options = &options};
    const struct fmt_driver *driver = fmt_driver_find(fmt_bytes_of("luks"));

    (void)state;
    assert_int_equal(driver->measure(&world->env, &measure), 0);
    assert_int_equal(measure.required_bytes, PAYLOAD_OFF + DISK_BYTES);
    assert_int_equal(measure.fully_allocated_bytes, PAYLOAD_OFF + DISK_BYTES);
    row.text = fmt_bytes_of("none");
    assert_true(driver->measure(&world->env, &measure) < 0);
    assert_string_equal(fake_error(world), "SECRET_NONE(none)");
    fake_world_free(world);
}

static void test_fields(void **state)
{
    static const struct driver_field fields[] = {
        {0,   4},
        {6,   2},
        {8,   1},
        {40,  4},
        {44,  4},
        {72,  4},
        {104, 4},
        {108, 4},
        {208, 4},
        {248, 4},
        {252, 4},
        {256, 4},
        {296, 4},
    };
    static const uint64_t lengths[] = {0, 1, 8, 208, 591, 592, 4096, PAYLOAD_OFF - 1, PAYLOAD_OFF};
    struct fake_world *world = fake_world_new();
    uint32_t device = volume_make(world, plain);

    (void)state;
    driver_test_fields(world, "luks", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "luks", device, lengths, COUNT(lengths));
    fake_world_free(world);
}

static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();
    uint32_t device = volume_make(world, plain);

    (void)state;
    driver_test_failing_create("luks", DISK_BYTES, plain);
    driver_test_failing_open(world, "luks", device, 3);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_iterations),
        cmocka_unit_test(test_create_refusals),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_header_refusals),
        cmocka_unit_test(test_passphrases),
        cmocka_unit_test(test_detached),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_failing_io),
        cmocka_unit_test(test_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
