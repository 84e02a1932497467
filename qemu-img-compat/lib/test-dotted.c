/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dotted keys, --object and --image-opts lists. The error rows of --object are what
 * `qemu-img info --object INPUT x` of QEMU 10.0 prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dotted.h"
#include "json-parse.h"
#include "json-print.h"
#include "keyval.h"

typedef struct Row {
    const char *input;
    const char *expected;
} Row;

static void assert_value(const Value *value, const char *expected)
{
    g_autofree char *text = value ? json_value_print(value, false) : NULL;

    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void test_flatten(void **state)
{
    static const Row rows[] = {
        {"{\"a\": {\"b\": {\"c\": 1}}}",        "{\"a.b.c\": 1}"                     },
        {"{\"a\": [1, {\"b\": 2}]}",            "{\"a.0\": 1, \"a.1.b\": 2}"         },
        {"{\"a\": [], \"b\": {}, \"c\": null}", "{\"a\": [], \"b\": {}, \"c\": null}"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Value) nested = json_value_parse(rows[i].input, NULL);
        g_autoptr(Value) flat = dotted_flatten(nested);

        assert_value(flat, rows[i].expected);
    }
}

static void test_crumple(void **state)
{
    static const Row rows[] = {
        {"{\"a.b.c\": 1}",             "{\"a\": {\"b\": {\"c\": 1}}}"},
        {"{\"a.0\": 1, \"a.1.b\": 2}", "{\"a\": [1, {\"b\": 2}]}"    },
        {"{\"a..b\": 1}",              "{\"a.b\": 1}"                },
        {"{\"0\": 1}",                 "[1]"                         },
        {"{\"a\": []}",                "{\"a\": []}"                 },
    };
    static const Row bad[] = {
        {"{\"a\": 1, \"a.b\": 2}",   "Cannot mix scalar and non-scalar keys"  },
        {"{\"a.0\": 1, \"a.b\": 2}", "Cannot mix list and non-list keys"      },
        {"{\"a.0\": 1, \"a.2\": 2}",
         "List indices are not contiguous, saw 2 elements but 2 largest index"},
        {"{\"a.+0\": 1}",            "Missing list index 0"                   },
        {"{\"a\": [1]}",             "Value a is not flat"                    },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Value) flat = json_value_parse(rows[i].input, NULL);
        g_autoptr(Value) nested = dotted_crumple(flat, NULL);

        assert_value(nested, rows[i].expected);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(Value) flat = json_value_parse(bad[i].input, NULL);
        g_autoptr(GError) error = NULL;

        assert_null(dotted_crumple(flat, &error));
        assert_string_equal(error->message, bad[i].expected);
    }
}

static void test_subdict(void **state)
{
    g_autoptr(Value) flat =
        json_value_parse("{\"file.driver\": 1, \"file.x.y\": 2, \"filename\": 3}", NULL);
    g_autoptr(Value) below = NULL;

    (void)state;
    assert_true(dotted_has(flat, "file"));
    assert_true(dotted_has(flat, "filename"));
    assert_false(dotted_has(flat, "fil"));
    below = dotted_subdict_take(flat, "file");
    assert_value(flat, "{\"filename\": 3}");
    assert_int_equal(value_dict_size(below), 2);
    assert_true(value_dict_has(below, "x.y"));
}

static void test_object_syntax(void **state)
{
    static const Row rows[] = {
        {"secret,id=a",     "{\"qom-type\": \"secret\", \"id\": \"a\"}"},
        {"x=1,,2,x=3",      "{\"x\": \"3\"}"                           },
        {"a.0.b=1,a.1.b=2", "{\"a\": [{\"b\": \"1\"}, {\"b\": \"2\"}]}"},
        {"a.00=1",          "{\"a\": [\"1\"]}"                         },
        {"__org.x_a=1",     "{\"__org.x_a\": \"1\"}"                   },
        {"",                "{}"                                       },
    };
    static const Row bad[] = {
        {"secret,a..b=c",      "Invalid parameter 'a..b'"            },
        {"secret,9=d",         "Invalid parameter '9'"               },
        {"=d",                 "Invalid parameter ''"                },
        {"secret,foo",         "Expected '=' after parameter 'foo'"  },
        {"secret,a.0=c,a.2=d", "Parameter 'a.1' missing"             },
        {"secret,a=c,a.b=d",   "Parameters 'a.*' used inconsistently"},
        {"secret,a.b=d,a=c",   "Parameters 'a.*' used inconsistently"},
        {"secret,a.b=d,a.0=c", "Parameters 'a.*' used inconsistently"},
    };
    bool help;

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Value) dict = keyval_parse(rows[i].input, "qom-type", &help, NULL);

        assert_value(dict, rows[i].expected);
        assert_false(help);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(keyval_parse(bad[i].input, "qom-type", &help, &error));
        assert_string_equal(error->message, bad[i].expected);
    }
    value_free(keyval_parse("secret,help", "qom-type", &help, NULL));
    assert_true(help);
}

/* `qemu-img info --image-opts INPUT`. */
static void test_image_opts(void **state)
{
    /* clang-format off */
    static const struct {
        const char *input, *dict, *warnings;
    } rows[] = {
        {"q.qcow2", "{\"file\": \"q.qcow2\"}", ""},
        {"driver=qcow2,file.filename=a,,b", "{\"file.filename\": \"a,b\", \"driver\": \"qcow2\"}",
         ""},
        {"driver=raw,noread-only", "{\"driver\": \"raw\", \"read-only\": \"off\"}",
         "qemu-img: warning: short-form boolean option 'noread-only' deprecated\n"
         "Please use read-only=off instead\n"},
        {"driver=raw,delay", "{\"driver\": \"raw\", \"delay\": \"on\"}",
         "qemu-img: warning: short-form boolean option 'delay' deprecated\n"
         "Please use nodelay=off instead\n"},
        {"driver=raw,nodelay", "{\"driver\": \"raw\", \"delay\": \"off\"}",
         "qemu-img: warning: short-form boolean option 'nodelay' deprecated\n"
         "Please use nodelay=on instead\n"},
        {"driver=raw,help", "{\"driver\": \"raw\", \"help\": \"on\"}", ""},
        {"driver=raw,id=x", "{\"driver\": \"raw\", \"id\": \"x\"}", ""},
    };
    /* clang-format on */
    g_autoptr(GString) warnings = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Value) dict = keyval_image_opts_parse(rows[i].input, warnings, NULL);

        assert_value(dict, rows[i].dict);
        assert_string_equal(warnings->str, rows[i].warnings);
        g_string_truncate(warnings, 0);
    }
    assert_null(keyval_image_opts_parse("driver=raw,id=1x", warnings, &error));
    assert_string_equal(error->message, "Parameter 'id' expects an identifier\n"
                                        "Identifiers consist of letters, digits, '-', '.', '_', "
                                        "starting with a letter.");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flatten),    cmocka_unit_test(test_crumple),
        cmocka_unit_test(test_subdict),    cmocka_unit_test(test_object_syntax),
        cmocka_unit_test(test_image_opts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
