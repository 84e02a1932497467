/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raw: size, window, and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver-test.h"

static struct fmt_option number(const char *name, uint64_t value)
{
    return (struct fmt_option){
        fmt_bytes_of(name), FMT_OPTION_NUMBER, value, {NULL, 0}
    };
}

/* Open a device of @size bytes as raw with @options; the result of fmt_image_open(). */
static int open_raw(struct fake_world *world, uint64_t size, const struct fmt_options *options,
                    struct fmt_image **image)
{
    static uint8_t zeroes[8192];
    uint32_t device = fake_device_add(world, "r", zeroes, size);
    struct fmt_image_spec spec = {.device = device, .options = options};
    return fmt_image_open(&world->env, &spec, image);
}

static void test_window(void **state)
{
    static const struct {
        uint64_t device, offset, size, virtual_bytes;
        const char *error;
    } rows[] = {
        {4096, 0,    4096,       4096, ""                                                 },
        {4096, 512,  1024,       1024, ""                                                 },
        {4096, 4096, 0,          0,    ""                                                 },
        {4096, 4097, 0,          0,    "RAW_OFFSET_TOO_LARGE(4097,4096)"                  },
        {4096, 1024, 3584,       0,    "RAW_WINDOW_TOO_LARGE(1024,3584,4096)"             },
        {4096, 0,    100,        0,    "RAW_SIZE_UNALIGNED(512)"                          },
        {4096, 1,    512,        512,  ""                                                 },
        {4096, 1,    UINT64_MAX, 0,    "RAW_WINDOW_TOO_LARGE(1,18446744073709551615,4096)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        struct fmt_option option[] = {number("offset", rows[i].offset),
                                      number("size", rows[i].size)};
        struct fmt_options options = {option, 2};
        struct fmt_image *image = NULL;
        int r = open_raw(world, rows[i].device, &options, &image);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        if (r == 0)
            assert_int_equal(image->facts.virtual_bytes, rows[i].virtual_bytes);
        fake_world_free(world);
    }
}

static const struct driver_option metadata[] = {
    {"preallocation", FMT_OPTION_TEXT, 0, "metadata"},
    {0             }
};

static void test_create(void **state)
{
    static const struct {
        uint64_t bytes, file_bytes;
        const struct driver_option *options;
        const char *error;
    } rows[] = {
        {0,                            0,       NULL,     ""                            },
        {1,                            512,     NULL,     ""                            },
        {(1 << 20) + 1,                1049088, NULL,     ""                            },
        {UINT64_C(0x8000000000000000), 0,       NULL,     "RESIZE_FILE(22)"             },
        {UINT64_C(0x7ffffffffffffe01), 0,       NULL,     "RESIZE_FILE(22)"             },
        {1 << 20,                      0,       metadata, "FILE_PREALLOCATION(metadata)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        int r = driver_create(world, "raw", rows[i].bytes, rows[i].options, NULL, &device);
        assert_string_equal(fake_error(world), rows[i].error);
        assert_int_equal(r < 0, rows[i].error[0] != '\0');
        assert_int_equal(world->device[device].size_bytes, rows[i].file_bytes);
        fake_world_free(world);
    }
    driver_test_failing_create("raw", 4096, NULL);
}

/* Drivers that hand bytes through: whole sectors, and what lies in the file. */
static void test_through(void **state)
{
    static const char *const names[] = {"file",     "host_device", "host_cdrom", "blkdebug",
                                        "compress", "preallocate", "throttle"};
    static uint8_t bytes[1000] = {[999] = 7};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct fake_world *world = fake_world_new();
        uint32_t device = fake_device_add(world, "f", bytes, sizeof(bytes));
        struct fmt_image *image = driver_open(world, names[i], device, 0);
        uint8_t tail[24];
        assert_int_equal(image->facts.virtual_bytes, 1024);
        assert_int_equal(fmt_image_read(image, 1000 - 1, tail, sizeof(tail)), 0);
        assert_int_equal(tail[0], 7);
        assert_int_equal(tail[1], 0);
        assert_int_equal(fmt_drivers[0]->probe(bytes, sizeof(bytes), (struct fmt_bytes){0}), 1);
        assert_int_equal(image->driver->probe(bytes, sizeof(bytes), (struct fmt_bytes){0}), 0);
        fake_world_free(world);
    }
}

static void test_null(void **state)
{
    struct fmt_option option[] = {number("size", 1000)};
    struct fmt_options options = {option, 1};
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("null-co")),
                                  .options = &options};
    struct fake_world *world = fake_world_new();
    struct fmt_image *image;
    struct fmt_extent extent;

    (void)state;
    assert_int_equal(fmt_image_open(&world->env, &spec, &image), 0);
    assert_int_equal(image->facts.virtual_bytes, 1024);
    assert_int_equal(fmt_image_map(image, 0, 1024, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_ZERO);
    fake_world_free(world);
}

/* Open an image over the devices. */
static int open_parts(struct fake_world *world, const char *driver, uint32_t count,
                      const struct fmt_options *options, struct fmt_image **image)
{
    static struct fmt_child child[4];
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of(driver)),
                                  .options = options,
                                  .child = child,
                                  .child_count = count};

    for (uint32_t i = 0; i < count; i++)
        child[i].device = i;
    return fmt_image_open(&world->env, &spec, image);
}

static void test_quorum(void **state)
{
    static const struct {
        const char *bytes; /* the first of each child, the last child first */
        uint64_t threshold;
        const char *pattern;
        int read; /* what comes out, or a negative errno */
    } rows[] = {
        {"aaa", 3, "quorum", 'a'     },
        {"aab", 2, "quorum", 'a'     },
        {"baa", 2, "quorum", 'a'     },
        {"aab", 3, "quorum", -FMT_EIO},
        {"abc", 1, "quorum", 'c'     },
        {"abc", 2, "quorum", -FMT_EIO},
        {"abc", 2, "fifo",   'c'     },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        struct fmt_option option[] = {
            number("vote-threshold", rows[i].threshold),
            {fmt_bytes_of("read-pattern"), FMT_OPTION_TEXT, 0, fmt_bytes_of(rows[i].pattern)},
        };
        struct fmt_options options = {option, 2};
        struct fmt_image *image;
        uint8_t bytes[1024] = {0};
        for (size_t n = 0; n < 3; n++) {
            bytes[0] = (uint8_t)rows[i].bytes[n];
            fake_device_add(world, "c", bytes, sizeof(bytes));
        }
        assert_int_equal(open_parts(world, "quorum", 3, &options, &image), 0);
        assert_int_equal(image->facts.virtual_bytes, 1024);
        int r = fmt_image_read(image, 0, bytes, sizeof(bytes));
        assert_int_equal(r < 0 ? r : bytes[0], rows[i].read);
        fake_world_free(world);
    }
}

static void test_parts_refused(void **state)
{
    static const uint8_t bytes[2048];
    struct fake_world *world = fake_world_new();
    struct fmt_image *image;

    (void)state;
    fake_device_add(world, "a", bytes, 1024);
    fake_device_add(world, "b", bytes, 2048);
    assert_true(open_parts(world, "quorum", 0, NULL, &image) < 0);
    assert_true(open_parts(world, "blkverify", 1, NULL, &image) < 0);
    fake_world_reset(world);
    assert_true(open_parts(world, "quorum", 2, NULL, &image) < 0);
    assert_string_equal(fake_error(world), "TOTAL_SECTORS(5)");
    fake_world_free(world);
}

static void test_blkverify(void **state)
{
    struct fake_world *world = fake_world_new();
    uint8_t bytes[1024] = {[700] = 1};
    struct fmt_image *image;

    (void)state;
    fake_device_add(world, "test", bytes, sizeof(bytes));
    bytes[900] = 1;
    fake_device_add(world, "raw", bytes, sizeof(bytes));
    assert_int_equal(open_parts(world, "blkverify", 2, NULL, &image), 0);
    assert_int_equal(fmt_image_read(image, 512, bytes, 256), 0);
    assert_int_equal(bytes[700 - 512], 1);
    assert_int_equal(fmt_image_read(image, 512, bytes, 512), -FMT_EIO);
    assert_string_equal(fake_error(world), "BLKVERIFY_MISMATCH(512,512,900)");
    fake_world_free(world);
}

static struct fmt_option text(const char *name, const char *value)
{
    return (struct fmt_option){
        .name = fmt_bytes_of(name), .type = FMT_OPTION_TEXT, .text = fmt_bytes_of(value)};
}

/* Rules as the host writes them: event, state, kinds, once, errno, offset. */
#define RULE_READ_ONCE                                                                             \
    "0000000000"                                                                                   \
    "01"                                                                                           \
    "1"                                                                                            \
    "001c"                                                                                         \
    "0000000000000400"
#define RULE_STATUS                                                                                \
    "0000000000"                                                                                   \
    "20"                                                                                           \
    "0"                                                                                            \
    "0005"                                                                                         \
    "0000000000000200"
#define RULE_WRITE                                                                                 \
    "0400000002"                                                                                   \
    "02"                                                                                           \
    "1"                                                                                            \
    "0005"                                                                                         \
    "ffffffffffffffff"
#define RULE_ZERO                                                                                  \
    "0000000000"                                                                                   \
    "04"                                                                                           \
    "0"                                                                                            \
    "001c"                                                                                         \
    "0000000000000000"
#define RULE_FLUSH                                                                                 \
    "0000000000"                                                                                   \
    "10"                                                                                           \
    "0"                                                                                            \
    "0005"                                                                                         \
    "ffffffffffffffff"
#define RULE_NEXT_STATE                                                                            \
    "0100000001"                                                                                   \
    "00"                                                                                           \
    "0"                                                                                            \
    "0000"                                                                                         \
    "0000000000000002"

static void test_blkdebug_failing(void **state)
{
    /* Reading the third sector fails once, asking for the status of the second always. */
    struct fmt_option option[] = {text("rules", RULE_READ_ONCE RULE_STATUS)};
    struct fmt_options options = {option, 1};
    struct fake_world *world = fake_world_new();
    struct fmt_image *image;
    struct fmt_extent extent;
    uint8_t bytes[2048] = {0};

    (void)state;
    fake_device_add(world, "a", bytes, sizeof(bytes));
    assert_int_equal(open_parts(world, "blkdebug", 1, &options, &image), 0);
    assert_int_equal(fmt_image_map(image, 0, 512, &extent), 0);
    assert_int_equal(extent.kind, FMT_EXTENT_CODED);
    assert_int_equal(image->driver->status_check(image, 0, 512), 0);
    assert_int_equal(image->driver->status_check(image, 0, 513), -FMT_EIO);
    assert_int_equal(fmt_image_read(image, 0, bytes, 1024), 0);
    assert_int_equal(fmt_image_read(image, 0, bytes, 2048), -FMT_ENOSPC);
    assert_int_equal(fmt_image_read(image, 0, bytes, 2048), 0);
    option[0] = text("rules", "1");
    assert_true(open_parts(world, "blkdebug", 1, &options, &image) < 0);
    fake_world_free(world);
}

static int changed(struct fmt_image *image, enum fmt_change change, uint64_t offset,
                   uint64_t length)
{
    uint64_t at = offset;
    int r = image->driver->pass_change(image, change, &at, length);

    assert_true(r < 0 || at == offset);
    return r;
}

static void test_blkdebug_changes(void **state)
{
    struct fmt_option option[] = {text("rules", RULE_WRITE RULE_ZERO RULE_FLUSH RULE_NEXT_STATE),
                                  number("no-flush", 0)};
    struct fmt_options options = {option, 2};
    struct fake_world *world = fake_world_new();
    struct fmt_image *image;
    uint8_t bytes[2048] = {0};

    (void)state;
    fake_device_add(world, "a", bytes, sizeof(bytes));
    assert_int_equal(open_parts(world, "blkdebug", 1, &options, &image), 0);
    assert_int_equal(changed(image, FMT_CHANGE_ZERO, 0, 512), -FMT_ENOSPC);
    assert_int_equal(changed(image, FMT_CHANGE_ZERO, 512, 512), 0);
    assert_int_equal(changed(image, FMT_CHANGE_FLUSH, 0, 0), -FMT_EIO);
    assert_int_equal(changed(image, FMT_CHANGE_SIZE, 4096, 0), 0);
    assert_int_equal(changed(image, FMT_CHANGE_DISCARD, 0, 512), 0);
    /* What waits for the second state is deaf in the first, which ends with a write. */
    image->driver->event(image, FMT_EVENT_WRITE_AIO);
    assert_int_equal(changed(image, FMT_CHANGE_WRITE, 0, 512), 0);
    /* It takes the place of the others, once. */
    image->driver->event(image, FMT_EVENT_WRITE_AIO);
    assert_int_equal(changed(image, FMT_CHANGE_ZERO, 0, 512), 0);
    assert_int_equal(changed(image, FMT_CHANGE_WRITE, 0, 512), -FMT_EIO);
    image->driver->event(image, FMT_EVENT_WRITE_AIO);
    assert_int_equal(changed(image, FMT_CHANGE_WRITE, 0, 512), 0);
    option[1] = number("no-flush", 1);
    assert_int_equal(open_parts(world, "blkdebug", 1, &options, &image), 0);
    assert_int_equal(changed(image, FMT_CHANGE_FLUSH, 0, 0), 0);
    fake_world_free(world);
}

/* A window of a file, as the file of another image. */
static void test_raw_changes(void **state)
{
    struct fmt_option option[] = {number("offset", 512), number("size", 1024)};
    struct fmt_options options = {option, 1};
    struct fake_world *world = fake_world_new();
    struct fmt_image *image;
    uint64_t at = 4096;

    (void)state;
    assert_int_equal(open_raw(world, 2048, &options, &image), 0);
    assert_int_equal(image->driver->pass_change(image, FMT_CHANGE_WRITE, &at, 512), 0);
    assert_int_equal(at, 4608);
    at = UINT64_MAX;
    assert_int_equal(image->driver->pass_change(image, FMT_CHANGE_WRITE, &at, 0), -FMT_EINVAL);
    options.count = 2;
    assert_int_equal(open_raw(world, 2048, &options, &image), 0);
    at = 512;
    assert_int_equal(image->driver->pass_change(image, FMT_CHANGE_WRITE, &at, 1024), -FMT_ENOSPC);
    assert_int_equal(image->driver->pass_change(image, FMT_CHANGE_SIZE, &at, 0), -FMT_ENOTSUP);
    assert_int_equal(image->driver->pass_change(image, FMT_CHANGE_ZERO, &at, 512), 0);
    assert_int_equal(at, 1024);
    fake_world_free(world);
}

static void test_failing_io(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 3; n++) {
        struct fake_world *world = fake_world_new();
        struct fmt_image *image = NULL;
        world->fail_at = n;
        assert_true(open_raw(world, 1000, NULL, &image) < 0);
        assert_null(image);
        assert_true(world->error.frames > 0);
        fake_world_free(world);
    }
}

/* The file system is asked once, until something is written. */
static void test_holes_kept(void **state)
{
    struct fake_world *world = fake_world_new();
    static uint8_t zeroes[8192];
    uint32_t device = fake_device_add(world, "r", zeroes, sizeof(zeroes));
    struct fmt_image *image = driver_open(world, "raw", device, FMT_OPEN_WRITABLE);
    struct fmt_extent extent;

    (void)state;
    unsigned before = world->requests;
    for (uint64_t offset = 0; offset < 8192; offset += 512) {
        assert_int_equal(fmt_image_map(image, offset, 512, &extent), 0);
        assert_int_equal(extent.length, 512);
        assert_int_equal(extent.device_off, offset);
    }
    assert_int_equal(world->requests, before + 1);
    assert_int_equal(fmt_image_allocate(image, 0, 512, &extent), 0);
    assert_int_equal(fmt_image_map(image, 0, 512, &extent), 0);
    assert_int_equal(world->requests, before + 2);
    assert_int_equal(fmt_image_write_zeroes(image, 0, 512, true), 0);
    before = world->requests;
    assert_int_equal(fmt_image_map(image, 0, 512, &extent), 0);
    assert_int_equal(world->requests, before + 1);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),           cmocka_unit_test(test_create),
        cmocka_unit_test(test_through),          cmocka_unit_test(test_null),
        cmocka_unit_test(test_failing_io),       cmocka_unit_test(test_quorum),
        cmocka_unit_test(test_parts_refused),    cmocka_unit_test(test_blkverify),
        cmocka_unit_test(test_blkdebug_failing), cmocka_unit_test(test_holes_kept),
        cmocka_unit_test(test_blkdebug_changes), cmocka_unit_test(test_raw_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
