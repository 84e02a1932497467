/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: headers, extensions, refusals, snapshots, bitmaps, new images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"
#include "qcow2/qcow2-refcount.h"

enum { CLUSTER = 512, DIRECTORY_CLUSTER = 6, SNAPSHOT_CLUSTER = 7 };

static const struct driver_option small[] = {NUMBER("cluster_size", CLUSTER), {0}};
static const struct driver_option odd[] = {NUMBER("cluster_size", 1000), {0}};
static const struct driver_option metadata[] = {
    NUMBER("cluster_size", CLUSTER), TEXT("preallocation", "metadata"), {0}};
static const struct driver_option full[] = {
    NUMBER("cluster_size", CLUSTER), TEXT("preallocation", "full"), {0}};
static const struct driver_option extended[] = {
    SWITCH("extended_l2"), NUMBER("cluster_size", 8192), {0}};
static const struct driver_option old_lazy[] = {
    SWITCH("lazy_refcounts"), TEXT("compat", "0.10"), {0}};
static const struct driver_option width[] = {NUMBER("refcount_bits", 3), {0}};
static const struct driver_option old_width[] = {
    NUMBER("refcount_bits", 1), TEXT("compat", "v2"), {0}};
static const struct driver_option word[] = {TEXT("compat", "2.0"), {0}};
static const struct driver_option raw_only[] = {SWITCH("data_file_raw"), {0}};
static const struct driver_option old_zstd[] = {
    TEXT("compression_type", "zstd"), TEXT("compat", "0.10"), {0}};

static void test_create(void **state)
{
    static const struct {
        uint64_t bytes;
        const struct driver_option *options;
        const char *backing;
        uint64_t file_bytes;
        const char *error;
    } rows[] = {
        {1 << 20,           NULL,      NULL,   3 * 65536 + 8,        ""                                          },
        {0,                 small,     "base", 3 * CLUSTER,          ""                                          },
        {1 << 20,           small,     NULL,   3 * CLUSTER + 32 * 8, ""                                          },
        {64 << 10,          metadata,  NULL,   134 * CLUSTER,        ""                                          },
        {1 << 20,           odd,       NULL,   0,                    "QCOW2_CREATE_CLUSTER(512,2048)"            },
        {1 << 20,           extended,  NULL,   0,                    "QCOW2_CREATE_L2_CLUSTER(16384)"            },
        {1 << 20,           old_lazy,  NULL,   0,                    "QCOW2_CREATE_LAZY()"                       },
        {1 << 20,           width,     NULL,   0,                    "QCOW2_CREATE_WIDTH()"                      },
        {1 << 20,           old_width, NULL,   0,                    "QCOW2_CREATE_WIDTH_VERSION()"              },
        {1 << 20,           word,      NULL,   0,                    "BAD_ENUM(version,2.0)"                     },
        {1 << 20,           raw_only,  NULL,   0,                    "QCOW2_CREATE_RAW_NO_FILE()"                },
        {1 << 20,           old_zstd,  NULL,   0,                    "QCOW2_CREATE_COMPRESSION()"                },
        {1 << 20,           metadata,  "base", 0,                    "QCOW2_CREATE_PREALLOC_BACKING()"           },
        {UINT64_C(1) << 40, small,     NULL,   0,                    "QCOW2_RESIZE_IMAGE()<QCOW2_GROW_L1(27)"    },
        {INT64_MAX,         NULL,      NULL,   0,                    "QCOW2_RESIZE_IMAGE()<QCOW2_SIZE_NEGATIVE()"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        int r =
            driver_create(world, "qcow2", rows[i].bytes, rows[i].options, rows[i].backing, &device);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        if (r == 0) {
            assert_int_equal(world->device[device].size_bytes, rows[i].file_bytes);
            const struct fmt_image *image = driver_open(world, "qcow2", device, 0);
            assert_int_equal(image->facts.virtual_bytes, rows[i].bytes);
            assert_int_equal(image->facts.backing_present, rows[i].backing != NULL);
        }
        fake_world_free(world);
    }
}

/* Every cluster of a fully preallocated image has its refcount: 1, or 0 where an old table lay. */
static void test_prealloc_counts(void **state)
{
    static const uint64_t sizes[] = {0, 512, 64 << 10, 1 << 20, 3 << 20};
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        assert_int_equal(driver_create(world, "qcow2", sizes[i], full, NULL, &device), 0);
        const uint8_t *data = world->device[device].data;
        uint64_t table_off = be64_load(data + 48),
                 clusters = world->device[device].size_bytes / CLUSTER;
        unsigned counted = 0;
        for (uint64_t c = 0; c < clusters; c++) {
            uint64_t block_off = be64_load(data + table_off + c / 256 * 8);
            assert_true(block_off != 0 && block_off % CLUSTER == 0);
            unsigned count = be16_load(data + block_off + c % 256 * 2);
            assert_true(count <= 1);
            counted += count;
        }
        assert_in_range(counted, sizes[i] / CLUSTER + 3, clusters);
        fake_world_free(world);
    }
}

static void test_refusals(void **state)
{
    static const struct driver_refusal rows[] = {
        {0,   4, 1,                                         "QCOW2_MAGIC()"                                    },
        {4,   4, 4,                                         "QCOW2_VERSION(4)"                                 },
        {20,  4, 22,                                        "QCOW2_CLUSTER_SIZE(22)"                           },
        {100, 4, 103,                                       "QCOW2_HEADER_SHORT()"                             },
        {100, 4, 513,                                       "QCOW2_HEADER_LONG()"                              },
        {8,   8, 513,                                       "QCOW2_BACKING_OFFSET()"                           },
        {104, 1, 2,                                         "QCOW2_COMPRESSION(2)"                             },
        {104, 1, 1,                                         "QCOW2_COMPRESSION_BIT_UNSET()"                    },
        {79,  1, 8,                                         "QCOW2_COMPRESSION_BIT_SET()"                      },
        {78,  1, 1,                                         "QCOW2_FEATURES(Unknown incompatible feature: 100)"},
        {79,  1, 16,                                        "QCOW2_SUBCLUSTER_SIZE(16)"                        },
        {96,  4, 7,                                         "QCOW2_REFCOUNT_WIDTH()"                           },
        {56,  4, 0,                                         "QCOW2_NO_REFTABLE()"                              },
        {56,  4, 0x8000,                                    "QCOW2_REFTABLE_SIZE()"                            },
        {48,  8, 1,                                         "QCOW2_REFTABLE_OFFSET()"                          },
        {60,  4, 65537,                                     "QCOW2_SNAPSHOTS_SIZE()"                           },
        {64,  8, 1,                                         "QCOW2_SNAPSHOTS_OFFSET()"                         },
        {36,  4, 0x400001,                                  "QCOW2_L1_SIZE()"                                  },
        {40,  8, 1,                                         "QCOW2_L1_OFFSET()"                                },
        {36,  4, 1,                                         "QCOW2_L1_SHORT()"                                 },
        {24,  8, UINT64_C(1) << 62,                         "QCOW2_TOO_BIG()"                                  },
        {40,  8, UINT64_C(0x7ffffffffffffe00) - (32 << 10), "QCOW2_READ_L1(5)"                                 },
        {48,  8, UINT64_C(0x7ffffffffffffe00) - (32 << 10), "QCOW2_REFCOUNT_INIT(5)"                           },
        {35,  1, 3,                                         "QCOW2_CRYPT_METHOD(3)"                            },
        {35,  1, 2,                                         "QCOW2_NO_CRYPTO_HEADER(2)"                        },
        {95,  1, 2,                                         "QCOW2_RAW_WITHOUT_FILE()"                         },
        {79,  1, 4,                                         "QCOW2_DATA_FILE_REQUIRED()"                       },
        {16,  4, 1024,                                      "QCOW2_BACKING_LONG()"                             },
        {116, 4, 0x7fffffff,                                "QCOW2_EXT_LARGE()"                                },
        {116, 4, 16,                                        "QCOW2_EXT_FORMAT_LONG(16,16)"                     },
        {112, 4, 0x0537be77,                                "QCOW2_EXT_CRYPTO_METHOD()"                        },
        {112, 4, 0x23852875,                                "QCOW2_EXT_BITMAPS_LENGTH()"                       },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(
        driver_create(world, "qcow2", 1 << 20, small, "a long name of a base", &device), 0);
    /* Room for what the rows move behind the file's end. */
    driver_test_refusals(world, "qcow2", device, DRIVER_BIG_ENDIAN, rows, COUNT(rows));
    fake_world_free(world);
}

/* An image with a snapshot and two bitmaps, built by hand behind a new one's L1 table. */
static uint32_t rich_image(struct fake_world *world)
{
    static const uint8_t snapshot[] = {
        0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 1, 0, 1,  0, 5, /* L1, sizes of id and name */
        0, 0, 0, 9, 0, 0, 0, 8,  0, 0, 0, 0, 0, 0,  0, 7, /* date, clock */
        0, 0, 0, 6, 0, 0, 0, 16,                          /* VM state, extra data */
        0, 0, 0, 0, 0, 0, 0, 5,  0, 0, 0, 0, 0, 16, 0, 0, '1', 'f', 'i', 'r', 's', 't'};
    static const uint8_t bitmaps[] = {0, 0,  0, 0, 0, 0, 16, 0, 0,   0, 0, 1, 0, 0, 0, 2,
                                      1, 16, 0, 1, 0, 0, 0,  0, 'a', 0, 0, 0, 0, 0, 0, 0,
                                      0, 0,  0, 0, 0, 0, 16, 0, 0,   0, 0, 1, 0, 0, 0, 1,
                                      1, 9,  0, 1, 0, 0, 0,  0, 'b', 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t ext[] = {0x23, 0x85, 0x28, 0x75, 0, 0, 0, 24, 0, 0, 0, 2, 0, 0, 0,    0,
                                  0,    0,    0,    0,    0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0x0c, 0};
    static uint8_t data[16 * CLUSTER];
    uint32_t device;

    assert_int_equal(driver_create(world, "qcow2", 1 << 20, small, NULL, &device), 0);
    memset(data, 0, sizeof(data));
    memcpy(data, world->device[device].data, (size_t)world->device[device].size_bytes);
    memcpy(data + 112, ext, sizeof(ext));
    data[95] = 1;
    be32_store(data + 60, 1);
    be64_store(data + 64, SNAPSHOT_CLUSTER * CLUSTER);
    memcpy(data + SNAPSHOT_CLUSTER * CLUSTER, snapshot, sizeof(snapshot));
    memcpy(data + DIRECTORY_CLUSTER * CLUSTER, bitmaps, sizeof(bitmaps));
    return fake_device_add(world, "rich", data, sizeof(data));
}

static void test_snapshots_and_bitmaps(void **state)
{
    struct fake_world *world = fake_world_new();
    struct fmt_snapshot snapshot;
    uint32_t device = rich_image(world);
    struct fmt_image *image = driver_open(world, "qcow2", device, 0);

    (void)state;
    assert_int_equal(image->facts.snapshot_count, 1);
    assert_int_equal(fmt_image_snapshot(image, 0, &snapshot), 0);
    assert_true(fmt_bytes_equal(snapshot.id, "1"));
    assert_true(fmt_bytes_equal(snapshot.name, "first"));
    assert_int_equal(snapshot.vm_state_bytes, 5);
    assert_int_equal(snapshot.virtual_bytes, 1 << 20);
    assert_int_equal(snapshot.date_seconds, 9);
    assert_int_equal(snapshot.icount, -1);
    const char *info = fake_info(world, image);
    assert_non_null(strstr(info, "name=a\n"));
    assert_non_null(strstr(info, "granularity=65536\n"));
    assert_non_null(strstr(info, "auto"));
    assert_non_null(strstr(info, "in-use"));
    fake_world_free(world);
}

static void test_bitmap_refusals(void **state)
{
    enum { ENTRY = DIRECTORY_CLUSTER * CLUSTER };
    static const struct driver_refusal rows[] = {
        {120,        4, 65536,      "QCOW2_EXT_BITMAPS_MANY(65536,65535)"      },
        {120,        4, 0,          "QCOW2_EXT_BITMAPS_NONE()"                 },
        {124,        4, 1,          "QCOW2_EXT_BITMAPS_RESERVED()"             },
        {128,        8, 0x4000000,  "QCOW2_EXT_BITMAPS_SIZE(67108864,67107840)"},
        {136,        8, 1,          "QCOW2_EXT_BITMAPS_OFFSET()"               },
        {128,        8, 0,          "QCOW2_BITMAPS_NO_SIZE()"                  },
        {120,        4, 1,          "QCOW2_BITMAPS_MORE()"                     },
        {120,        4, 3,          "QCOW2_BITMAPS_LESS()"                     },
        {128,        8, 63,         "QCOW2_BITMAPS_BROKEN()"                   },
        {ENTRY,      8, 0,          "QCOW2_BITMAP_BAD(a)"                      },
        {ENTRY + 8,  4, 0,          "QCOW2_BITMAP_BAD(a)"                      },
        {ENTRY + 12, 4, 4,          "QCOW2_BITMAP_BAD(a)"                      },
        {ENTRY + 17, 1, 8,          "QCOW2_BITMAP_BAD(a)"                      },
        {ENTRY + 20, 4, 8,          "QCOW2_BITMAP_EXTRA()"                     },
        {ENTRY + 20, 4, 0xffffffff, "QCOW2_BITMAP_EXTRA()"                     },
        {ENTRY + 47, 1, 0,          "BITMAP_EXISTS(b)"                         },
        {ENTRY + 8,  4, 2,          "QCOW2_BITMAP_READ(a,22)"                  },
        {4096,       8, 2,          "QCOW2_BITMAP_TABLE(a,22)"                 },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device = rich_image(world);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].offset == ENTRY + 47) /* two that are in use may have the same name */
            world->device[device].data[ENTRY + 24] = 'b';
        driver_test_refusals(world, "qcow2", device, DRIVER_BIG_ENDIAN, &rows[i], 1);
        world->device[device].data[ENTRY + 24] = 'a';
    }
    fake_world_free(world);
}

static void test_fields(void **state)
{
    static const struct driver_field fields[] = {
        {0,                                4},
        {4,                                4},
        {8,                                8},
        {16,                               4},
        {20,                               4},
        {24,                               8},
        {32,                               4},
        {36,                               4},
        {40,                               8},
        {48,                               8},
        {56,                               4},
        {60,                               4},
        {64,                               8},
        {72,                               8},
        {80,                               8},
        {88,                               8},
        {96,                               4},
        {100,                              4},
        {104,                              1},
        {112,                              4},
        {116,                              4},
        {120,                              4},
        {124,                              4},
        {128,                              8},
        {136,                              8},
        {SNAPSHOT_CLUSTER * CLUSTER + 12,  2},
        {SNAPSHOT_CLUSTER * CLUSTER + 14,  2},
        {SNAPSHOT_CLUSTER * CLUSTER + 36,  4},
        {DIRECTORY_CLUSTER * CLUSTER,      8},
        {DIRECTORY_CLUSTER * CLUSTER + 8,  4},
        {DIRECTORY_CLUSTER * CLUSTER + 16, 8},
    };
    static const uint64_t lengths[] = {0,   1,   71,   72,   103,  104,  112,  120, 143,
                                       511, 512, 1024, 3072, 3100, 3584, 3600, 3640};
    struct fake_world *world = fake_world_new();
    uint32_t device = rich_image(world);

    (void)state;
    driver_test_fields(world, "qcow2", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "qcow2", device, lengths, COUNT(lengths));
    fake_world_free(world);
}

static void test_failing_io(void **state)
{
    struct fake_world *world = fake_world_new();

    (void)state;
    driver_test_failing_create("qcow2", 1 << 20, small);
    driver_test_failing_create("qcow2", 1 << 20, metadata);
    driver_test_failing_create("qcow2", 1 << 20, full);
    driver_test_failing_open(world, "qcow2", rich_image(world), 24);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),          cmocka_unit_test(test_prealloc_counts),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_snapshots_and_bitmaps),
        cmocka_unit_test(test_bitmap_refusals), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_failing_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
