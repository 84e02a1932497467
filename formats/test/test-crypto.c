/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ciphers, modes, hashes, key derivation: published vectors, and nettle's own XTS as an oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <nettle/xts.h>

#include "crypto/afsplit.h"
#include "crypto/volume.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *hex(const void *data, size_t length)
{
    static char text[512];

    for (size_t i = 0; i < length && i < sizeof(text) / 2; i++)
        snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)data)[i]);
    return text;
}

static size_t unhex(const char *text, uint8_t *data)
{
    size_t n = 0;

    for (unsigned byte; sscanf(text + 2 * n, "%2x", &byte) == 1; n++)
        data[n] = (uint8_t)byte;
    return n;
}

static void test_digests(void **state)
{
    static const struct {
        enum crypto_hash hash;
        const char *digest; /* of "abc" */
    } rows[] = {
        {CRYPTO_HASH_MD5,       "900150983cd24fb0d6963f7d28e17f72"                                                         },
        {CRYPTO_HASH_SHA1,      "a9993e364706816aba3e25717850c26c9cd0d89d"                                                 },
        {CRYPTO_HASH_SHA224,    "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"                                 },
        {CRYPTO_HASH_SHA256,    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"                         },
        {CRYPTO_HASH_SHA384,    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                             "8086072ba1e7cc2358baeca134c825a7"                                },
        {CRYPTO_HASH_SHA512,    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                             "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
        {CRYPTO_HASH_RIPEMD160, "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"                                                 },
        {CRYPTO_HASH_SM3,       "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"                         },
    };
    uint8_t digest[CRYPTO_DIGEST_MAX_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        crypto_hash_digest(rows[i].hash, fmt_bytes_of("a"), fmt_bytes_of("bc"), digest);
        assert_string_equal(hex(digest, crypto_digest_bytes(rows[i].hash)), rows[i].digest);
        /* The same, piece by piece. */
        struct crypto_digest pieces;
        crypto_digest_begin(&pieces, rows[i].hash);
        crypto_digest_update(&pieces, "", 0);
        crypto_digest_update(&pieces, "ab", 2);
        crypto_digest_update(&pieces, "c", 1);
        memset(digest, 0, sizeof(digest));
        assert_int_equal(crypto_digest_end(&pieces, digest), crypto_digest_bytes(rows[i].hash));
        assert_string_equal(hex(digest, crypto_digest_bytes(rows[i].hash)), rows[i].digest);
    }
}

/* RFC 6070 (SHA-1) and RFC 7914 (SHA-256). */
static void test_pbkdf2(void **state)
{
    static const struct {
        enum crypto_hash hash;
        const char *secret, *salt;
        uint32_t iterations;
        const char *key;
    } rows[] = {
        {CRYPTO_HASH_SHA1,   "password",                 "salt",                                 1,    "0c60c80f961f0e71f3a9b524af6012062fe037a6"},
        {CRYPTO_HASH_SHA1,   "password",                 "salt",                                 4096, "4b007901b765489abead49d926f721d065a429c1"},
        {CRYPTO_HASH_SHA1,   "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
         "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"                                                                                    },
        {CRYPTO_HASH_SHA256, "passwd",                   "salt",                                 1,
         "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
         "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"                                                                      },
    };
    uint8_t key[64];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t bytes = strlen(rows[i].key) / 2;
        crypto_pbkdf2(rows[i].hash, fmt_bytes_of(rows[i].secret), fmt_bytes_of(rows[i].salt),
                      rows[i].iterations, key, bytes);
        assert_memory_equal(hex(key, bytes), rows[i].key, 2 * bytes);
    }
}

/* FIPS 197, SP 800-38A, GB/T 32907, RFC 2144, the Serpent and Twofish submissions. */
static void test_ciphers(void **state)
{
    static const struct {
        enum crypto_alg alg;
        enum crypto_mode mode;
        const char *key, *iv, *plain, *coded;
    } rows[] = {
        {CRYPTO_AES_128,     CRYPTO_ECB, "000102030405060708090a0b0c0d0e0f",                 "",
         "00112233445566778899aabbccddeeff",                                                                                                                                                         "69c4e0d86a7b0430d8cdb78070b4c55a"                                },
        {CRYPTO_AES_192,     CRYPTO_ECB, "000102030405060708090a0b0c0d0e0f1011121314151617", "",
         "00112233445566778899aabbccddeeff",                                                                                                                                                         "dda97ca4864cdfe06eaf70a0ec0d7191"                                },
        {CRYPTO_AES_256,     CRYPTO_ECB,
         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",                 "",
         "00112233445566778899aabbccddeeff",                                                                                                                                                         "8ea2b7ca516745bfeafc49904b496089"                                },
        {CRYPTO_AES_128,     CRYPTO_CBC, "2b7e151628aed2a6abf7158809cf4f3c",
         "000102030405060708090a0b0c0d0e0f",                                                                                     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
         "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"                                                                                                                                                                                            },
        {CRYPTO_AES_128,     CRYPTO_CTR, "2b7e151628aed2a6abf7158809cf4f3c",
         "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",                                                                                     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
         "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"                                                                                                                                                                                            },
        {CRYPTO_AES_128,     CRYPTO_XTS,
         "0000000000000000000000000000000000000000000000000000000000000000",                 "00000000000000000000000000000000",
         "0000000000000000000000000000000000000000000000000000000000000000",                                                                                                                         "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e"},
        {CRYPTO_CAST5_128,   CRYPTO_ECB, "0123456712345678234567893456789a",                 "",                                 "0123456789abcdef",
         "238b4fe5847e44b2"                                                                                                                                                                                                                                            },
        {CRYPTO_SERPENT_128, CRYPTO_ECB, "80000000000000000000000000000000",                 "",
         "00000000000000000000000000000000",                                                                                                                                                         "264e5481eff42a4606abda06c0bfda3d"                                },
        {CRYPTO_TWOFISH_128, CRYPTO_ECB, "00000000000000000000000000000000",                 "",
         "00000000000000000000000000000000",                                                                                                                                                         "9f589f5cf6122c32b6bfec2f2ae8c35a"                                },
        {CRYPTO_SM4,         CRYPTO_ECB, "0123456789abcdeffedcba9876543210",                 "",
         "0123456789abcdeffedcba9876543210",                                                                                                                                                         "681edf34d206965e86b3e94f536e4246"                                },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t key[64], iv[16], data[64];
        struct crypto_cipher cipher;
        unhex(rows[i].key, key);
        unhex(rows[i].iv, iv);
        size_t length = unhex(rows[i].plain, data);
        crypto_cipher_init(&cipher, rows[i].alg, rows[i].mode, key);
        crypto_cipher_encrypt(&cipher, iv, data, length);
        assert_string_equal(hex(data, length), rows[i].coded);
        unhex(rows[i].iv, iv);
        crypto_cipher_decrypt(&cipher, iv, data, length);
        assert_string_equal(hex(data, length), rows[i].plain);
    }
}

static void test_xts_oracle(void **state)
{
    uint8_t key[64], iv[16], oracle_iv[16], data[1040], expected[1040];
    struct crypto_cipher cipher;
    struct xts_aes256_key oracle;

    (void)state;
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(i * 7 + 1);
    for (size_t length = 16; length <= sizeof(data); length += 16) {
        memset(data, (int)length, sizeof(data));
        memset(iv, 0xf0, sizeof(iv));
        memcpy(oracle_iv, iv, sizeof(iv));
        xts_aes256_set_encrypt_key(&oracle, key);
        xts_aes256_encrypt_message(&oracle, oracle_iv, length, expected, data);
        crypto_cipher_init(&cipher, CRYPTO_AES_256, CRYPTO_XTS, key);
        crypto_cipher_encrypt(&cipher, iv, data, length);
        assert_memory_equal(data, expected, length);
    }
}

/* Every cipher that exists comes back, in every mode and with every generator. */
static void test_volumes(void **state)
{
    uint8_t key[CRYPTO_KEY_MAX_BYTES], data[1280], plain[1280], other[1280];
    unsigned volumes = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(i * 3 + 5);
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i / 16);
    for (unsigned n = 0; n < CRYPTO_ALGS * 4 * 3; n++) {
        struct crypto_spec spec = {.alg = n / 12, .mode = n / 3 % 4, .ivgen = n % 3};
        struct crypto_volume volume;
        if (!crypto_mode_ok(spec.alg, spec.mode))
            continue;
        spec.essiv_hash = CRYPTO_HASH_SHA256;
        if (spec.ivgen == CRYPTO_IV_ESSIV &&
            crypto_essiv_choose(spec.alg, spec.essiv_hash, &spec.essiv_alg) < 0)
            continue;
        volumes++;
        crypto_volume_init(&volume, &spec, key);
        memcpy(data, plain, sizeof(data));
        crypto_volume_encrypt(&volume, UINT64_C(0x100000001), data, sizeof(data));
        memcpy(other, plain, sizeof(other));
        crypto_volume_encrypt(&volume, 1, other, sizeof(other));
        bool same = spec.mode == CRYPTO_ECB || spec.ivgen == CRYPTO_IV_PLAIN;
        assert_int_equal(memcmp(data, other, sizeof(data)) == 0, same);
        crypto_volume_decrypt(&volume, UINT64_C(0x100000001), data, sizeof(data));
        assert_memory_equal(data, plain, sizeof(data));
    }
    assert_int_equal(volumes, 9 * 4 * 3 + 3 * 2 + 2);
}

static void test_essiv_choice(void **state)
{
    static const struct {
        enum crypto_alg alg;
        enum crypto_hash hash;
        int result;
        enum crypto_alg chosen;
    } rows[] = {
        {CRYPTO_AES_128,     CRYPTO_HASH_SHA256, 0,  CRYPTO_AES_256    },
        {CRYPTO_AES_256,     CRYPTO_HASH_MD5,    0,  CRYPTO_AES_128    },
        {CRYPTO_AES_256,     CRYPTO_HASH_SHA1,   -1, CRYPTO_AES_256    },
        {CRYPTO_SERPENT_192, CRYPTO_HASH_SM3,    0,  CRYPTO_SERPENT_256},
        {CRYPTO_TWOFISH_128, CRYPTO_HASH_SHA512, -1, CRYPTO_TWOFISH_256},
        {CRYPTO_CAST5_128,   CRYPTO_HASH_MD5,    0,  CRYPTO_CAST5_128  },
        {CRYPTO_CAST5_128,   CRYPTO_HASH_SHA256, -2, CRYPTO_CAST5_128  },
        {CRYPTO_SM4,         CRYPTO_HASH_SHA256, -2, CRYPTO_SM4        },
    };
    enum crypto_alg chosen;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(crypto_essiv_choose(rows[i].alg, rows[i].hash, &chosen), rows[i].result);
        if (rows[i].result == 0)
            assert_int_equal(chosen, rows[i].chosen);
    }
}

static void test_af_split(void **state)
{
    static const size_t lengths[] = {16, 24, 32, 48, 64};
    uint8_t key[64], merged[64], split[64 * 50];

    (void)state;
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(200 - i);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        memset(split, 0x5a, sizeof(split));
        crypto_af_split(CRYPTO_HASH_SHA1, key, lengths[i], 50, split);
        crypto_af_merge(CRYPTO_HASH_SHA1, split, lengths[i], 50, merged);
        assert_memory_equal(merged, key, lengths[i]);
        split[3] ^= 1;
        crypto_af_merge(CRYPTO_HASH_SHA1, split, lengths[i], 50, merged);
        assert_memory_not_equal(merged, key, lengths[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),  cmocka_unit_test(test_pbkdf2),
        cmocka_unit_test(test_ciphers),  cmocka_unit_test(test_xts_oracle),
        cmocka_unit_test(test_volumes),  cmocka_unit_test(test_essiv_choice),
        cmocka_unit_test(test_af_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
