/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes; the rows are what `qemu-img create x SIZE` of QEMU 10.0 makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "size.h"

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        SizeParse result;
        uint64_t bytes;
    } rows[] = {
        {"0",                             SIZE_PARSED,       0                   },
        {"64M",                           SIZE_PARSED,       67108864            },
        {"64m",                           SIZE_PARSED,       67108864            },
        {"1.5k",                          SIZE_PARSED,       1536                },
        {".5k",                           SIZE_PARSED,       512                 },
        {"1.k",                           SIZE_PARSED,       1024                },
        {"2e",                            SIZE_PARSED,       UINT64_C(1) << 61   },
        {"15E",                           SIZE_PARSED,       UINT64_C(15) << 60  },
        {"0x1b",                          SIZE_PARSED,       27                  },
        {"+3",                            SIZE_PARSED,       3                   },
        {"3b",                            SIZE_PARSED,       3                   },
        {"08",                            SIZE_PARSED,       8                   },
        {" 5",                            SIZE_PARSED,       5                   },
        {"7.9999999999999E",              SIZE_PARSED,       9223372036854660480U},
        {"0.99999999999999999999999k",    SIZE_PARSED,       1024                },
        {"0.00000000000000000000000001k", SIZE_PARSED,       0                   },
        {"1.0",                           SIZE_PARSED,       1                   },
        {"18446744073709551615",          SIZE_PARSED,       UINT64_MAX          },
        {"",                              SIZE_INVALID,      0                   },
        {"foo",                           SIZE_INVALID,      0                   },
        {"1.5",                           SIZE_INVALID,      0                   },
        {"1e3",                           SIZE_INVALID,      0                   },
        {"0x20k",                         SIZE_INVALID,      0                   },
        {"0x",                            SIZE_INVALID,      0                   },
        {"3bb",                           SIZE_INVALID,      0                   },
        {"-.5k",                          SIZE_INVALID,      0                   },
        {"inf.",                          SIZE_INVALID,      0                   },
        {".",                             SIZE_INVALID,      0                   },
        {"99999999999999999999k",         SIZE_INVALID,      0                   },
        {"99999999999999999999",          SIZE_OUT_OF_RANGE, 0                   },
        {"16E",                           SIZE_OUT_OF_RANGE, 0                   },
        {"-5",                            SIZE_OUT_OF_RANGE, 0                   },
        {"-0",                            SIZE_OUT_OF_RANGE, 0                   },
        {"-.5",                           SIZE_OUT_OF_RANGE, 0                   },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint64_t bytes;

        assert_int_equal(size_parse(rows[i].text, &bytes), rows[i].result);
        assert_int_equal(bytes, rows[i].bytes);
    }
}

static void test_argument(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"foo", "Invalid image size specified: 'foo'."                                    },
        {"1.5", "Invalid image size specified: '1.5'."                                    },
        {"-5",  "Invalid image size specified. Must be between 0 and 9223372036854775807."},
        {"9E",  "Invalid image size specified. Must be between 0 and 9223372036854775807."},
        {"64M", NULL                                                                      },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        int64_t bytes = -1;
        bool ok = size_argument_parse("image size", rows[i].text, 0, INT64_MAX, &bytes, &error);

        assert_int_equal(ok, rows[i].error == NULL);
        if (ok) {
            assert_int_equal(bytes, 67108864);
        } else {
            assert_string_equal(error->message, rows[i].error);
        }
    }
}

/* "disk size" and "virtual size" of `qemu-img info`. */
static void test_human(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0,                    "0 B"      },
        {512,                  "512 B"    },
        {999,                  "999 B"    },
        {1000,                 "0.977 KiB"},
        {1024,                 "1 KiB"    },
        {200704,               "196 KiB"  },
        {67108864,             "64 MiB"   },
        {2044723,              "1.95 MiB" },
        {UINT64_C(1023) << 20, "0.999 GiB"},
        {UINT64_C(1) << 40,    "1 TiB"    },
        {UINT64_MAX,           "16 EiB"   },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = size_human(rows[i].bytes);

        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_argument),
        cmocka_unit_test(test_human),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
