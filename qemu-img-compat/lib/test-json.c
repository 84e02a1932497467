/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON in and out; the error rows are what `qemu-img info json:INPUT` of QEMU 10.0 prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json-parse.h"
#include "json-print.h"

typedef struct Row {
    const char *input;
    const char *expected;
} Row;

static void test_errors(void **state)
{
    static const Row rows[] = {
        {"",                      "Expecting a JSON value"                                    },
        {"{",                     "JSON parse error, premature EOI"                           },
        {"[",                     "JSON parse error, premature EOI"                           },
        {"{\"a\"",                "JSON parse error, premature EOI"                           },
        {"{\"a\":1",              "JSON parse error, premature EOI"                           },
        {"{\"a\":}",              "JSON parse error, expecting value"                         },
        {"{,}",                   "JSON parse error, expecting value"                         },
        {"}",                     "JSON parse error, expecting value"                         },
        {"]",                     "JSON parse error, expecting value"                         },
        {"{\"driver\":tru}",      "JSON parse error, invalid keyword 'tru'"                   },
        {"{\"driver\":\"raw\"}x", "Expecting at most one JSON value"                          },
        {"{}{}",                  "Expecting at most one JSON value"                          },
        {"{\"a\":1,\"a\":2}",     "JSON parse error, duplicate key"                           },
        {"{\"a\":01}",            "JSON parse error, stray '01'"                              },
        {"{\"a\":-}",             "JSON parse error, stray '-}'"                              },
        {"{\"a\":@}",             "JSON parse error, stray '@'"                               },
        {"{\"a\":1.e}",           "JSON parse error, stray '1.e'"                             },
        {"\"abc",                 "JSON parse error, stray '\"abc'"                           },
        {"{1:2}",                 "JSON parse error, key is not a string in object"           },
        {"{\"a\",1}",             "JSON parse error, missing : in object pair"                },
        {"{\"a\":1]",             "JSON parse error, expected separator in dict"              },
        {"{\"a\":0e1}",           "JSON parse error, expected separator in dict"              },
        {"[1}",                   "JSON parse error, expected separator in list"              },
        {"{\"a\":\"\\q\"}",       "JSON parse error, invalid escape sequence in string"       },
        {"{\"a\":\"\\u12\"}",     "JSON parse error, \\u12\" is not a valid Unicode character"},
        {"{\"a\":\"\\ud800\"}",   "JSON parse error, \\ud800 is not a valid Unicode character"},
        {"{\"a\":\"\xff\"}",      "JSON parse error, stray '\"\xff'"                          },
        {"{\"a\":\"\xc3(\"}",     "JSON parse error, invalid UTF-8 sequence in string"        },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(json_value_parse(rows[i].input, &error));
        assert_string_equal(error->message, rows[i].expected);
    }
}

static void test_round_trip(void **state)
{
    static const Row rows[] = {
        {" {'driver' : 'raw'} ",        "{\"driver\": \"raw\"}"       },
        {"[]",                          "[]"                          },
        {"{}",                          "{}"                          },
        {"[1, -2,9223372036854775808]", "[1, -2, 9223372036854775808]"},
        {"[99999999999999999999, 1.5]", "[1e+20, 1.5]"                },
        {"[true,false,null]",           "[true, false, null]"         },
        {"'\\u00e9\\ud83d\\ude00'",     "\"\\u00E9\\uD83D\\uDE00\""   },
        {"'\\'\\\"\\/\\b\\f\\n\\r\\t'", "\"'\\\"/\\b\\f\\n\\r\\t\""   },
        {"'\\u0000'",                   "\"\\u0000\""                 },
        {"{\"backing\":{\"x\":[{}]}}",  "{\"backing\": {\"x\": [{}]}}"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Value) value = json_value_parse(rows[i].input, NULL);
        g_autofree char *text = value ? json_value_print(value, false) : NULL;

        assert_non_null(text);
        assert_string_equal(text, rows[i].expected);
    }
}

static void test_depth(void **state)
{
    g_autofree char *deep = g_strnfill(1025, '[');
    g_autofree char *allowed = g_strnfill(1024, '[');
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) other = NULL;

    (void)state;
    assert_null(json_value_parse(deep, &error));
    assert_string_equal(error->message, "JSON nesting depth limit exceeded");
    assert_null(json_value_parse(allowed, &other));
    assert_string_equal(other->message, "JSON parse error, premature EOI");
}

static void test_pretty(void **state)
{
    g_autoptr(Value) value =
        json_value_parse("{\"a\": [1, {}], \"b\": [], \"c\": {\"d\": 1}}", NULL);
    g_autofree char *text = json_value_print(value, true);

    (void)state;
    assert_string_equal(text, "{\n"
                              "    \"a\": [\n"
                              "        1,\n"
                              "        {\n"
                              "        }\n"
                              "    ],\n"
                              "    \"b\": [\n"
                              "    ],\n"
                              "    \"c\": {\n"
                              "        \"d\": 1\n"
                              "    }\n"
                              "}");
}

/* File names with odd bytes, as the "filename" of `info --output=json` shows them. */
static void test_escapes(void **state)
{
    static const Row rows[] = {
        {"a\"b\\c\x7f\x01",       "\"a\\\"b\\\\c\\u007F\\u0001\""},
        {"\xc3\xa9\xe2\x82\xac",  "\"\\u00E9\\u20AC\""           },
        {"\xf0\x9f\x98\x80",      "\"\\uD83D\\uDE00\""           },
        {"x\xff\xfey\xc3",        "\"x\\uFFFD\\uFFFDy\\uFFFD\""  },
        {"\xed\xa0\x80\xc0\xaf",  "\"\\uFFFD\\uFFFD\""           },
        {"\xef\xbf\xbf\xe2\x82z", "\"\\uFFFD\\uFFFDz\""          },
        {"\xc0\x80",              "\"\\u0000\""                  },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) out = g_string_new(NULL);

        json_string_append(out, rows[i].input);
        assert_string_equal(out->str, rows[i].expected);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_depth),   cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
