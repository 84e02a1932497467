/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: writing. Contents against a model, reference counts against a recount, failing requests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "driver-test.h"
#include "qcow2-recount.h"
#include "qcow2/qcow2-write.h"

enum { DISK_BYTES = (1 << 20) - 512, OPERATIONS = 30 };
enum { KINDS_FAILING = 9 }; /* not those with large clusters, data files, encryption */

static const struct driver_option usual[] = {NUMBER("cluster_size", 65536), {0}};
static const struct driver_option narrow[] = {
    NUMBER("cluster_size", 512), NUMBER("refcount_bits", 1), {0}};
static const struct driver_option old[] = {
    NUMBER("cluster_size", 512), TEXT("compat", "0.10"), {0}};
static const struct driver_option wide[] = {
    NUMBER("cluster_size", 1024), NUMBER("refcount_bits", 64), {0}};
static const struct driver_option zstd[] = {NUMBER("cluster_size", 4096),
                                            NUMBER("refcount_bits", 2),
                                            TEXT("compression_type", "zstd"),
                                            {0}};
static const struct driver_option large[] = {
    NUMBER("cluster_size", 2 << 20), NUMBER("refcount_bits", 32), {0}};
static const struct driver_option subclusters[] = {
    NUMBER("cluster_size", 16384), SWITCH("extended_l2"), {0}};
static const struct driver_option lazy[] = {
    NUMBER("cluster_size", 65536), SWITCH("extended_l2"), SWITCH("lazy_refcounts"), {0}};
static const struct driver_option metadata[] = {
    NUMBER("cluster_size", 4096), TEXT("preallocation", "metadata"), {0}};
static const struct driver_option full[] = {
    NUMBER("cluster_size", 65536), TEXT("preallocation", "full"), TEXT("compat", "0.10"), {0}};
static const struct driver_option data_file[] = {
    NUMBER("cluster_size", 4096), TEXT("data_file", "data"), {0}};
static const struct driver_option raw_data[] = {NUMBER("cluster_size", 65536),
                                                SWITCH("extended_l2"),
                                                TEXT("data_file", "data"),
                                                SWITCH("data_file_raw"),
                                                {0}};
static const struct driver_option aes[] = {NUMBER("cluster_size", 4096),
                                           TEXT("encrypt.format", "aes"),
                                           TEXT("encrypt.key-secret", "s"),
                                           {0}};
static const struct driver_option luks[] = {NUMBER("cluster_size", 4096),
                                            TEXT("encrypt.format", "luks"),
                                            TEXT("encrypt.key-secret", "s"),
                                            NUMBER("encrypt.iter-time", 0),
                                            {0}};
static const struct driver_option *const kinds[] = {
    usual,    narrow, old,   wide,      zstd,     subclusters, lazy,
    metadata, full,   large, data_file, raw_data, aes,         luks,
};

/* ---- a model of the disk ---- */

struct model {
    uint8_t *bytes;
    uint32_t seed;
    bool compress; /* also write compressed clusters, where that is possible */
};

static uint32_t any(struct model *m, uint32_t below)
{
    m->seed = m->seed * 1103515245 + 12345;
    return (m->seed >> 8) % below;
}

static void pattern(struct model *m, uint8_t *to, size_t length, unsigned number)
{
    bool noise = any(m, 3) == 0;
    uint32_t seed = number;

    for (size_t i = 0; i < length; i++) {
        seed = seed * 1103515245 + 12345;
        to[i] = noise ? (uint8_t)(seed >> 20) : (uint8_t)(number + i / 700);
    }
}

/* One change of the image and of the model. Returns what the driver did. */
static int operate(struct fmt_image *image, struct model *m, unsigned number)
{
    static uint8_t buffer[4 << 20];
    const struct qcow2_state *state = image->state;
    uint64_t size = image->facts.virtual_bytes, cluster = image->facts.cluster_bytes;
    uint64_t sectors = size / 512, offset = any(m, (uint32_t)sectors) * UINT64_C(512);
    uint64_t length = (1 + any(m, any(m, 4) ? 24 : 512)) * UINT64_C(512);
    unsigned kind = any(m, 4);

    if (any(m, 3) == 0)
        offset -= offset % cluster;
    length = min_u64(length, size - offset);
    if (kind == 0) {
        memset(m->bytes + offset, 0, length);
        return image->driver->write_zeroes(image, offset, length, any(m, 2));
    }
    if (kind == 1 && m->compress) {
        struct qcow2_entry entry;
        offset -= offset % cluster;
        length = min_u64(cluster, size - offset);
        pattern(m, buffer, length, number);
        int r = state->writer ? qcow2_entry_find(image, offset, &entry) : -1;
        bool taken = r < 0 || entry.value & QCOW2_OFFSET_MASK;
        r = image->driver->write_compressed(image, offset, buffer, length);
        if (taken && r == -FMT_EIO)
            return 0;
        memcpy(m->bytes + offset, buffer, length);
        return r;
    }
    pattern(m, buffer, length, number);
    memcpy(m->bytes + offset, buffer, length);
    return image->driver->write(image, offset, buffer, length);
}

static int operate_all(struct fmt_image *image, struct model *m)
{
    int r = 0;

    if (image->facts.encrypted && m->seed == 1)
        r = image->driver->write_zeroes(image, 0, image->facts.virtual_bytes, false);
    for (unsigned i = 0; r == 0 && i < OPERATIONS; i++)
        r = operate(image, m, i + m->seed);
    return r == 0 ? image->driver->finish(image) : r;
}

static bool reads_as(struct fmt_image *image, const uint8_t *bytes)
{
    size_t size = (size_t)image->facts.virtual_bytes;
    uint8_t *read = malloc(size + 1);

    assert_int_equal(qcow2_chain_read(image, 0, read, size), 0);
    bool same = memcmp(read, bytes, size) == 0;
    free(read);
    return same;
}

static bool has_option(const struct driver_option *options, const char *name)
{
    while (options->name && strcmp(options->name, name) != 0)
        options++;
    return options->name;
}

static bool compressible(const struct driver_option *options)
{
    return !has_option(options, "data_file") && !has_option(options, "encrypt.format");
}

static struct fmt_image *open_again(struct fake_world *world, uint32_t device, uint32_t flags)
{
    fake_world_reset(world);
    return driver_open(world, "qcow2", device, flags);
}

/* Changes of a new image, then, after opening it again, changes of one that is in use. */
static void test_contents(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct fake_world *world = fake_world_new();
        struct model m = {calloc(1, DISK_BYTES), 1, compressible(kinds[i])};
        uint32_t device;
        if (has_option(kinds[i], "data_file"))
            fake_device_add(world, "data", NULL, 0);
        assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, kinds[i], NULL, &device), 0);
        for (unsigned turn = 0; turn < 3; turn++) {
            uint32_t flags = FMT_OPEN_WRITABLE | (turn ? 0 : FMT_OPEN_NEW);
            struct fmt_image *image = open_again(world, device, flags);
            assert_int_equal(operate_all(image, &m), 0);
            assert_true(reads_as(image, m.bytes));
            assert_true(reads_as(open_again(world, device, 0), m.bytes));
            qcow2_recount(world, device, NULL, false);
        }
        free(m.bytes);
        fake_world_free(world);
    }
}

/* What lies below shows through where nothing was written. */
static void test_overlay(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct fake_world *world = fake_world_new();
        struct model m = {calloc(1, DISK_BYTES), 1, false};
        uint32_t device, backing_device;
        for (size_t at = 0; at < DISK_BYTES / 2; at++)
            m.bytes[at] = (uint8_t)(at / 512 + 1);
        backing_device = fake_device_add(world, "base", m.bytes, DISK_BYTES / 2);
        assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, kinds[i], "base", &device), 0);
        struct fmt_image *image = open_again(world, device, FMT_OPEN_WRITABLE | FMT_OPEN_NEW);
        image->backing = driver_open(world, "raw", backing_device, 0);
        assert_int_equal(operate_all(image, &m), 0);
        assert_true(reads_as(image, m.bytes));
        image = open_again(world, device, 0);
        image->backing = driver_open(world, "raw", backing_device, 0);
        assert_true(reads_as(image, m.bytes));
        qcow2_recount(world, device, NULL, false);
        free(m.bytes);
        fake_world_free(world);
    }
}

/* ---- shared clusters ---- */

static void count_add(struct fake_world *world, const struct fmt_image *image, uint64_t offset)
{
    const struct qcow2_state *state = image->state;
    uint8_t *data = world->device[image->device].data;
    uint64_t cluster = offset / state->cluster_bytes;
    uint64_t block = be64_load(data + state->header.refcount_table_off +
                               (cluster >> state->refcounts.block_bits) * 8);
    uint8_t *count = data + block + (cluster % (UINT64_C(1) << state->refcounts.block_bits)) * 2;

    be16_store(count, (uint16_t)(be16_load(count) + 1));
}

/* Let a snapshot have all that the disk has: another L1 table, which is returned. */
static uint8_t *all_share(struct fake_world *world, struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    uint8_t *data = world->device[image->device].data, *l1 = data + state->header.l1_off;
    size_t bytes = state->header.l1_entries * (size_t)8;
    uint8_t *copy = malloc(bytes);

    for (uint32_t i = 0; i < state->header.l1_entries; i++) {
        uint64_t l2_off = be64_load(l1 + i * 8) & QCOW2_OFFSET_MASK;
        be64_store(l1 + i * 8, l2_off);
        if (l2_off == 0)
            continue;
        count_add(world, image, l2_off);
        for (uint64_t at = l2_off; at < l2_off + state->cluster_bytes; at += 8) {
            uint64_t entry = be64_load(data + at) & ~QCOW2_COPIED;
            be64_store(data + at, entry);
            if (entry & QCOW2_OFFSET_MASK)
                count_add(world, image, entry & QCOW2_OFFSET_MASK);
        }
    }
    memcpy(copy, l1, bytes);
    return copy;
}

static void test_shared(void **state)
{
    static const struct driver_option options[] = {NUMBER("cluster_size", 4096), {0}};
    struct fake_world *world = fake_world_new();
    struct model m = {calloc(1, DISK_BYTES), 1, false};
    uint8_t *before = malloc(DISK_BYTES);
    uint32_t device;

    (void)state;
    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, options, NULL, &device), 0);
    assert_int_equal(operate_all(open_again(world, device, FMT_OPEN_WRITABLE), &m), 0);
    memcpy(before, m.bytes, DISK_BYTES);
    uint8_t *l1 = all_share(world, open_again(world, device, 0));
    struct fmt_image *image = open_again(world, device, FMT_OPEN_WRITABLE);
    assert_int_equal(operate_all(image, &m), 0);
    assert_true(reads_as(image, m.bytes));
    qcow2_recount(world, device, l1, false);
    image = open_again(world, device, 0);
    const struct qcow2_header *h = &((struct qcow2_state *)image->state)->header;
    memcpy(world->device[device].data + h->l1_off, l1, h->l1_entries * (size_t)8);
    assert_true(reads_as(open_again(world, device, 0), before));
    free(l1);
    free(before);
    free(m.bytes);
    fake_world_free(world);
}

/* ---- failures ---- */

/* A new image whose writing failed is refused, or it is empty, or all is there. */
static void remains_check(struct fake_world *world, uint32_t device, const uint8_t *whole)
{
    static const uint8_t empty[DISK_BYTES];
    struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("qcow2")),
                                  .device = device,
                                  .options = &world->node_options};
    struct fmt_image *image;

    fake_world_reset(world);
    if (fmt_image_open(&world->env, &spec, &image) < 0) {
        assert_string_equal(fake_error(world), "QCOW2_VERSION(4294967295)");
        return;
    }
    assert_true(reads_as(image, empty) || reads_as(image, whole));
    qcow2_recount(world, device, NULL, true);
}

/* The image of kind @i changed with the @n-th request failing (0: none). Returns whether that was
 * reached. @world has the image as @device afterwards, @m what it would hold. */
static bool fail_at(struct fake_world *world, struct model *m, size_t i, unsigned n,
                    uint32_t *device)
{
    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, kinds[i], NULL, device), 0);
    struct fmt_image *image = open_again(world, *device, FMT_OPEN_WRITABLE | FMT_OPEN_NEW);
    world->fail_at = n ? world->requests + n : 0;
    int r = operate_all(image, m);
    bool reached = n && world->requests >= world->fail_at;
    assert_true(r == 0 || reached);
    return reached;
}

static void test_failing_new(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS_FAILING; i++) {
        struct fake_world *world = fake_world_new();
        struct model whole = {calloc(1, DISK_BYTES), 1, true};
        bool reached = true;
        uint32_t device;
        fail_at(world, &whole, i, 0, &device);
        fake_world_free(world);
        for (unsigned n = 1; reached; n += 1 + n / 4) {
            struct model m = {calloc(1, DISK_BYTES), 1, true};
            world = fake_world_new();
            reached = fail_at(world, &m, i, n, &device);
            remains_check(world, device, whole.bytes);
            fake_world_free(world);
            free(m.bytes);
        }
        free(whole.bytes);
    }
}

/* An image in use is never left with clusters that are used more often than they are counted. */
static void test_failing_overlay(void **state)
{
    static const struct driver_option *const rows[] = {usual, luks};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        driver_test_failing_overlay("qcow2", rows[i]);
}

static void test_failing_used(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS_FAILING; i++) {
        bool reached = true;
        for (unsigned n = 1; reached; n += 1 + n / 4) {
            struct fake_world *world = fake_world_new();
            struct model m = {calloc(1, DISK_BYTES), 1, true};
            uint32_t device;
            fail_at(world, &m, i, 0, &device);
            struct fmt_image *image = open_again(world, device, FMT_OPEN_WRITABLE);
            world->fail_at = world->requests + n;
            int r = operate_all(image, &m);
            reached = world->requests >= world->fail_at;
            assert_true(r == 0 || reached);
            fake_world_reset(world);
            qcow2_recount(world, device, NULL, true);
            fake_world_free(world);
            free(m.bytes);
        }
    }
}

/* Compressing needs no image that can be written, and changes none. */
static void test_compress(void **state)
{
    enum { CLUSTER = 4096 };
    static const struct driver_option options[] = {NUMBER("cluster_size", CLUSTER), {0}};
    struct fake_world *world = fake_world_new();
    struct fmt_compressor compressor = {.arena = &world->arena, .level = 9};
    uint8_t in[CLUSTER], out[CLUSTER];
    size_t bytes;
    uint32_t device;

    (void)state;
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i / 7);
    assert_int_equal(driver_create(world, "qcow2", DISK_BYTES, options, NULL, &device), 0);
    struct fmt_image *image = driver_open(world, "qcow2", device, FMT_OPEN_WRITABLE);
    unsigned requests = world->requests;
    assert_int_equal(image->driver->compress(image, &compressor, in, out, &bytes), 0);
    assert_int_equal(world->requests, requests);
    assert_in_range(bytes, 1, CLUSTER - 1);
    assert_int_equal(image->driver->write_coded(image, CLUSTER, out, bytes), 0);
    assert_int_equal(image->driver->write_coded(image, CLUSTER, out, bytes), -FMT_EIO);
    assert_int_equal(image->driver->write_coded(image, 1, out, bytes), -FMT_EINVAL);
    assert_int_equal(image->driver->finish(image), 0);
    assert_int_equal(image->driver->read(image, CLUSTER, out, CLUSTER), 0);
    assert_memory_equal(in, out, CLUSTER);
    for (size_t i = 0, seed = 1; i < sizeof(in); i++, seed = seed * 1103515245 + 12345)
        in[i] = (uint8_t)(seed >> 16);
    assert_int_equal(image->driver->compress(image, &compressor, in, out, &bytes), 0);
    assert_int_equal(bytes, 0);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),        cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_shared),          cmocka_unit_test(test_failing_new),
        cmocka_unit_test(test_failing_used),    cmocka_unit_test(test_compress),
        cmocka_unit_test(test_failing_overlay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
