/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LZVN: items of each kind, and such as are cut short, mean nothing, or lead out of the data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/lzvn.h"
#include "common/error.h"

/* Decode to @room bytes, with @before in front of them. */
static int lzvn_run(const char *before, const void *coded, size_t coded_bytes, size_t room,
                    char *text)
{
    size_t length = strlen(before);
    uint8_t *in = malloc(coded_bytes ? coded_bytes : 1), *out = malloc(length + room);
    struct lz_output output = {
        .data = out, .bytes = length + room, .limit = length + room, .done = length};

    assert_true(in && out);
    memcpy(in, coded, coded_bytes);
    memcpy(out, before, length);
    int r = lzvn_decode(in, coded_bytes, &output);
    memcpy(text, out, output.done);
    text[output.done] = 0;
    free(in);
    free(out);
    return r;
}

#define END "\6\0\0\0\0\0\0"
#define CODED(text) text, sizeof(text)

/* Each kind of item, behind "abcdefgh"; the literal's own NUL is the end's last byte. */
static void test_items(void **state)
{
    static const struct {
        const char *coded;
        size_t coded_bytes;
        const char *plain; /* behind the others */
    } rows[] = {
        {CODED(END),                          ""                                     },
        {CODED("\x0e\x16\x0e" END),           ""                                     },
        {CODED("\xe1x" END),                  "x"                                    },
        {CODED("\xe0\0ABCDEFGHIJKLMNOP" END), "ABCDEFGHIJKLMNOP"                     },
        {CODED("\0\x08" END),                 "abc"                                  },
        {CODED("\x38\1" END),                 "hhhhhhhhhh"                           },
        {CODED("\xc8\5xyz" END),              "xyzghxy"                              },
        {CODED("\x47\x09\0x" END),            "xabc"                                 },
        {CODED("\xa0\x20\0" END),             "abc"                                  },
        {CODED("\xbf\x2f\0xyz" END),          "xyzabcdefghxyzabcdefghxyzabcdefghxyza"},
        {CODED("\0\x08\xf1" END),             "abcd"                                 },
        {CODED("\0\x08\xf0\0" END),           "abcdefghabcdefghabc"                  },
        {CODED("\0\x08\x46x" END),            "abcxefg"                              },
        {CODED("\0\x08\x8exy" END),           "abcxyfgha"                            },
    };
    char text[300];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t room = strlen(rows[i].plain);
        assert_int_equal(lzvn_run("abcdefgh", rows[i].coded, rows[i].coded_bytes, room, text), 0);
        assert_string_equal(text + 8, rows[i].plain);
        /* More room, less of it, less input, more of it. */
        assert_int_equal(lzvn_run("abcdefgh", rows[i].coded, rows[i].coded_bytes, room + 1, text),
                         -FMT_EIO);
        if (room > 0)
            assert_int_equal(
                lzvn_run("abcdefgh", rows[i].coded, rows[i].coded_bytes, room - 1, text), -FMT_EIO);
        for (size_t n = 0; n < rows[i].coded_bytes; n++)
            assert_int_equal(lzvn_run("abcdefgh", rows[i].coded, n, room, text), -FMT_EIO);
    }
    assert_int_equal(lzvn_run("a", CODED(END "x"), 0, text), -FMT_EIO);
}

/* What there is no meaning for, and distances that lead before the start, or nowhere. */
static void test_broken(void **state)
{
    static const struct {
        const char *coded;
        size_t coded_bytes;
        size_t room; /* as if the item were good */
    } rows[] = {
        {CODED("\0\x09" END),     3},
        {CODED("\0\0" END),       3},
        {CODED("\x07\x09\0" END), 3},
        {CODED("\x07\0\0" END),   3},
        {CODED("\xa0\x24\0" END), 3},
        {CODED("\xa0\0\0" END),   3},
        {CODED("\x40\x0ax" END),  4},
        {CODED("\x46x" END),      4},
        {CODED("\xf3" END),       3},
    };
    static const uint8_t undefined[] = {0x1e, 0x26, 0x2e, 0x36, 0x3e, 0x70, 0x7f, 0xd0, 0xdf};
    char text[300];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(
            lzvn_run("abcdefgh", rows[i].coded, rows[i].coded_bytes, rows[i].room, text), -FMT_EIO);
    for (size_t i = 0; i < sizeof(undefined); i++) {
        const uint8_t coded[] = {undefined[i], 6, 0, 0, 0, 0, 0, 0, 0};
        assert_int_equal(lzvn_run("abcdefgh", coded, sizeof(coded), 0, text), -FMT_EIO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
