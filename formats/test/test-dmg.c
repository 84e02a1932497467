/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DMG: trailers, resource forks, property lists, chunks of all types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <bzlib.h>
#include <cmocka.h>
#include <zlib.h>

#include "dmg/dmg.h"
#include "driver-test.h"

enum {
    CHUNK_BYTES = 4096,
    CHUNK_SECTORS = CHUNK_BYTES / 512,
    FILE_BYTES = 32 << 10,
    TABLE_BYTES = 4096,
    TRAILER_BYTES = 512,
};

/* An image in the making: data, then its table. */
struct maker {
    uint8_t data[FILE_BYTES];
    size_t used;
    uint8_t table[TABLE_BYTES];
    uint32_t entries;
    uint64_t sector;
};

static void entry_put(struct maker *m, uint32_t type, uint64_t sectors, uint64_t offset,
                      uint64_t length)
{
    uint8_t *entry = m->table + DMG_MISH_BYTES + (size_t)m->entries++ * DMG_ENTRY_BYTES;

    be32_store(entry, type);
    be64_store(entry + 8, m->sector);
    be64_store(entry + 16, sectors);
    be64_store(entry + 24, offset);
    be64_store(entry + 32, length);
    m->sector += sectors;
}

/* A chunk full of @byte. */
static void chunk_put(struct maker *m, uint32_t type, int byte)
{
    static uint8_t plain[CHUNK_BYTES];
    uint8_t *to = m->data + m->used;
    uLongf bytes = FILE_BYTES - m->used;
    unsigned bz_bytes = (unsigned)bytes;

    memset(plain, byte, sizeof(plain));
    if (type == DMG_ZLIB) {
        assert_int_equal(compress(to, &bytes, plain, sizeof(plain)), Z_OK);
    } else if (type == DMG_BZIP2) {
        assert_int_equal(
            BZ2_bzBuffToBuffCompress((char *)to, &bz_bytes, (char *)plain, sizeof(plain), 9, 0, 0),
            BZ_OK);
        bytes = bz_bytes;
    } else if (type == DMG_LZFSE) {
        memcpy(to, "bvx-", 4);
        le32_store(to + 4, sizeof(plain));
        memcpy(to + 8, plain, sizeof(plain));
        memcpy(to + 8 + sizeof(plain), "bvx$", 4);
        bytes = 8 + sizeof(plain) + 4;
    } else {
        memcpy(to, plain, sizeof(plain));
        bytes = sizeof(plain);
    }
    entry_put(m, type, CHUNK_SECTORS, m->used, bytes);
    m->used += bytes;
}

static size_t table_finish(struct maker *m)
{
    be32_store(m->table, 0x6d697368);
    return DMG_MISH_BYTES + (size_t)m->entries * DMG_ENTRY_BYTES;
}

static uint32_t trailer_put(struct maker *m, struct fake_world *world, size_t field, size_t start)
{
    uint8_t *trailer = m->data + m->used;

    memcpy(trailer, "koly", 4);
    be64_store(trailer + field, start);
    be64_store(trailer + field + 8, m->used - start);
    be64_store(trailer + 0x1ec, m->sector);
    return fake_device_add(world, "dmg", m->data, m->used + TRAILER_BYTES);
}

static uint32_t fork_finish(struct maker *m, struct fake_world *world)
{
    size_t bytes = table_finish(m), start = m->used;
    uint8_t *fork = m->data + start;

    be32_store(fork, 16);
    be32_store(fork + 8, (uint32_t)bytes + 4);
    be32_store(fork + 16, (uint32_t)bytes);
    memcpy(fork + 20, m->table, bytes);
    m->used += 20 + bytes;
    return trailer_put(m, world, 0x28, start);
}

static uint32_t plist_finish(struct maker *m, struct fake_world *world)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t bytes = table_finish(m), start = m->used;
    char *to = (char *)m->data + start;

    to += sprintf(to, "<plist><data>bWlzaA==</data><data>\n");
    for (size_t i = 0; i < bytes; i += 3) {
        uint32_t group =
            (uint32_t)m->table[i] << 16 | (uint32_t)m->table[i + 1] << 8 | m->table[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *to++ = digits[group >> shift & 63];
        if (i % 48 == 45)
            *to++ = '\n';
    }
    to += sprintf(to, "</data></plist>");
    m->used = (size_t)((uint8_t *)to - m->data);
    return trailer_put(m, world, 0xd8, start);
}

/* zlib 'z', bzip2 'b', plain 'r', zeroes, left out, LZFSE 'l': six chunks. */
static void usual_put(struct maker *m)
{
    *m = (struct maker){0};
    chunk_put(m, DMG_ZLIB, 'z');
    chunk_put(m, DMG_BZIP2, 'b');
    chunk_put(m, DMG_RAW, 'r');
    entry_put(m, DMG_ZERO, CHUNK_SECTORS, 0, 0);
    entry_put(m, DMG_IGNORE, CHUNK_SECTORS, 0, 0);
    chunk_put(m, DMG_LZFSE, 'l');
    entry_put(m, DMG_COMMENT, 0, 0, 0);
    entry_put(m, DMG_LAST, 0, 0, 0);
}

static struct maker maker;

static void check_read(struct fake_world *world, uint32_t device)
{
    static const char bytes[] = {'z', 'b', 'r', 0, 0, 'l'};
    static uint8_t buffer[sizeof(bytes) * CHUNK_BYTES];
    struct fmt_image *image = driver_open(world, "dmg", device, 0);

    assert_int_equal(image->facts.virtual_bytes, sizeof(buffer));
    memset(buffer, 1, sizeof(buffer));
    assert_int_equal(fmt_image_read(image, 0, buffer, sizeof(buffer)), 0);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        assert_int_equal(buffer[i * CHUNK_BYTES], bytes[i]);
        assert_int_equal(buffer[(i + 1) * CHUNK_BYTES - 1], bytes[i]);
    }
    assert_int_equal(fmt_image_read(image, CHUNK_BYTES - 1, buffer, 2), 0);
    assert_int_equal(buffer[0], 'z');
    assert_int_equal(buffer[1], 'b');
    assert_string_equal(world->messages, "");
}

static void test_fork(void **state)
{
    struct fake_world *world = fake_world_new();

    (void)state;
    usual_put(&maker);
    check_read(world, fork_finish(&maker, world));
    fake_world_free(world);
}

static void test_plist(void **state)
{
    struct fake_world *world = fake_world_new();

    (void)state;
    usual_put(&maker);
    check_read(world, plist_finish(&maker, world));
    fake_world_free(world);
}

/* Whole chunks can be decoded without the driver's state, from what lies where map() says. */
static void test_decode(void **state)
{
    static const struct {
        char byte;
        bool coded;
    } chunks[] = {
        {'z', true },
        {'b', true },
        {'r', false},
        {0,   false},
        {0,   false},
        {'l', true }
    };
    struct fake_world *world = fake_world_new();
    struct fmt_decoder decoder = {.arena = &world->arena};
    static uint8_t buffer[CHUNK_BYTES];

    (void)state;
    usual_put(&maker);
    struct fmt_image *image = driver_open(world, "dmg", fork_finish(&maker, world), 0);
    for (size_t i = 0; i < COUNT(chunks); i++) {
        struct fmt_extent extent;
        uint64_t at = i * CHUNK_BYTES;
        assert_int_equal(fmt_image_map(image, at, CHUNK_BYTES, &extent), 0);
        assert_int_equal(extent.kind == FMT_EXTENT_CODED, chunks[i].coded);
        assert_int_equal(extent.coded_bytes > 0, chunks[i].coded);
        if (!chunks[i].coded)
            continue;
        const uint8_t *coded = world->device[extent.device].data + extent.device_off;
        assert_int_equal(image->driver->decode(image, &decoder, at, &extent, coded, buffer), 0);
        assert_int_equal(buffer[0], chunks[i].byte);
        assert_int_equal(buffer[CHUNK_BYTES - 1], chunks[i].byte);
        /* The next bytes are none of its kind. */
        assert_int_equal(image->driver->decode(image, &decoder, at, &extent, coded + 1, buffer),
                         -FMT_ENOTSUP);
        assert_int_equal(fmt_image_map(image, at, CHUNK_BYTES - 512, &extent), 0);
        assert_int_equal(extent.coded_bytes, 0);
        assert_int_equal(fmt_image_map(image, at + 512, CHUNK_BYTES - 512, &extent), 0);
        assert_int_equal(extent.coded_bytes, 0);
    }
    fake_world_free(world);
}

/* A plain chunk that is cut, compressed ones that are broken, sectors of no chunk. */
static void test_unreadable(void **state)
{
    struct fake_world *world = fake_world_new();
    static uint8_t buffer[CHUNK_BYTES];

    (void)state;
    maker = (struct maker){0};
    chunk_put(&maker, DMG_RAW, 'r');
    be64_store(maker.table + DMG_MISH_BYTES + 32, 1000);
    chunk_put(&maker, DMG_ZLIB, 'z');
    maker.data[CHUNK_BYTES + 10] ^= 1;
    entry_put(&maker, DMG_BZIP2, CHUNK_SECTORS, 0, 100);
    entry_put(&maker, DMG_LZFSE, CHUNK_SECTORS, 0, 100);
    entry_put(&maker, 0x80000008, CHUNK_SECTORS, 0, 100);
    entry_put(&maker, 77, CHUNK_SECTORS, 0, 100);
    struct fmt_image *image = driver_open(world, "dmg", fork_finish(&maker, world), 0);
    assert_string_equal(world->messages, "WARNING DMG_CHUNK_TYPE(2147483656)\n");
    assert_int_equal(fmt_image_read(image, 0, buffer, 512), 0);
    assert_int_equal(fmt_image_read(image, 512, buffer, 512), -FMT_EIO);
    for (unsigned i = 1; i < 6; i++)
        assert_int_equal(fmt_image_read(image, i * (uint64_t)CHUNK_BYTES, buffer, 1), -FMT_EIO);
    fake_world_free(world);
}

static void test_refusals(void **state)
{
    static const struct {
        uint32_t type;
        uint64_t sectors, length;
        const char *message;
    } rows[] = {
        {DMG_RAW,  DMG_SECTORS_MAX + 1, 0,                  "ERROR DMG_SECTORS(131073,0,131072)\n"   },
        {DMG_ZLIB, 8,                   DMG_LENGTH_MAX + 1, "ERROR DMG_LENGTH(67108865,0,67108864)\n"},
        {DMG_LAST, 8,                   0,                  ""                                       },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fake_world *world = fake_world_new();
        struct fmt_image_spec spec = {.driver = fmt_driver_find(fmt_bytes_of("dmg"))};
        struct fmt_image *image;
        maker = (struct maker){0};
        entry_put(&maker, rows[i].type, rows[i].sectors, 0, rows[i].length);
        spec.device = fork_finish(&maker, world);
        assert_int_equal(fmt_image_open(&world->env, &spec, &image), -FMT_EINVAL);
        assert_string_equal(world->messages, rows[i].message);
        fake_world_free(world);
    }
}

static void test_broken(void **state)
{
    struct fake_world *world = fake_world_new();

    (void)state;
    usual_put(&maker);
    uint32_t device = fork_finish(&maker, world);
    uint64_t end = world->device[device].size_bytes;
    const uint64_t fork = be64_load(world->device[device].data + end - 512 + 0x28);
    const struct driver_field fields[] = {
        {end - 512,         4},
        {end - 512 + 0x18,  8},
        {end - 512 + 0x28,  8},
        {end - 512 + 0x30,  8},
        {end - 512 + 0xd8,  8},
        {end - 512 + 0xe0,  8},
        {end - 512 + 0x1ec, 8},
        {fork,              4},
        {fork + 8,          4},
        {fork + 16,         4},
        {fork + 20,         4},
        {fork + 28,         8},
        {fork + 44,         8},
        {fork + 224,        4},
        {fork + 232,        8},
        {fork + 240,        8},
        {fork + 248,        8},
        {fork + 256,        8},
    };
    const uint64_t lengths[] = {0, 1, 511, 512, 1023, 1024, end - 1, end - 512, end - 513};
    driver_test_fields(world, "dmg", device, fields, COUNT(fields), NULL, driver_use);
    driver_test_lengths(world, "dmg", device, lengths, COUNT(lengths));
    driver_test_failing_open(world, "dmg", device, 9);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fork),       cmocka_unit_test(test_plist),
        cmocka_unit_test(test_unreadable), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_broken),     cmocka_unit_test(test_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
