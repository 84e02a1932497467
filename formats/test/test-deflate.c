/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deflate by libdeflate, with zlib as the oracle: contents of all kinds, lengths, levels, rooms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/deflate.h"
#include "codec/rawdeflate.h"
#include "common/error.h"
#include "fake-io.h"

enum { BYTES_MAX = 300000, WINDOW_BITS = 12, KINDS = 8 };

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 12;
}

/* Bytes of one kind: nothing, noise, ramps, words, far and near repeats, few and skewed symbols. */
static void fill(unsigned kind, uint8_t *to, size_t bytes)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog ";
    uint32_t seed = kind + 1;

    for (size_t i = 0; i < bytes; i++) {
        uint32_t any = next(&seed);
        const uint8_t values[KINDS] = {
            0,
            (uint8_t)any,
            (uint8_t)(i / 3),
            (uint8_t)words[(any % 5 ? i : any) % (sizeof(words) - 1)],
            i >= 4000 && i % 5000 > 30 ? to[i - 4000] : (uint8_t)any,
            i >= 4096 ? to[i - 4096] : (uint8_t)any, /* just too far */
            (uint8_t)(any % 2 * 255),
            (uint8_t)(__builtin_ctz(any | 1 << 19) * 3), /* long codes */
        };
        to[i] = values[kind];
    }
}

static void test_contents(void **state)
{
    static const size_t lengths[] = {1, 2, 3, 4, 5, 300, 512, 4095, 4097, 65536, BYTES_MAX};
    uint8_t *in = malloc(BYTES_MAX), *out = malloc(2 * BYTES_MAX), *back = malloc(BYTES_MAX);
    struct fake_world *world = fake_world_new();

    (void)state;
    for (int level = 0; level <= 9; level++) {
        void *context = NULL; /* one for all: earlier inputs must not matter */
        void *decoder = NULL;
        for (unsigned kind = 0; kind < KINDS; kind++) {
            fill(kind, in, BYTES_MAX);
            for (size_t i = 0; i < COUNT(lengths); i++) {
                size_t coded = 2 * BYTES_MAX;
                assert_int_equal(deflate_encode(&world->arena, &context, level, DEFLATE_RAW, in,
                                                lengths[i], out, &coded),
                                 0);
                assert_true(coded <= lengths[i] + 5 * (lengths[i] / 5000 + 2));
                assert_int_equal(
                    rawdeflate_decode(&world->arena, WINDOW_BITS, out, coded, back, lengths[i]), 0);
                assert_memory_equal(back, in, lengths[i]);
                /* What is behind the stream does not matter. */
                memset(back, 0, lengths[i]);
                assert_int_equal(deflate_decode(&world->arena, &decoder, DEFLATE_RAW, out,
                                                coded + 100, back, lengths[i]),
                                 0);
                assert_memory_equal(back, in, lengths[i]);
            }
        }
    }
    free(in);
    free(out);
    free(back);
    fake_world_free(world);
}

/* As small as zlib's, but for one percent; three where it searches longer among two values. */
static void test_size(void **state)
{
    enum { BYTES = 65536 };
    uint8_t *in = malloc(BYTES), *out = malloc(2 * BYTES);
    struct fake_world *world = fake_world_new();
    void *context = NULL;

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        size_t ours = 2 * BYTES, zlibs = 2 * BYTES;
        fill(kind, in, BYTES);
        assert_int_equal(
            deflate_encode(&world->arena, &context, 0, DEFLATE_RAW, in, BYTES, out, &ours), 0);
        assert_int_equal(rawdeflate_encode(&world->arena, WINDOW_BITS, 0, in, BYTES, out, &zlibs),
                         0);
        if (ours > zlibs + zlibs * (kind == 6 ? 3 : 1) / 100 + 16)
            fail_msg("kind %u: %zu, zlib %zu", kind, ours, zlibs);
    }
    free(in);
    free(out);
    fake_world_free(world);
}

/* Whatever the room, nothing is written behind it. */
static void test_room(void **state)
{
    enum { BYTES = 700, MARK = 0xa5, SLACK = 16 };
    uint8_t in[BYTES], out[2 * BYTES];
    struct fake_world *world = fake_world_new();
    void *context = NULL;

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        size_t whole = sizeof(out);
        fill(kind, in, BYTES);
        assert_int_equal(
            deflate_encode(&world->arena, &context, 0, DEFLATE_RAW, in, BYTES, out, &whole), 0);
        /* Close to what it needs the library may go either way. */
        for (size_t room = 0; room <= whole + SLACK; room++) {
            size_t coded = room;
            memset(out, MARK, sizeof(out));
            int r = deflate_encode(&world->arena, &context, 0, DEFLATE_RAW, in, BYTES, out, &coded);
            if (room < whole || room == whole + SLACK)
                assert_int_equal(r, room < whole ? -FMT_ENOSPC : 0);
            assert_int_equal(out[room], MARK);
        }
    }
    fake_world_free(world);
}

/* zlib's frame, both ways; broken, cut and longer streams. */
static void test_frame(void **state)
{
    enum { BYTES = 65536 };
    uint8_t *in = malloc(BYTES), *out = malloc(2 * BYTES), *back = malloc(BYTES);
    struct fake_world *world = fake_world_new();
    void *encoder = NULL, *decoder = NULL;

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        size_t coded = 2 * BYTES, bytes = BYTES;
        fill(kind, in, BYTES);
        assert_int_equal(
            deflate_encode(&world->arena, &encoder, 0, DEFLATE_ZLIB, in, BYTES, out, &coded), 0);
        assert_int_equal(zlib_decode(&world->arena, out, coded, back, &bytes), 0);
        assert_int_equal(bytes, BYTES);
        assert_memory_equal(back, in, BYTES);
        assert_int_equal(
            deflate_decode(&world->arena, &decoder, DEFLATE_ZLIB, out, coded, back, BYTES), 0);
        assert_memory_equal(back, in, BYTES);
        assert_int_equal(
            deflate_decode(&world->arena, &decoder, DEFLATE_ZLIB, out, coded / 2, back, BYTES),
            -FMT_EIO);
        assert_int_equal(
            deflate_decode(&world->arena, &decoder, DEFLATE_ZLIB, out, coded, back, BYTES / 2),
            -FMT_EIO);
        out[coded - 1] ^= 1;
        assert_int_equal(
            deflate_decode(&world->arena, &decoder, DEFLATE_ZLIB, out, coded, back, BYTES),
            -FMT_EIO);
    }
    free(in);
    free(out);
    free(back);
    fake_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
