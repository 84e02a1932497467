/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fuzz target of the drivers: open a hostile image, use it, check it, repair it, write to it.
 * Which driver, the environment variable FUZZ_FORMAT tells.
 *
 * An input is a packed image, since images are mostly zeroes: its length in sectors, then pieces
 * {sector, bytes} each with its bytes behind; all numbers 32 bits, little-endian.
 */
#include <stdlib.h>

#include "driver-test.h"

enum {
    IMAGE_BYTES_MAX = 8 << 20,
    ARENA_BYTES = 16 << 20,
    SNAPSHOTS_MAX = 16,
    WRITE_BYTES = 5000,
    COMPRESSED_BYTES_MAX = 64 << 10,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The image that the input describes, as far as it makes sense. */
static void image_unpack(struct fake_device *device, const uint8_t *data, size_t size)
{
    enum { HEAD_BYTES = 8 };
    uint64_t image_bytes = size < 4 ? 0 : le32_load(data) * UINT64_C(512);

    device->size_bytes = min_u64(image_bytes, IMAGE_BYTES_MAX);
    device->data = calloc(1, device->size_bytes + 1);
    if (!device->data)
        abort();
    for (size_t at = 4; at <= size && size - at >= HEAD_BYTES;) {
        uint64_t offset = le32_load(data + at) * UINT64_C(512);
        size_t bytes = (size_t)min_u64(le32_load(data + at + 4), size - at - HEAD_BYTES);
        uint64_t room = offset < device->size_bytes ? device->size_bytes - offset : 0;
        at += HEAD_BYTES;
        if (room)
            memcpy(device->data + offset, data + at, (size_t)min_u64(bytes, room));
        at += bytes;
    }
}

/* What info says is looked at, byte by byte, and dropped. */
static void sink_bytes(void *ctx, const char *key, struct fmt_bytes value)
{
    volatile size_t *sum = ctx;

    *sum += key ? strlen(key) : 0;
    for (size_t i = 0; i < value.length; i++)
        *sum += (uint8_t)value.data[i];
}

static void sink_number(void *ctx, const char *key, int64_t value)
{
    (void)value;
    sink_bytes(ctx, key, (struct fmt_bytes){0});
}

static void sink_bool(void *ctx, const char *key, bool value)
{
    sink_number(ctx, key, value);
}

static void sink_nest(void *ctx, const char *key)
{
    sink_number(ctx, key, 0);
}

static void sink_end(void *ctx)
{
    (void)ctx;
}

static void image_look(struct fmt_image *image)
{
    static const struct fmt_info_ops ops = {
        .bytes = sink_bytes,
        .number = sink_number,
        .boolean = sink_bool,
        .dict = sink_nest,
        .list = sink_nest,
        .end = sink_end,
    };
    size_t sum = 0;
    const struct fmt_info out = {&ops, &sum};

    fmt_image_info(image, &out);
    sink_bytes(&sum, NULL, image->facts.backing_name);
    sink_bytes(&sum, NULL, image->facts.backing_format);
    for (uint32_t i = 0; i < image->facts.snapshot_count && i < SNAPSHOTS_MAX; i++) {
        struct fmt_snapshot snapshot = {0};
        if (fmt_image_snapshot(image, i, &snapshot) < 0)
            break;
        sink_bytes(&sum, NULL, snapshot.id);
        sink_bytes(&sum, NULL, snapshot.name);
    }
    driver_use(image);
}

static void finding_drop(void *ctx, enum fmt_error_code code, const struct fmt_error_arg *args,
                         unsigned count)
{
    (void)ctx;
    (void)code;
    (void)args;
    (void)count;
}

static void message_drop(void *ctx, enum fmt_message_kind kind, enum fmt_error_code code,
                         const struct fmt_error_arg *args, unsigned count)
{
    (void)kind;
    finding_drop(ctx, code, args, count);
}

static struct fmt_image *image_open(struct fake_world *world, const struct fmt_driver *driver,
                                    uint32_t flags)
{
    struct fmt_image_spec spec = {
        .driver = driver, .device = 0, .flags = flags, .filename = fmt_bytes_of("image")};
    struct fmt_image *image = NULL;

    fake_world_reset(world);
    return fmt_image_open(&world->env, &spec, &image) == 0 ? image : NULL;
}

static void image_check(struct fmt_image *image, unsigned fix)
{
    struct fmt_check check = {.finding = finding_drop};

    if (image && image->driver->check)
        image->driver->check(image, &check, fix);
}

static void image_change(struct fmt_image *image)
{
    static const uint8_t buffer[COMPRESSED_BYTES_MAX] = {1};
    const struct fmt_driver *driver = image->driver;
    uint64_t size = image->facts.virtual_bytes / 512 * 512;
    size_t length = (size_t)min_u64(size, WRITE_BYTES / 512 * 512);
    uint64_t cluster = image->facts.cluster_bytes;

    if (length == 0)
        return;
    if (driver->write)
        driver->write(image, size - length, buffer, length);
    if (driver->write_zeroes)
        driver->write_zeroes(image, 0, length, true);
    if (driver->write_compressed && cluster && cluster <= sizeof(buffer))
        driver->write_compressed(image, 0, buffer, (size_t)min_u64(size, cluster));
    if (driver->finish)
        driver->finish(image);
}

/* One world for all runs: fresh memory is what takes most of the time. */
static struct fake_world *world_get(const uint8_t *data, size_t size)
{
    static struct fake_world *world;
    static struct fmt_io_ops ops;

    if (!world) {
        world = fake_world_new();
        ops = *world->env.io;
        ops.message = message_drop;
        world->env.io = &ops;
        world->arena.size_bytes = ARENA_BYTES;
        fake_device_add(world, "image", NULL, 0);
    }
    fake_world_reset(world);
    free(world->device[0].data);
    image_unpack(&world->device[0], data, size);
    return world;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *format = getenv("FUZZ_FORMAT");
    const struct fmt_driver *driver = format ? fmt_driver_find(fmt_bytes_of(format)) : NULL;
    const struct fmt_driver *probed = NULL;
    static const unsigned fixes[] = {0, FMT_FIX_LEAKS, FMT_FIX_LEAKS | FMT_FIX_ERRORS};

    if (!driver)
        return 0;
    struct fake_world *world = world_get(data, size);
    fmt_probe(&world->env, 0, fmt_bytes_of("image"), &probed);
    struct fmt_image *image = image_open(world, driver, 0);
    if (image)
        image_look(image);
    image_open(world, driver, FMT_OPEN_NO_DATA);
    for (size_t i = 0; i < COUNT(fixes); i++)
        image_check(image_open(world, driver, FMT_OPEN_CHECK | (i ? FMT_OPEN_WRITABLE : 0)),
                    fixes[i]);
    image = image_open(world, driver, FMT_OPEN_WRITABLE);
    if (image)
        image_change(image);
    return 0;
}
