/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A test of drivers with backing files; see driver-test.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/append.h"
#include "driver-test.h"

enum { OVERLAY_BYTES = 16 << 10 };

/* Write the new data into the overlay with the n-th request failing. Returns whether there was one.
 */
static bool failing_overlay(const char *format, const struct driver_option *options,
                            const uint8_t *old, const uint8_t *new, unsigned n)
{
    enum { AT = 3 * FMT_SECTOR_BYTES, LENGTH = OVERLAY_BYTES - 2 * AT };
    struct fake_world *world = fake_world_new();
    uint32_t base = fake_device_add(world, "base", old, OVERLAY_BYTES), device;
    static uint8_t found[OVERLAY_BYTES];

    assert_int_equal(driver_create(world, format, OVERLAY_BYTES, options, "base", &device), 0);
    struct fmt_image *backing = driver_open(world, "raw", base, 0);
    struct fmt_image *image = driver_open(world, format, device, FMT_OPEN_WRITABLE);
    image->backing = backing;
    world->fail_at = world->requests + n;
    int r = fmt_image_write(image, AT, new + AT, LENGTH);
    bool reached = world->requests >= world->fail_at;
    world->fail_at = 0;
    assert_true(r == 0 || reached);
    assert_int_equal(fmt_image_finish(image), 0);
    image = driver_open(world, format, device, 0);
    image->backing = backing;
    assert_int_equal(
        fmt_backing_read(
            &(struct fmt_image){.driver = image->driver, .env = image->env, .backing = image}, 0,
            found, OVERLAY_BYTES),
        0);
    for (size_t at = 0; at < OVERLAY_BYTES; at += FMT_SECTOR_BYTES) {
        bool is_new = memcmp(found + at, new + at, FMT_SECTOR_BYTES) == 0;
        if ((r == 0 && at >= AT && at < AT + LENGTH && !is_new) ||
            (!is_new && memcmp(found + at, old + at, FMT_SECTOR_BYTES) != 0))
            fail_msg("%s: sector %zu, if request %u fails", format, at / FMT_SECTOR_BYTES, n);
    }
    fake_world_free(world);
    return reached;
}

void driver_test_failing_overlay(const char *format, const struct driver_option *options)
{
    static uint8_t old[OVERLAY_BYTES], new[OVERLAY_BYTES];

    memset(old, 'o', sizeof(old));
    memset(new, 'n', sizeof(new));
    for (unsigned n = 1; failing_overlay(format, options, old, new, n); n++)
        ;
}
