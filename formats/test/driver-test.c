/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests common to all drivers; see driver-test.h. */
#include "driver-test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* All fields and checksums lie in the first METADATA_BYTES_MAX bytes. */
enum { METADATA_BYTES_MAX = 4 << 20, OPTIONS_MAX = 8, USE_EXTENTS_MAX = 64, USE_READ_BYTES = 4096 };

int driver_create(struct fake_world *world, const char *format, uint64_t bytes,
                  const struct driver_option *options, const char *backing, uint32_t *device)
{
    const struct fmt_driver *driver = fmt_driver_find(fmt_bytes_of(format));
    struct fmt_option row[OPTIONS_MAX];
    struct fmt_options typed = {row, 0};

    for (; options && options[typed.count].name; typed.count++) {
        const struct driver_option *o = &options[typed.count];
        row[typed.count] = (struct fmt_option){fmt_bytes_of(o->name), o->type, o->number,
                                               fmt_bytes_of(o->text ? o->text : "")};
    }
    *device = fake_device_add(world, format, NULL, 0);
    struct fmt_create create = {.device = *device,
                                .virtual_bytes = bytes,
                                .filename = fmt_bytes_of(format),
                                .options = &typed};
    if (backing) {
        create.backing_present = true;
        create.backing_name = fmt_bytes_of(backing);
        create.backing_format = fmt_bytes_of("raw");
    }
    assert_non_null(driver);
    return driver->create(&world->env, &create);
}

static int open_device(struct fake_world *world, const char *format, uint32_t device,
                       uint32_t flags, struct fmt_image **image)
{
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of(format)),
                                  .device = device,
                                  .flags = flags,
                                  .filename = fmt_bytes_of("image")};
    return fmt_image_open(&world->env, &spec, image);
}

struct fmt_image *driver_open(struct fake_world *world, const char *format, uint32_t device,
                              uint32_t flags)
{
    struct fmt_image *image = NULL;

    if (open_device(world, format, device, flags, &image) < 0)
        fail_msg("%s: %s", format, fake_error(world));
    return image;
}

void driver_test_failing_create(const char *format, uint64_t bytes,
                                const struct driver_option *options)
{
    for (unsigned n = 1;; n++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        world->fail_at = n;
        int r = driver_create(world, format, bytes, options, NULL, &device);
        bool reached = world->requests >= n;
        assert_int_equal(r < 0, reached);
        assert_int_equal(world->error.frames > 0, reached);
        fake_world_free(world);
        if (!reached)
            return;
        assert_true(n < 1000);
    }
}

void driver_test_failing_open(struct fake_world *world, const char *format, uint32_t device,
                              unsigned requests_max)
{
    for (unsigned n = 1; n <= requests_max + 1; n++) {
        struct fmt_image *image = NULL;
        fake_world_reset(world);
        world->fail_at = n;
        int r = open_device(world, format, device, 0, &image);
        if (world->requests < n) {
            assert_int_equal(r, 0);
            fake_world_reset(world);
            return;
        }
        assert_true(r < 0);
        assert_true(world->error.frames > 0);
    }
    fail_msg("%s: opening takes more than %u requests", format, requests_max);
}

/* Open after a change; whatever comes of it, it is a result. */
static void open_and_use(struct fake_world *world, const char *format, uint32_t device,
                         void (*use)(struct fmt_image *image))
{
    struct fmt_image *image = NULL;

    fake_world_reset(world);
    int r = open_device(world, format, device, 0, &image);
    if (r < 0)
        assert_true(world->error.frames > 0);
    else if (use)
        use(image);
}

void driver_test_fields(struct fake_world *world, const char *format, uint32_t device,
                        const struct driver_field *fields, size_t count, void (*fix)(uint8_t *data),
                        void (*use)(struct fmt_image *image))
{
    struct fake_device *d = &world->device[device];
    size_t kept = (size_t)min_u64(d->size_bytes, METADATA_BYTES_MAX);
    uint8_t *saved = malloc(kept);

    memcpy(saved, d->data, kept);
    for (size_t i = 0; i < count; i++) {
        uint64_t max = UINT64_MAX >> (64 - 8 * fields[i].bytes);
        const uint64_t values[] = {0, 1, 2, max / 2, max / 2 + 1, max - 1, max};
        for (size_t v = 0; v < 2 * sizeof(values) / sizeof(values[0]); v++) {
            uint8_t bytes[8];
            if (v % 2 == 0)
                le64_store(bytes, values[v / 2]);
            else
                be64_store(bytes, values[v / 2] << (64 - 8 * fields[i].bytes));
            memcpy(d->data + fields[i].offset, bytes, fields[i].bytes);
            if (fix)
                fix(d->data);
            open_and_use(world, format, device, use);
            memcpy(d->data, saved, kept);
        }
    }
    free(saved);
    fake_world_reset(world);
}

void driver_test_lengths(struct fake_world *world, const char *format, uint32_t device,
                         const uint64_t *lengths, size_t count)
{
    struct fake_device *d = &world->device[device];
    uint64_t whole = d->size_bytes;

    for (size_t i = 0; i < count; i++) {
        d->size_bytes = min_u64(lengths[i], whole);
        open_and_use(world, format, device, driver_use);
    }
    d->size_bytes = whole;
    fake_world_reset(world);
}

void driver_use(struct fmt_image *image)
{
    static uint8_t buffer[USE_READ_BYTES];
    uint64_t at = 0, size = image->facts.virtual_bytes;

    for (unsigned n = 0; n < USE_EXTENTS_MAX && at < size; n++) {
        struct fmt_extent extent;
        if (fmt_image_map(image, at, size - at, &extent) < 0)
            break;
        if (extent.kind == FMT_EXTENT_DATA || extent.kind == FMT_EXTENT_CODED)
            fmt_image_read(image, at, buffer, (size_t)min_u64(extent.length, sizeof(buffer)));
        at += extent.length;
    }
    if (size)
        fmt_image_read(image, size - 1, buffer, 1);
}
