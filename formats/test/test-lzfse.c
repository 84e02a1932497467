/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LZFSE: streams by the first implementation's encoder, whole, joined, cut and damaged; blocks with
 * fields that lead out of something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/lzfse-block.h"
#include "codec/lzfse.h"
#include "common/error.h"

enum {
    ARENA_BYTES = 64 << 10,
    MAGIC_BYTES = 4,
    HEAD1_BYTES = 772,
    HEAD2_BYTES = 32, /* before its frequencies */
};

static uint8_t arena_memory[ARENA_BYTES];

/* ---- contents ---- */

/* Words of three letters, by chance. */
static void text_make(uint8_t *to, size_t bytes)
{
    static const char words[] = "on tenorasil";
    uint32_t dice = 1;

    for (size_t i = 0; i < bytes; i++) {
        if (i % 3 == 0)
            dice = dice * 1664525 + 1013904223;
        to[i] = (uint8_t)words[(dice >> 30) * 3 + i % 3];
    }
}

/* A slow ramp, text, zeroes, text again, the start again, the last byte over and over. */
static void mixed_make(uint8_t *to, size_t bytes)
{
    size_t part = bytes / 8;

    memset(to, 0, bytes);
    for (size_t i = 0; i < part; i++)
        to[i] = (uint8_t)(i * i >> 6);
    text_make(to + part, part);
    text_make(to + 4 * part, 2 * part);
    memcpy(to + 6 * part, to, part);
    memset(to + 7 * part, to[7 * part - 1], bytes - 7 * part);
}

static void zeroes_make(uint8_t *to, size_t bytes)
{
    memset(to, 0, bytes);
}

/* ---- streams that the first implementation made ---- */

/* clang-format off */
static const uint8_t stream_empty[] = {
    98, 118, 120, 45, 0, 0, 0, 0, 98, 118, 120, 36,
};
static const uint8_t stream_plain[] = {
    98, 118, 120, 45, 5, 0, 0, 0, 111, 110, 32, 116, 101, 98, 118, 120, 36,
};
static const uint8_t stream_lzvn[] = {
    98, 118, 120, 110, 144, 1, 0, 0, 123, 0, 0, 0, 96, 1, 0, 70, 1, 224, 31, 2, 2, 3, 3, 4, 4, 5, 5,
    6, 6, 7, 8, 9, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 30,
    31, 33, 34, 36, 37, 111, 110, 32, 116, 101, 110, 111, 114, 97, 8, 3, 16, 12, 206, 115, 105, 108,
    242, 0, 6, 0, 15, 24, 30, 8, 21, 128, 6, 110, 32, 200, 1, 115, 105, 0, 240, 79, 56, 150, 240,
    24, 104, 48, 108, 244, 24, 3, 8, 18, 16, 48, 48, 51, 24, 42, 32, 81, 96, 1, 0, 57, 44, 240, 16,
    56, 1, 240, 23, 225, 37, 6, 0, 0, 0, 0, 0, 0, 0, 98, 118, 120, 36,
};
static const uint8_t stream_entropy[] = {
    98, 118, 120, 50, 192, 18, 0, 0, 120, 2, 32, 38, 0, 205, 0, 64, 2, 84, 80, 65, 5, 55, 1, 96,
    213, 0, 0, 0, 57, 80, 64, 0, 31, 130, 40, 34, 0, 0, 42, 160, 103, 107, 220, 54, 7, 152, 128, 99,
    176, 24, 131, 61, 46, 78, 246, 201, 7, 176, 31, 129, 219, 203, 195, 187, 15, 224, 100, 14, 0,
    32, 23, 0, 8, 0, 0, 0, 0, 0, 112, 118, 49, 215, 197, 90, 115, 174, 213, 149, 213, 163, 118, 173,
    206, 30, 180, 57, 160, 61, 152, 179, 7, 147, 172, 166, 107, 29, 100, 229, 34, 107, 45, 86, 86,
    219, 244, 98, 173, 46, 102, 214, 42, 43, 107, 246, 160, 89, 89, 237, 106, 23, 179, 57, 41, 39,
    115, 37, 23, 7, 157, 235, 226, 164, 235, 230, 96, 230, 160, 93, 153, 171, 13, 147, 174, 174,
    149, 185, 218, 194, 201, 74, 179, 146, 172, 131, 149, 149, 149, 46, 86, 187, 88, 43, 43, 171,
    57, 73, 200, 58, 200, 74, 146, 149, 131, 180, 39, 73, 155, 52, 105, 230, 156, 171, 133, 204, 36,
    7, 51, 13, 115, 229, 38, 107, 37, 43, 237, 74, 114, 210, 48, 187, 18, 178, 0, 0, 0, 0, 130, 32,
    168, 84, 42, 149, 42, 1, 31, 96, 243, 58, 194, 205, 201, 183, 57, 113, 98, 179, 121, 27, 166, 2,
    253, 219, 164, 152, 10, 244, 83, 65, 157, 29, 196, 152, 216, 244, 166, 110, 167, 115, 202, 140,
    73, 45, 124, 4, 43, 201, 145, 111, 194, 130, 196, 166, 200, 166, 218, 92, 170, 196, 52, 90, 183,
    194, 125, 177, 223, 178, 99, 147, 61, 68, 14, 244, 220, 15, 102, 199, 48, 160, 158, 158, 83, 15,
    51, 179, 31, 153, 240, 9, 227, 54, 78, 179, 21, 36, 96, 112, 224, 145, 62, 98, 221, 108, 246,
    98, 143, 87, 161, 100, 63, 9, 77, 215, 166, 102, 67, 116, 202, 90, 18, 248, 93, 63, 41, 128,
    250, 86, 171, 115, 189, 141, 8, 31, 157, 11, 52, 16, 205, 100, 6, 35, 43, 121, 121, 200, 137,
    204, 30, 80, 111, 194, 249, 12, 68, 115, 182, 217, 124, 53, 98, 48, 122, 175, 61, 57, 212, 243,
    254, 162, 142, 216, 11, 58, 110, 173, 178, 22, 111, 138, 222, 3, 252, 232, 19, 119, 4, 199, 4,
    24, 93, 154, 59, 10, 80, 3, 60, 97, 144, 155, 122, 195, 220, 190, 70, 176, 92, 195, 45, 172,
    207, 169, 228, 217, 82, 92, 35, 136, 118, 225, 110, 202, 187, 193, 90, 115, 54, 252, 166, 77,
    88, 189, 152, 163, 230, 149, 29, 43, 127, 112, 82, 0, 219, 14, 212, 154, 243, 32, 142, 23, 105,
    6, 232, 96, 88, 82, 220, 99, 224, 190, 0, 227, 63, 248, 221, 131, 178, 66, 26, 123, 204, 82,
    125, 43, 26, 123, 218, 11, 175, 93, 4, 57, 247, 176, 26, 114, 143, 12, 157, 247, 106, 142, 5,
    123, 114, 170, 144, 22, 207, 1, 165, 102, 222, 20, 117, 112, 173, 29, 170, 34, 162, 151, 14, 27,
    176, 93, 90, 53, 152, 27, 43, 45, 244, 101, 8, 131, 251, 186, 40, 102, 4, 233, 173, 181, 30,
    201, 184, 252, 227, 195, 53, 254, 175, 164, 43, 12, 233, 152, 97, 35, 115, 41, 53, 21, 236, 215,
    197, 55, 167, 23, 99, 85, 150, 7, 178, 143, 64, 61, 116, 109, 202, 118, 217, 162, 22, 73, 61,
    107, 193, 165, 138, 224, 164, 120, 62, 152, 15, 107, 18, 170, 117, 122, 77, 236, 95, 198, 207,
    32, 178, 136, 86, 255, 187, 88, 181, 4, 175, 204, 204, 249, 96, 168, 183, 53, 134, 117, 137, 15,
    155, 19, 136, 18, 0, 155, 86, 115, 168, 179, 50, 162, 76, 250, 99, 229, 90, 203, 95, 205, 188,
    248, 207, 127, 47, 231, 130, 102, 140, 151, 109, 170, 104, 204, 135, 132, 127, 218, 218, 104,
    139, 20, 146, 15, 142, 22, 137, 135, 50, 96, 238, 76, 3, 29, 249, 231, 182, 149, 196, 43, 209,
    56, 204, 185, 81, 163, 107, 49, 224, 163, 20, 159, 58, 184, 79, 247, 134, 46, 164, 5, 125, 169,
    24, 175, 220, 242, 148, 169, 16, 142, 74, 142, 18, 3, 252, 216, 197, 173, 37, 3, 179, 213, 218,
    84, 169, 200, 103, 199, 230, 75, 10, 57, 172, 241, 34, 65, 233, 111, 115, 157, 133, 103, 77, 69,
    87, 142, 24, 246, 217, 185, 117, 173, 170, 146, 69, 121, 104, 78, 66, 58, 38, 12, 15, 246, 231,
    225, 165, 193, 85, 165, 78, 100, 241, 46, 205, 85, 168, 167, 229, 36, 210, 49, 248, 211, 195,
    231, 218, 106, 196, 91, 216, 105, 148, 153, 36, 18, 123, 183, 121, 118, 185, 82, 41, 16, 204,
    178, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28, 1, 82, 32, 200, 200, 191, 251, 255, 5, 107, 193,
    179, 233, 167, 246, 162, 8, 190, 26, 32, 17, 132, 215, 124, 226, 159, 13, 107, 212, 236, 141,
    76, 80, 29, 183, 136, 221, 55, 22, 179, 58, 52, 5, 234, 251, 179, 7, 131, 209, 61, 171, 21, 73,
    132, 148, 11, 99, 165, 99, 15, 3, 24, 52, 199, 148, 217, 150, 237, 249, 25, 192, 191, 10, 190,
    144, 20, 203, 117, 112, 64, 132, 232, 100, 76, 114, 64, 214, 53, 166, 126, 124, 217, 170, 79,
    84, 67, 233, 115, 134, 129, 251, 46, 117, 246, 130, 110, 158, 157, 44, 136, 93, 199, 236, 224,
    18, 93, 231, 62, 78, 157, 160, 217, 92, 164, 241, 56, 7, 162, 207, 28, 158, 160, 164, 201, 56,
    180, 229, 64, 15, 51, 116, 199, 185, 120, 40, 227, 18, 92, 39, 56, 236, 132, 249, 233, 113, 40,
    131, 203, 122, 59, 238, 90, 227, 56, 120, 30, 166, 34, 209, 208, 237, 55, 26, 239, 11, 176, 249,
    220, 50, 105, 247, 40, 44, 51, 58, 110, 8, 29, 247, 201, 252, 86, 187, 10, 127, 55, 183, 229,
    255, 128, 124, 149, 58, 123, 65, 55, 207, 78, 22, 98, 174, 99, 118, 112, 137, 174, 115, 31, 167,
    78, 112, 54, 46, 210, 120, 156, 3, 209, 103, 14, 79, 80, 105, 50, 22, 218, 114, 160, 135, 25,
    186, 227, 92, 60, 212, 56, 9, 174, 19, 28, 118, 194, 252, 244, 56, 212, 224, 170, 242, 108, 68,
    77, 199, 53, 173, 17, 149, 229, 153, 58, 42, 69, 136, 124, 22, 96, 243, 153, 130, 174, 64, 132,
    136, 205, 21, 42, 234, 120, 128, 92, 223, 26, 169, 190, 21, 252, 255, 0, 126, 98, 118, 120, 36,
};
static const uint8_t stream_zeroes[] = {
    98, 118, 120, 50, 0, 0, 4, 0, 8, 0, 0, 0, 0, 113, 0, 112, 0, 0, 0, 0, 0, 167, 0, 80, 129, 0, 0,
    0, 62, 252, 240, 15, 111, 130, 0, 8, 0, 0, 32, 0, 0, 0, 0, 190, 9, 111, 78, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 224, 209, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 112, 14, 252, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 223, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 253, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 253, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 63, 248, 255, 34, 98, 118,
    120, 36,
};
/* clang-format on */

struct sample {
    const char *name;
    const uint8_t *coded;
    size_t coded_bytes;
    void (*make)(uint8_t *to, size_t bytes);
    size_t plain_bytes;
};

#define SAMPLE(name, make, plain_bytes)                                                            \
    {                                                                                              \
#name, name, sizeof(name), make, plain_bytes                                               \
    }

static const struct sample samples[] = {
    SAMPLE(stream_empty, text_make, 0),          SAMPLE(stream_plain, text_make, 5),
    SAMPLE(stream_lzvn, mixed_make, 400),        SAMPLE(stream_entropy, mixed_make, 4800),
    SAMPLE(stream_zeroes, zeroes_make, 1 << 18),
};
enum {
    SAMPLES = sizeof(samples) / sizeof(samples[0]),
    LZVN = 2,
    ENTROPY = 3,
};

static uint8_t *memory_new(size_t bytes)
{
    uint8_t *memory = malloc(bytes ? bytes : 1);

    assert_non_null(memory);
    return memory;
}

/* Of exactly the length: the sanitizers see each byte beyond. */
static uint8_t *copy_new(const uint8_t *from, size_t bytes)
{
    uint8_t *copy = memory_new(bytes);

    memcpy(copy, from, bytes);
    return copy;
}

static uint8_t *plain_new(const struct sample *sample)
{
    uint8_t *plain = memory_new(sample->plain_bytes);

    sample->make(plain, sample->plain_bytes);
    return plain;
}

/* From a copy of the input to memory of its own, which is returned. */
static uint8_t *decode(const uint8_t *coded, size_t coded_bytes, size_t *bytes, int *status)
{
    struct fmt_arena arena = {.base = arena_memory, .size_bytes = sizeof(arena_memory)};
    uint8_t *in = copy_new(coded, coded_bytes), *out = memory_new(*bytes);
    size_t room = *bytes;

    *status = lzfse_decode(&arena, in, coded_bytes, out, bytes);
    assert_true(*bytes <= room);
    assert_int_equal(arena.used_bytes, 0);
    free(in);
    return out;
}

static void decode_check(const uint8_t *coded, size_t coded_bytes, const uint8_t *plain,
                         size_t plain_bytes)
{
    size_t bytes = plain_bytes;
    int status;
    uint8_t *out = decode(coded, coded_bytes, &bytes, &status);

    assert_int_equal(status, 0);
    assert_int_equal(bytes, plain_bytes);
    assert_memory_equal(out, plain, bytes);
    free(out);
}

static void test_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t *plain = plain_new(&samples[i]);
        decode_check(samples[i].coded, samples[i].coded_bytes, plain, samples[i].plain_bytes);
        free(plain);
    }
}

/* Less room is an error; with more, the length is told, and what follows the stream is ignored. */
static void test_room(void **state)
{
    uint8_t more[sizeof(stream_entropy) + 4];
    const struct sample *sample = &samples[ENTROPY];
    size_t bytes = sample->plain_bytes - 1;
    int status;

    (void)state;
    free(decode(sample->coded, sample->coded_bytes, &bytes, &status));
    assert_int_equal(status, -FMT_EIO);
    memcpy(more, sample->coded, sample->coded_bytes);
    memset(more + sample->coded_bytes, 'x', 4);
    bytes = 2 * sample->plain_bytes;
    free(decode(more, sizeof(more), &bytes, &status));
    assert_int_equal(status, 0);
    assert_int_equal(bytes, sample->plain_bytes);
}

static void test_no_memory(void **state)
{
    struct fmt_arena arena = {.base = arena_memory, .size_bytes = sizeof(struct lzfse_memory) - 1};
    uint8_t out[8];
    size_t bytes = sizeof(out);

    (void)state;
    assert_int_equal(lzfse_decode(&arena, stream_plain, sizeof(stream_plain), out, &bytes),
                     -FMT_ENOMEM);
    assert_int_equal(bytes, 0);
}

/* The blocks of all samples in one stream, twice. */
static void test_joined(void **state)
{
    uint8_t *coded = memory_new(1 << 16), *plain = memory_new(1 << 20);
    size_t coded_bytes = 0, plain_bytes = 0;

    (void)state;
    for (size_t i = 0; i < 2 * SAMPLES; i++) {
        const struct sample *sample = &samples[i % SAMPLES];
        memcpy(coded + coded_bytes, sample->coded, sample->coded_bytes - MAGIC_BYTES);
        coded_bytes += sample->coded_bytes - MAGIC_BYTES;
        sample->make(plain + plain_bytes, sample->plain_bytes);
        plain_bytes += sample->plain_bytes;
    }
    memcpy(coded + coded_bytes, stream_empty, sizeof(stream_empty));
    decode_check(coded, coded_bytes + sizeof(stream_empty), plain, plain_bytes);
    free(coded);
    free(plain);
}

/* What was decoded before the end is right. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t *plain = plain_new(&samples[i]);
        for (size_t n = 0; n < samples[i].coded_bytes; n++) {
            size_t bytes = samples[i].plain_bytes;
            int status;
            uint8_t *out = decode(samples[i].coded, n, &bytes, &status);
            assert_int_equal(status, -FMT_EIO);
            assert_memory_equal(out, plain, bytes);
            free(out);
        }
        free(plain);
    }
}

/* An error, or other bytes: nothing in a stream tells. */
static void test_flipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t *coded = copy_new(samples[i].coded, samples[i].coded_bytes);
        for (size_t bit = 0; bit < 8 * samples[i].coded_bytes; bit++) {
            size_t bytes = samples[i].plain_bytes;
            int status;
            coded[bit / 8] ^= (uint8_t)(1 << bit % 8);
            free(decode(coded, samples[i].coded_bytes, &bytes, &status));
            assert_true(status == 0 || status == -FMT_EIO);
            coded[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(coded);
    }
}

/* ---- entropy coded blocks ---- */

/* The sample's block, with a header of the first kind. */
static size_t head1_put(const struct sample *sample, uint8_t *to)
{
    static struct lzfse_head head;

    assert_true(lzfse_head2_parse(sample->coded, sample->coded_bytes, &head));
    memcpy(to, "bvx1", MAGIC_BYTES);
    le32_store(to + 4, head.raw_bytes);
    le32_store(to + 8, head.literal_part.bytes + head.triple_part.bytes);
    le32_store(to + 12, head.literals);
    le32_store(to + 16, head.triples);
    le32_store(to + 20, head.literal_part.bytes);
    le32_store(to + 24, head.triple_part.bytes);
    le32_store(to + 28, -head.literal_part.padding_bits);
    for (size_t i = 0; i < LZFSE_LITERAL_STREAMS; i++)
        le16_store(to + 32 + 2 * i, head.literal_state[i]);
    le32_store(to + 40, -head.triple_part.padding_bits);
    for (size_t i = 0; i < LZFSE_LITERAL; i++)
        le16_store(to + 44 + 2 * i, head.state[i]);
    for (size_t i = 0; i < LZFSE_SYMBOLS; i++)
        le16_store(to + 50 + 2 * i, head.frequency[i]);
    le16_store(to + 770, 0);
    memcpy(to + HEAD1_BYTES, sample->coded + head.head_bytes,
           sample->coded_bytes - head.head_bytes);
    return HEAD1_BYTES + sample->coded_bytes - head.head_bytes;
}

static void test_head1(void **state)
{
    const struct sample *sample = &samples[ENTROPY];
    uint8_t coded[HEAD1_BYTES + sizeof(stream_entropy)], *plain = plain_new(sample);
    size_t coded_bytes = head1_put(sample, coded), bytes;
    int status;

    (void)state;
    decode_check(coded, coded_bytes, plain, sample->plain_bytes);
    free(plain);
    for (size_t n = 0; n < coded_bytes; n++) {
        bytes = sample->plain_bytes;
        free(decode(coded, n, &bytes, &status));
        assert_int_equal(status, -FMT_EIO);
    }
}

/* Fields of the header that are beyond what there can be; the others are good. */
static void test_head1_limits(void **state)
{
    static const struct {
        unsigned offset, bytes;
        uint32_t value;
    } rows[] = {
        {4,   4, 0         }, /* decoded bytes */
        {4,   4, UINT32_MAX},
        {12,  4, 0         }, /* literals */
        {12,  4, 40004     },
        {16,  4, 0         }, /* triples */
        {16,  4, 10001     },
        {20,  4, UINT32_MAX}, /* bytes of the parts */
        {24,  4, UINT32_MAX},
        {24,  4, 0         },
        {28,  4, 1         }, /* padding */
        {28,  4, -8u       },
        {40,  4, INT32_MAX },
        {32,  2, 1024      }, /* states */
        {38,  2, 1024      },
        {44,  2, 64        },
        {46,  2, 64        },
        {48,  2, 256       },
        {50,  2, 65        }, /* frequencies: more than states */
        {88,  2, 65535     },
        {90,  2, 65        },
        {130, 2, 257       },
        {258, 2, 1025      },
        {768, 2, 1025      },
        {50,  2, 0         }, /* fewer */
    };
    const struct sample *sample = &samples[ENTROPY];
    uint8_t coded[HEAD1_BYTES + sizeof(stream_entropy)], kept[4];
    size_t coded_bytes = head1_put(sample, coded);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t bytes = sample->plain_bytes;
        int status;
        memcpy(kept, coded + rows[i].offset, sizeof(kept));
        if (rows[i].bytes == 4)
            le32_store(coded + rows[i].offset, rows[i].value);
        else
            le16_store(coded + rows[i].offset, (uint16_t)rows[i].value);
        free(decode(coded, coded_bytes, &bytes, &status));
        if (status != -FMT_EIO)
            fail_msg("row %zu is taken", i);
        memcpy(coded + rows[i].offset, kept, sizeof(kept));
    }
}

/* Blocks without frequencies that yield nothing: they may say nothing, either. */
static void test_idle(void **state)
{
    uint8_t coded[HEAD2_BYTES + 16] = "bvx2";
    size_t bytes = 8;
    int status;

    (void)state;
    le64_store(coded + 8, UINT64_C(7) << 60); /* no padding, here and there */
    le64_store(coded + 16, UINT64_C(7) << 60);
    le64_store(coded + 24, HEAD2_BYTES);
    memcpy(coded + HEAD2_BYTES, "bvx$", MAGIC_BYTES);
    free(decode(coded, sizeof(coded), &bytes, &status));
    assert_int_equal(status, 0);
    assert_int_equal(bytes, 0);
    le64_store(coded + 8, UINT64_C(7) << 60 | UINT64_C(10000) << 40);
    free(decode(coded, sizeof(coded), &bytes, &status));
    assert_int_equal(status, -FMT_EIO);
    le64_store(coded + 8, UINT64_C(7) << 60 | 40000);
    free(decode(coded, sizeof(coded), &bytes, &status));
    assert_int_equal(status, -FMT_EIO);
    /* A header that ends before its frequencies begin, or before they end. */
    le64_store(coded + 8, UINT64_C(7) << 60);
    for (unsigned n = 0; n <= sizeof(coded); n++) {
        if (n == HEAD2_BYTES)
            continue;
        le64_store(coded + 24, n);
        free(decode(coded, sizeof(coded), &bytes, &status));
        assert_int_equal(status, -FMT_EIO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),     cmocka_unit_test(test_room),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_joined),
        cmocka_unit_test(test_cut),       cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_head1),     cmocka_unit_test(test_head1_limits),
        cmocka_unit_test(test_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
