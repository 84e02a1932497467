/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests common to all drivers; see driver-test.h. */
#include "driver-test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* All fields and checksums lie in the first METADATA_BYTES_MAX bytes. */
enum {
    METADATA_BYTES_MAX = 4 << 20,
    OPTIONS_MAX = 8,
    USE_EXTENTS_MAX = 64,
    USE_READ_BYTES = 4096,
    USE_CODED_BYTES_MAX = 2 << 20
};

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
        if (strstr(o->name, "key-secret")) {
            world->node_option = row[typed.count];
            world->node_options = (struct fmt_options){&world->node_option, 1};
        }
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
                                  .filename = fmt_bytes_of("image"),
                                  .options = &world->node_options};
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

struct fmt_image *driver_try_open(struct fake_world *world, const char *format, uint32_t device,
                                  uint32_t flags)
{
    struct fmt_image *image = NULL;

    fake_world_reset(world);
    return open_device(world, format, device, flags, &image) < 0 ? NULL : image;
}

/* The size of the disk that the options make. */
static uint64_t whole_bytes(const char *format, uint64_t bytes, const struct driver_option *options)
{
    struct fake_world *world = fake_world_new();
    uint32_t device;

    assert_int_equal(driver_create(world, format, bytes, options, NULL, &device), 0);
    uint64_t whole = driver_open(world, format, device, 0)->facts.virtual_bytes;
    fake_world_free(world);
    return whole;
}

/* What an interrupted creation has left must not be taken for an image of another size. */
static void remains_check(struct fake_world *world, uint32_t device, const char *format,
                          uint64_t bytes)
{
    struct fmt_image_spec spec = {.device = device, .filename = fmt_bytes_of("remains")};
    struct fmt_image *image = NULL;

    fake_world_reset(world);
    if (fmt_image_open(&world->env, &spec, &image) < 0 || strcmp(image->driver->name, "raw") == 0)
        return;
    assert_string_equal(image->driver->name, format);
    assert_int_equal(image->facts.virtual_bytes, bytes);
}

void driver_test_failing_create(const char *format, uint64_t bytes,
                                const struct driver_option *options)
{
    uint64_t whole = whole_bytes(format, bytes, options);

    for (unsigned n = 1;; n++) {
        struct fake_world *world = fake_world_new();
        uint32_t device;
        world->fail_at = n;
        int r = driver_create(world, format, bytes, options, NULL, &device);
        bool reached = world->requests >= n;
        assert_int_equal(r < 0, reached);
        assert_int_equal(world->error.frames > 0, reached);
        remains_check(world, device, format, whole);
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
        for (size_t v = 0; v < 2 * COUNT(values); v++) {
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

static void refusal_test(struct fake_world *world, const char *format, uint32_t device,
                         enum driver_order order, const struct driver_refusal *row)
{
    uint8_t saved[8], *at = world->device[device].data + row->offset;

    memcpy(saved, at, row->bytes);
    for (unsigned i = 0; i < row->bytes; i++) {
        unsigned place = order == DRIVER_LITTLE_ENDIAN ? i : row->bytes - 1 - i;
        at[place] = (uint8_t)(row->value >> 8 * i);
    }
    assert_null(driver_try_open(world, format, device, 0));
    assert_string_equal(fake_error(world), row->error);
    memcpy(at, saved, row->bytes);
}

void driver_test_refusals(struct fake_world *world, const char *format, uint32_t device,
                          enum driver_order order, const struct driver_refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        refusal_test(world, format, device, order, &rows[i]);
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

/* Decode as guest-ops/reads.c does: any vCPU, with nothing but what lies at the extent's place. The
 * memory is of exactly the length, so that sanitizers see each byte beyond. */
static void coded_use(struct fmt_image *image, struct fmt_decoder *decoder, uint64_t at,
                      const struct fmt_extent *extent)
{
    uint64_t bytes = extent->coded_in_place ? extent->length : extent->coded_bytes;

    if (!image->driver->decode || bytes == 0 || bytes > USE_CODED_BYTES_MAX ||
        extent->length > USE_CODED_BYTES_MAX ||
        (extent->coded_in_place && extent->length % FMT_SECTOR_BYTES != 0))
        return;
    uint8_t *coded = malloc(bytes), *out = extent->coded_in_place ? coded : malloc(extent->length);
    assert_true(coded && out);
    if (io_read(image->env, extent->device, extent->device_off, coded, bytes) == 0)
        image->driver->decode(image, decoder, at, extent, coded, out);
    if (out != coded)
        free(out);
    free(coded);
}

void driver_use(struct fmt_image *image)
{
    static uint8_t buffer[USE_READ_BYTES];
    struct fmt_decoder decoder = {.arena = image->env->arena};
    uint64_t at = 0, size = image->facts.virtual_bytes;

    for (unsigned n = 0; n < USE_EXTENTS_MAX && at < size; n++) {
        struct fmt_extent extent;
        if (fmt_image_map(image, at, size - at, &extent) < 0)
            break;
        if (extent.kind == FMT_EXTENT_DATA || extent.kind == FMT_EXTENT_CODED)
            fmt_image_read(image, at, buffer, (size_t)min_u64(extent.length, sizeof(buffer)));
        if (extent.kind == FMT_EXTENT_CODED)
            coded_use(image, &decoder, at, &extent);
        at += extent.length;
    }
    if (size)
        fmt_image_read(image, size - 1, buffer, 1);
}

/* ---- writing ---- */

enum { WRITES = 40, WRITE_BYTES_MAX = 300 << 10, SHADOW_BYTES_MAX = 16 << 20 };

/* A sequence of pieces, the same in each run. */
struct pieces {
    uint32_t seed;
    uint64_t offset;
    size_t length;
};

static uint32_t pieces_random(struct pieces *p)
{
    p->seed = p->seed * 1103515245 + 12345;
    return p->seed >> 8;
}

/* Small and large pieces, in sectors. */
static void pieces_next(struct pieces *p, uint64_t bytes)
{
    uint64_t sectors = bytes / FMT_SECTOR_BYTES;
    size_t most = pieces_random(p) % 3 ? 20 : WRITE_BYTES_MAX / FMT_SECTOR_BYTES;

    p->offset = pieces_random(p) % sectors;
    p->length = 1 + pieces_random(p) % most;
    p->length = (size_t)min_u64(p->length, sectors - p->offset) * FMT_SECTOR_BYTES;
    p->offset *= FMT_SECTOR_BYTES;
}

/* Whole clusters, where pieces are to be compressed. */
static void pieces_align(struct pieces *p, const struct fmt_image *image)
{
    uint64_t cluster = image->facts.cluster_bytes, size = image->facts.virtual_bytes;

    p->offset -= p->offset % cluster;
    p->length = (size_t)min_u64(cluster, size - p->offset);
}

static int pieces_write(struct fmt_image *image, uint8_t *shadow)
{
    const struct fmt_driver *driver = image->driver;
    static uint8_t buffer[WRITE_BYTES_MAX];
    struct pieces p = {.seed = 7};
    int r = 0;

    if (image->facts.encrypted) /* a new one reads as anything */
        r = driver->write_zeroes(image, 0, image->facts.virtual_bytes, false);
    for (unsigned n = 0; r == 0 && n < WRITES; n++) {
        pieces_next(&p, image->facts.virtual_bytes);
        bool compressed = driver->write_compressed && n % 4 == 1, zeroes = n % 4 == 2;
        if (compressed)
            pieces_align(&p, image);
        memset(buffer, zeroes ? 0 : (int)n + 1, p.length);
        if (shadow)
            memcpy(shadow + p.offset, buffer, p.length);
        if (compressed)
            r = driver->write_compressed(image, p.offset, buffer, p.length);
        else if (zeroes)
            r = driver->write_zeroes(image, p.offset, p.length, true);
        else
            r = driver->write(image, p.offset, buffer, p.length);
    }
    return r == 0 ? driver->finish(image) : r;
}

static void read_compare(struct fmt_image *image, const uint8_t *shadow, uint8_t *buffer)
{
    uint64_t size = image->facts.virtual_bytes;

    assert_int_equal(fmt_image_read(image, 0, buffer, size), 0);
    assert_memory_equal(buffer, shadow, size);
}

struct findings {
    char text[4096];
    size_t used;
};

static void finding_add(void *ctx, enum fmt_error_code code, const struct fmt_error_arg *args,
                        unsigned count)
{
    struct findings *f = ctx;

    f->used += fake_code_text(f->text + f->used, sizeof(f->text) - f->used, code, args, count);
    if (f->used + 1 < sizeof(f->text)) {
        f->text[f->used++] = '\n';
        f->text[f->used] = '\0';
    }
}

const char *driver_check(struct fake_world *world, struct fmt_image *image, struct fmt_check *check,
                         unsigned fix)
{
    static struct findings findings;

    findings = (struct findings){.used = 0};
    *check = (struct fmt_check){.finding = finding_add, .finding_ctx = &findings};
    if (image->driver->check(image, check, fix) < 0)
        fail_msg("check: %s", fake_error(world));
    return findings.text;
}

/* What the disk holds, of @bytes bytes; false if the image is refused. */
static bool disk_read(struct fake_world *world, const char *format, uint32_t device, uint8_t *to,
                      size_t bytes)
{
    struct fmt_image *image;

    fake_world_reset(world);
    if (open_device(world, format, device, 0, &image) < 0)
        return false;
    assert_int_equal(image->facts.virtual_bytes, bytes);
    assert_int_equal(fmt_image_read(image, 0, to, bytes), 0);
    return true;
}

/* What was to be a new image is refused, as it was before, or whole: from the request on that
 * nothing could follow. */
static void new_check(struct fake_world *world, const char *format, uint32_t device,
                      const uint8_t *before, const uint8_t *whole, size_t bytes, unsigned n)
{
    uint8_t *found = malloc(bytes);

    if (disk_read(world, format, device, found, bytes) && memcmp(found, before, bytes) != 0 &&
        memcmp(found, whole, bytes) != 0)
        fail_msg("%s: half-written, if request %u fails", format, n);
    free(found);
}

/* Write with the n-th request failing. Returns whether there was one. */
static bool failing_write(const char *format, uint64_t bytes, const struct driver_option *options,
                          unsigned n, bool is_new)
{
    struct fake_world *world = fake_world_new();
    uint32_t device, flags = FMT_OPEN_WRITABLE | (is_new ? FMT_OPEN_NEW : 0);

    assert_int_equal(driver_create(world, format, bytes, options, NULL, &device), 0);
    size_t disk_bytes = driver_open(world, format, device, 0)->facts.virtual_bytes;
    uint8_t *before = malloc(disk_bytes), *whole = calloc(1, disk_bytes);
    assert_true(disk_read(world, format, device, before, disk_bytes));
    fake_world_reset(world);
    struct fmt_image *image = driver_open(world, format, device, flags);
    world->fail_at = world->requests + n;
    int r = pieces_write(image, whole);
    bool reached = world->requests >= world->fail_at;
    assert_true(r == 0 || reached);
    world->fail_at = 0;
    if (is_new && r < 0)
        new_check(world, format, device, before, whole, disk_bytes, n);
    fake_world_free(world);
    free(before);
    free(whole);
    return reached;
}

void driver_test_failing_write(const char *format, uint64_t bytes,
                               const struct driver_option *options)
{
    for (unsigned n = 1; failing_write(format, bytes, options, n, false); n += 1 + n / 2)
        ;
    for (unsigned n = 1; failing_write(format, bytes, options, n, true); n += 1 + n / 4)
        ;
}

void driver_test_write(const char *format, uint64_t bytes, const struct driver_option *options)
{
    struct fake_world *world = fake_world_new();
    uint8_t *shadow = calloc(1, SHADOW_BYTES_MAX), *buffer = malloc(SHADOW_BYTES_MAX);
    struct fmt_check check;
    uint32_t device;

    assert_int_equal(driver_create(world, format, bytes, options, NULL, &device), 0);
    struct fmt_image *image = driver_open(world, format, device, FMT_OPEN_WRITABLE);
    assert_true(image->facts.virtual_bytes <= SHADOW_BYTES_MAX);
    assert_int_equal(pieces_write(image, shadow), 0);
    read_compare(image, shadow, buffer);
    image = driver_open(world, format, device, 0);
    read_compare(image, shadow, buffer);
    if (image->driver->check) {
        image = driver_open(world, format, device, FMT_OPEN_CHECK);
        assert_string_equal(driver_check(world, image, &check, 0), "");
        assert_int_equal(check.corruptions + check.leaks + check.check_errors, 0);
    }
    free(shadow);
    free(buffer);
    fake_world_free(world);
}
