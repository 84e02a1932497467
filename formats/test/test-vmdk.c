/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: descriptors, headers of all kinds, refusals, compressed grains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "driver-test.h"
#include "vmdk/vmdk.h"

#define HEAD "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
#define TYPE(t) "createType=\"" t "\"\n"

static uint32_t text_add(struct fake_world *world, const char *text)
{
    return fake_device_add(world, "text", text, strlen(text));
}

/* ---- probing ---- */

static void test_probe(void **state)
{
    static const struct {
        const char *head;
        unsigned score;
    } rows[] = {
        {"KDMV",                         100},
        {"COWD",                         100},
        {"KDM",                          0  },
        {"version=1\n",                  100},
        {"version=3\r\n",                100},
        {"version=4\n",                  0  },
        {"version=1",                    0  },
        {"version=1\r",                  0  },
        {"# a\n  \n \r\n#\nversion=2\n", 100},
        {"# a\n\nversion=2\n",           0  },
        {"#    ",                        0  },
        {"  x\nversion=1\n",             0  },
        {"     ",                        0  },
        {" version=1\n",                 0  },
    };
    const struct fmt_driver *driver = fmt_driver_find(fmt_bytes_of("vmdk"));

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(
            driver->probe((const uint8_t *)rows[i].head, strlen(rows[i].head), fmt_bytes_of("")),
            rows[i].score);
}

/* ---- descriptors ---- */

static void test_descriptor_refusals(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"",                                                                  "VMDK_TOO_SMALL()"                        },
        {"four",                                                              "VMDK_DESCRIPTOR()"                       },
        {HEAD TYPE("streamOptimized"),                                        "VMDK_TYPE(streamOptimized)"              },
        {HEAD "createType=\"vmfs",                                            "VMDK_DESCRIPTOR()"                       },
        {HEAD "createType=",                                                  "VMDK_DESCRIPTOR()"                       },
        {HEAD TYPE("vmfs"),                                                   "VMDK_DESCRIPTOR()"                       },
        {HEAD TYPE("vmfs") "RW 5 FLAT \"flat\"\n",                            "VMDK_EXTENT_LINE(RW 5 FLAT \"flat\")"    },
        {HEAD TYPE("vmfs") "RW 5 FLAT \"flat\" -1",                           "VMDK_EXTENT_LINE(RW 5 FLAT \"flat\" -1)" },
        {HEAD TYPE("vmfs") "RW 5 VMFS \"flat\" 0\r\n",                        "VMDK_EXTENT_LINE(RW 5 VMFS \"flat\" 0\r)"},
        {HEAD TYPE("vmfs") "RW 5 SPARSE\n",                                   "VMDK_EXTENT_LINE(RW 5 SPARSE)"           },
        {HEAD TYPE("vmfs") "RW 5 VMFSRDM \"flat\"\n",                         "VMDK_EXTENT_TYPE(VMFSRDM)"               },
        {HEAD TYPE("vmfs") "RW 5 FLAT \"none\" 0\n",                          "REFERENCE()"                             },
        {HEAD TYPE("vmfs") "RW 5 SPARSE \"flat\"\n",                          "VMDK_MAGIC()"                            },
        {HEAD TYPE("vmfs") "RW 5 SESPARSE \"flat\"\n",                        "VMDK_SE_MAGIC(72340172838076673)"        },
        {TYPE("vmfs") "RW 5 VMFS \"flat\"\n",                                 "COULD_NOT_OPEN(image)<IO(22)"            },
        {"CID=x\n" TYPE("vmfs") "RW 5 VMFS \"flat\"\n",                       "COULD_NOT_OPEN(image)<IO(22)"            },
        {"CID=1\n" TYPE("vmfs") "RW 5 VMFS \"flat\"\n",                       "COULD_NOT_OPEN(image)<IO(22)"            },
        {HEAD "parentFileNameHint=\"x\n" TYPE("vmfs") "RW 5 VMFS \"flat\"\n", ""                                        },
        {HEAD TYPE("vmfs") "RW 5 VMFS \"flat\"\nparentFileNameHint=\"x",
         "COULD_NOT_OPEN(image)<IO(22)"                                                                                 },
        {HEAD TYPE("vmfs") "RW 9223372036854775807 VMFS \"flat\"\n",          "TOTAL_SECTORS(27)"                       },
    };
    static uint8_t flat[4096];
    (void)state;
    memset(flat, 1, sizeof(flat));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        fake_device_add(world, "flat", flat, sizeof(flat));
        uint32_t device = text_add(world, rows[i].text);
        const struct fmt_image *image = driver_try_open(world, "vmdk", device, 0);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(image == NULL, rows[i].error[0] != '\0');
        fake_world_free(world);
    }
}

/* Lines that the reference leaves out have their place on the disk. */
static void test_extents(void **state)
{
    static const char text[] =
        HEAD TYPE("twoGbMaxExtentFlat") "\nRW 2 FLAT \"one\" 1\n\n RDONLY\t1 FLAT \"two\" 0\r\n"
                                        "RW 3 ZERO\nNOACCESS 2 FLAT \"three\" 0\nRW 0 VMFS "
                                        "\"none\"\nRW 1 FLAT \"two\" 5\nRW x\n";
    static uint8_t one[1536], two[512], buffer[8 * 512];
    struct fake_world *world = fake_world_new();
    struct fmt_extent extent;

    (void)state;
    memset(one, 1, 512);
    memset(one + 512, 2, 1024);
    memset(two, 3, sizeof(two));
    fake_device_add(world, "one", one, sizeof(one));
    fake_device_add(world, "two", two, sizeof(two));
    struct fmt_image *image = driver_open(world, "vmdk", text_add(world, text), 0);
    assert_int_equal(image->facts.virtual_bytes, 9 * 512);
    assert_int_equal(image->facts.cluster_bytes, 0);
    assert_true(image->facts.no_dirty_flag);
    assert_int_equal(image->child_count, 3);
    assert_true(fmt_bytes_equal(image->child[0].name, "extents.4"));
    assert_true(fmt_bytes_equal(image->child[2].name, "extents.0"));
    assert_int_equal(fmt_image_read(image, 0, buffer, 6 * 512), 0);
    assert_int_equal(buffer[0], 2);
    assert_int_equal(buffer[1024], 3);
    assert_int_equal(buffer[1536], 0);
    assert_int_equal(fmt_image_read(image, 7 * 512, buffer, 512), -FMT_EIO);
    assert_int_equal(fmt_image_map(image, 8 * 512, 512, &extent), 0);
    assert_int_equal(extent.device_off, 5 * 512);
    assert_string_equal(fake_info(world, image),
                        "create-type=twoGbMaxExtentFlat\ncid=4294967294\nparent-cid=4294967295\n"
                        "extents.-.filename=one\nextents.-.format=FLAT\n"
                        "extents.-.virtual-size=1024\n"
                        "extents.-.filename=two\nextents.-.format=FLAT\n"
                        "extents.-.virtual-size=512\n"
                        "extents.-.filename=\nextents.-.format=ZERO\n"
                        "extents.-.virtual-size=1536\n"
                        "extents.-.filename=\nextents.-.format=FLAT\n"
                        "extents.-.virtual-size=1024\n"
                        "extents.-.filename=two\nextents.-.format=FLAT\n"
                        "extents.-.virtual-size=512\n");
    fake_world_free(world);
}

/* A sparse extent whose header points to a descriptor that lists the extent itself. */
static void test_nesting(void **state)
{
    struct fake_world *world = fake_world_new();
    static uint8_t data[1024];

    (void)state;
    be32_store(data, VMDK_MAGIC_HOSTED);
    le64_store(data + VMDK_OFF_DESCRIPTOR, 1);
    snprintf((char *)data + 512, 512, "%s", HEAD TYPE("vmfs") "RW 5 SPARSE \"loop\"\n");
    uint32_t device = fake_device_add(world, "loop", data, sizeof(data));
    assert_null(driver_try_open(world, "vmdk", device, 0));
    assert_string_equal(fake_error(world), "VMDK_DESCRIPTOR()");
    fake_world_free(world);
}

static void test_parent(void **state)
{
    struct fake_world *world = fake_world_new();
    static const char text[] = "CID=1\nparentCID=0x2\nparentFileNameHint=\"base.vmdk\"\n" TYPE(
        "vmfs") "RW 8 VMFS \"flat\"\n";

    (void)state;
    fake_device_add(world, "flat", text, 0);
    const struct fmt_image *image = driver_open(world, "vmdk", text_add(world, text), 0);
    assert_true(image->facts.backing_present);
    assert_true(fmt_bytes_equal(image->facts.backing_name, "base.vmdk"));
    assert_true(fmt_bytes_equal(image->facts.backing_format, "vmdk"));
    assert_int_equal(((const struct vmdk_state *)image->state)->parent_cid, 2);
    fake_world_free(world);
}

/* ---- hosted sparse extents ---- */

static const struct driver_option stream[] = {
    {"subformat", FMT_OPTION_TEXT, 0, "streamOptimized"},
    {0         }
};
static const struct driver_option zeroed[] = {
    {"zeroed_grain", FMT_OPTION_BOOL, 1, NULL},
    {0            }
};

static void test_hosted_refusals(void **state)
{
    static const struct {
        uint32_t offset, bytes;
        uint64_t value;
        uint32_t flags;
        const char *error;
    } rows[] = {
        {VMDK_OFF_VERSION,          4, 4,                          0,                 "VMDK_VERSION(4)"      },
        {VMDK_OFF_VERSION,          4, 3,                          FMT_OPEN_WRITABLE, "VMDK_READ_ONLY()"     },
        {VMDK_OFF_VERSION,          4, 3,                          0,                 ""                     },
        {VMDK_OFF_L2_ENTRIES,       4, 513,                        0,                 "VMDK_L2_SIZE()"       },
        {VMDK_OFF_L2_ENTRIES,       4, 0,                          0,                 "VMDK_L1_ENTRY()"      },
        {VMDK_OFF_GRANULARITY,      8, 0,                          0,                 "VMDK_L1_ENTRY()"      },
        {VMDK_OFF_GRANULARITY,      8, 0x200001,                   0,                 "VMDK_GRANULARITY()"   },
        {VMDK_OFF_GRAINS,           8, 129,                        0,                 "VMDK_TRUNCATED(66048)"},
        {VMDK_OFF_CAPACITY,         8, UINT64_C(1) << 42,          0,                 "VMDK_L1_SIZE()"       },
        {VMDK_OFF_DIRECTORY,        8, UINT64_C(0x7fffffffffffff), 0,                 "VMDK_READ_L1(image,5)"},
        {VMDK_OFF_BACKUP_DIRECTORY, 8, UINT64_C(0x7fffffffffffff), 0,
         "VMDK_READ_L1_BACKUP(image,5)"                                                                      },
        {VMDK_OFF_DIRECTORY,        8, UINT64_MAX,                 0,                 "VMDK_FOOTER()"        },
        {0,                         4, UINT32_C(0x4b444d56),       0,                 "VMDK_DESCRIPTOR()"    },
    };
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, NULL, NULL, &device), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *at = world->device[device].data + rows[i].offset, saved[8], value[8];
        le64_store(value, rows[i].value);
        memcpy(saved, at, 8);
        memcpy(at, value, rows[i].bytes);
        const struct fmt_image *image = driver_try_open(world, "vmdk", device, rows[i].flags);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(image == NULL, rows[i].error[0] != '\0');
        memcpy(at, saved, 8);
    }
    fake_world_free(world);
}

static void test_fields(void **state)
{
    static const struct driver_field fields[] = {
        {0,     4},
        {4,     4},
        {8,     4},
        {12,    8},
        {20,    8},
        {28,    8},
        {44,    4},
        {48,    8},
        {56,    8},
        {64,    8},
        {77,    2},
        {13312, 4},
        {13824, 4},
    };
    static const uint64_t lengths[] = {0, 1, 4, 511, 512, 1000, 4096, 65535};
    struct fake_world *world = fake_world_new();
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vmdk", 8 << 20, NULL, NULL, &device), 0);
    driver_test_fields(world, "vmdk", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "vmdk", device, lengths, COUNT(lengths));
    fake_world_free(world);
}

/* The grain table of the only L1 entry of a new image. */
static uint8_t *table_of(struct fake_world *world, uint32_t device)
{
    uint8_t *data = world->device[device].data;
    return data + (size_t)le32_load(data + le64_load(data + VMDK_OFF_DIRECTORY) * 512) * 512;
}

static void test_zeroed(void **state)
{
    struct fake_world *world = fake_world_new();
    struct fmt_extent extent;
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, zeroed, NULL, &device), 0);
    le32_store(table_of(world, device), VMDK_GTE_ZEROED);
    le32_store(table_of(world, device) + 4, 100);
    struct fmt_image *image = driver_open(world, "vmdk", device, 0);
    assert_int_equal(fmt_image_map(image, 0, 1 << 20, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_ZERO);
    assert_int_equal(extent.length, 65536);
    assert_int_equal(fmt_image_map(image, 65536 + 10, 1000, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_DATA);
    assert_int_equal(extent.device_off, 51200 + 10);
    assert_int_equal(fmt_image_map(image, 131072, 1 << 16, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_UNALLOCATED);
    fake_world_free(world);
}

static void test_check(void **state)
{
    struct fake_world *world = fake_world_new();
    struct fmt_check check = {0};
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, NULL, NULL, &device), 0);
    struct fmt_image *image = driver_open(world, "vmdk", device, FMT_OPEN_CHECK);
    assert_string_equal(driver_check(world, image, &check, 0), "");
    assert_int_equal(image->driver->check(image, &check, FMT_FIX_LEAKS), -FMT_ENOTSUP);
    le32_store(table_of(world, device) + 8, 128);
    image = driver_open(world, "vmdk", device, FMT_OPEN_CHECK);
    assert_int_equal(image->driver->check(image, &check, 0), -FMT_EINVAL);
    assert_int_equal(check.corruptions, 1);
    fake_world_free(world);
}

/* ---- compressed grains ---- */

enum { GRAIN_BYTES = 65536, STREAM_BYTES = GRAIN_BYTES + 1024 };

/* Append a grain with its marker to the device; @entry points to its table entry. */
static void grain_add(struct fake_world *world, uint32_t device, unsigned index,
                      const uint8_t *data, size_t length)
{
    struct fake_device *d = &world->device[device];
    uLongf coded_bytes = compressBound(length);
    uint64_t at = round_up_u64(d->size_bytes, 512);

    d->data = realloc(d->data, at + VMDK_MARKER_BYTES + coded_bytes);
    memset(d->data + d->size_bytes, 0, at - d->size_bytes);
    assert_int_equal(compress(d->data + at + VMDK_MARKER_BYTES, &coded_bytes, data, length), Z_OK);
    le64_store(d->data + at, (uint64_t)index * 128);
    le32_store(d->data + at + 8, (uint32_t)coded_bytes);
    d->size_bytes = at + VMDK_MARKER_BYTES + coded_bytes;
    le32_store(table_of(world, device) + (size_t)index * 4, (uint32_t)(at / 512));
}

static void test_stream(void **state)
{
    static uint8_t data[STREAM_BYTES], buffer[STREAM_BYTES];
    struct fake_world *world = fake_world_new();
    uint32_t device, seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++) {
        seed = seed * 1103515245 + 12345;
        data[i] = (uint8_t)(seed >> 16);
    }
    assert_int_equal(driver_create(world, "vmdk", STREAM_BYTES, stream, NULL, &device), 0);
    grain_add(world, device, 0, data, GRAIN_BYTES);
    grain_add(world, device, 1, data + GRAIN_BYTES, STREAM_BYTES - GRAIN_BYTES);
    struct fmt_image *image = driver_open(world, "vmdk", device, 0);
    assert_int_equal(fmt_image_read(image, 0, buffer, sizeof(buffer)), 0);
    assert_memory_equal(buffer, data, sizeof(data));
    assert_non_null(strstr(fake_info(world, image), "compressed=true"));

    uint8_t *marker = world->device[device].data + (size_t)le32_load(table_of(world, device)) * 512;
    const uint32_t lengths[] = {0, 100, 2 * GRAIN_BYTES, UINT32_MAX};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        le32_store(marker + 8, lengths[i]);
        image = driver_open(world, "vmdk", device, 0);
        assert_int_equal(fmt_image_read(image, 0, buffer, 512), -FMT_EINVAL);
    }
    fake_world_free(world);
}

/* A header that sends to the footer, where the directory's place is. */
static void test_footer(void **state)
{
    struct fake_world *world = fake_world_new();
    uint8_t *tail;
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "vmdk", 1 << 20, stream, NULL, &device), 0);
    struct fake_device *d = &world->device[device];
    d->data = realloc(d->data, d->size_bytes + 1536);
    tail = d->data + d->size_bytes;
    d->size_bytes += 1536;
    memset(tail, 0, 1536);
    le32_store(tail + 12, 3);
    memcpy(tail + 512, d->data, VMDK_HEADER_BYTES);
    le64_store(d->data + VMDK_OFF_DIRECTORY, UINT64_MAX);
    const struct fmt_image *image = driver_open(world, "vmdk", device, 0);
    assert_int_equal(image->facts.virtual_bytes, 1 << 20);
    le32_store(tail + 1024 + 12, 1);
    assert_null(driver_try_open(world, "vmdk", device, 0));
    assert_string_equal(fake_error(world), "VMDK_FOOTER()");
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe),   cmocka_unit_test(test_descriptor_refusals),
        cmocka_unit_test(test_extents), cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_parent),  cmocka_unit_test(test_hosted_refusals),
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_check),   cmocka_unit_test(test_stream),
        cmocka_unit_test(test_footer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
