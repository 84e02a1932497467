/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes of names and lists. Errors, and the names that nodes have, are those that
 * `qemu-img info [--image-opts] INPUT` of QEMU 10.0 prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json-parse.h"
#include "json-print.h"
#include "node-options.h"
#include "node.h"

#define FILE_X "{\"driver\": \"file\", \"filename\": \"x\"}"

static void test_resolve(void **state)
{
    /* clang-format off */
    static const struct {
        bool image_opts;
        const char *format, *input, *expected;
    } rows[] = {
        {false, NULL, "x", "{\"file\": " FILE_X "}"},
        {false, NULL, "file:x", "{\"file\": " FILE_X "}"},
        {false, "qcow2", "x", "{\"driver\": \"qcow2\", \"file\": " FILE_X "}"},
        {false, "file", "file:x", FILE_X},
        {false, NULL, "null-co://", "{\"file\": {\"driver\": \"null-co\"}}"},
        {false, NULL, "json:{'driver':'qcow2','file':{'driver':'file','filename':'x'}}",
         "{\"driver\": \"qcow2\", \"file\": " FILE_X "}"},
        {false, NULL, "json:{'file.filename':'file:x'}",
         "{\"file\": {\"driver\": \"file\", \"filename\": \"file:x\"}}"},
        {false, "raw", "json:{'driver':'qcow2','file.filename':'x'}",
         "{\"driver\": \"raw\", \"file\": " FILE_X "}"},
        {false, NULL, "json:{'driver':5,'file.filename':'x'}", "{\"file\": " FILE_X "}"},
        {false, NULL, "json:{'driver':'raw','offset':512,'file.filename':'x'}",
         "{\"offset\": 512, \"driver\": \"raw\", \"file\": " FILE_X "}"},
        {true, NULL, "driver=raw,offset=1k,file.filename=x",
         "{\"offset\": \"1k\", \"driver\": \"raw\", \"file\": " FILE_X "}"},
        {true, NULL, "driver=raw,file.driver=qcow2,file.file.filename=x",
         "{\"driver\": \"raw\", \"file\": {\"driver\": \"qcow2\", \"file\": " FILE_X "}}"},
        {true, NULL, "driver=null-co,size=1M", "{\"driver\": \"null-co\", \"size\": \"1M\"}"},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Report) report = report_new();
        g_autoptr(Value) node =
            node_from_argument(rows[i].input, rows[i].image_opts, rows[i].format, false, report);
        g_autofree char *text = NULL;

        assert_string_equal(report->err->str, "");
        value_dict_del(node, NODE_PROBE_NAME);
        text = json_value_print(node, false);
        assert_string_equal(text, rows[i].expected);
    }
}

static void test_errors(void **state)
{
    /* clang-format off */
    static const struct {
        bool image_opts, force_share;
        const char *format, *input, *error;
    } rows[] = {
        {false, false, NULL, "", "The 'file' block driver requires a file name"},
        {false, false, NULL, "file:", "The 'file' block driver requires a file name"},
        {false, false, NULL, "nosuch:foo", "Unknown protocol 'nosuch'"},
        {false, false, NULL, "null-co:", "The only allowed filename for this driver is "
         "'null-co://'"},
        {false, false, "nosuch", "x", "Unknown driver 'nosuch'"},
        {false, false, NULL, "json:", "Could not parse the JSON options: Expecting a JSON value"},
        {false, false, NULL, "json:{",
         "Could not parse the JSON options: JSON parse error, premature EOI"},
        {false, false, NULL, "json:[]", "Invalid JSON object given"},
        {false, false, NULL, "json:{}", "Must specify either driver or file"},
        {false, false, NULL, "json:{\"driver\":\"raw\"}",
         "A block device must be specified for \"file\""},
        {false, false, NULL, "json:{\"driver\":\"qcow2\",\"file\":{}}",
         "A block device must be specified for \"file\""},
        {false, false, NULL, "json:{\"driver\":\"qcow2\",\"file\":null}",
         "A block device must be specified for \"file\""},
        {false, false, NULL, "json:{\"driver\":\"qcow2\",\"filename\":\"x\"}",
         "A block device must be specified for \"file\""},
        {false, false, NULL, "json:{\"filename\":\"x\"}", "Must specify either driver or file"},
        {false, false, NULL, "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\"}}",
         "The 'file' block driver requires a file name"},
        {false, false, NULL, "json:{\"driver\":\"qcow2\",\"file.driver\":\"file\","
         "\"file.filename\":5}", "The 'file' block driver requires a file name"},
        {false, false, NULL, "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"nosuch\"}}",
         "Unknown driver 'nosuch'"},
        {false, false, NULL, "json:{\"file\":\"q\"}", "Cannot find device='q' nor node-name='q'"},
        {true, false, NULL, "q", "Cannot find device='q' nor node-name='q'"},
        {true, false, NULL, "", "Must specify either driver or file"},
        {true, false, NULL, "driver=nosuch,file=x", "Unknown driver 'nosuch'"},
        {true, false, NULL, "filename=q", "Must specify either driver or file"},
        {true, false, NULL, "driver=raw,file.0=x", "Must specify either driver or file"},
        {true, false, NULL, "offset=x,driver=raw,filename=raw",
         "Parameter 'offset' expects a non-negative number below 2^64\n"
         "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
         "and exabytes, respectively."},
        {true, false, NULL, "file.filename=x,force-share=q,file.locking=z",
         "Parameter 'force-share' expects 'on' or 'off'"},
        {true, false, NULL, "force-share=z,file.driver=qcow2,file.filename=x",
         "Parameter 'force-share' expects 'on' or 'off'"},
        {true, false, NULL, "file.filename=x,read-only=q",
         "Parameter 'read-only' expects 'on' or 'off'"},
        {true, false, NULL, "driver=qcow2,file.filename=q,file=x",
         "Cannot reference an existing block device with additional options or a new filename"},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Report) report = report_new();
        g_autofree char *expected =
            g_strdup_printf("qemu-img: Could not open '%s': %s\n", rows[i].input, rows[i].error);

        assert_null(node_from_argument(rows[i].input, rows[i].image_opts, rows[i].format,
                                       rows[i].force_share, report));
        assert_string_equal(report->err->str, expected);
    }
}

static void test_argument_errors(void **state)
{
    g_autoptr(Report) format = report_new();
    g_autoptr(Report) share = report_new();
    g_autoptr(Report) backing = report_new();
    g_autoptr(Value) node = NULL;

    (void)state;
    assert_null(node_from_argument("driver=raw", true, "raw", false, format));
    assert_string_equal(format->err->str,
                        "qemu-img: --image-opts and --format are mutually exclusive\n");
    assert_null(node_from_argument("driver=raw,force-share=off", true, NULL, true, share));
    assert_string_equal(share->err->str,
                        "qemu-img: --force-share/-U conflicts with image options\n");
    node =
        node_from_argument("json:{'file.filename':'x','backing':''}", false, NULL, true, backing);
    assert_string_equal(backing->err->str,
                        "qemu-img: warning: Use of \"backing\": \"\" is deprecated; use "
                        "\"backing\": null instead\n");
    assert_int_equal(value_kind(value_dict_get(node, "backing")), VALUE_NULL);
    assert_true(value_bool(value_dict_get(node, "force-share"), false));
}

static void test_filename(void **state)
{
    static const struct {
        const char *input, *expected;
    } rows[] = {
        {"json:{'driver':'qcow2','file':{'driver':'file','filename':'x'}}",          "x"         },
        {"json:{'driver':'qcow2','read-only':true,'file.filename':'x'}",             "x"         },
        {"json:{'driver':'qcow2','file.filename':'x','data-file.filename':'y'}",     "x"         },
        {"json:{'driver':'file','filename':'x'}",                                    "x"         },
        {"json:{'driver':'raw','offset':'512','file.filename':'x'}",
         "json:{\"offset\": \"512\", \"driver\": \"raw\", \"file\": " FILE_X "}"                 },
        {"json:{'driver':'raw','offset':null,'file.filename':'x'}",
         "json:{\"offset\": null, \"driver\": \"raw\", \"file\": " FILE_X "}"                    },
        {"json:{'driver':'qcow2','encrypt':{'key-secret':'k'},'file.filename':'x'}",
         "json:{\"encrypt.key-secret\": \"k\", \"driver\": \"qcow2\", \"file\": " FILE_X "}"     },
        {"json:{'driver':'raw','file':{'driver':'qcow2','file.filename':'x'}}",
         "json:{\"driver\": \"raw\", \"file\": {\"driver\": \"qcow2\", \"file\": " FILE_X "}}"   },
        {"json:{'driver':'null-co','size':'1M'}",
         "json:{\"driver\": \"null-co\", \"size\": \"1M\"}"                                      },
        {"json:{'driver':'raw','file.driver':'null-co'}",                            "null-co://"},
        {"null-co://",                                                               "null-co://"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) warnings = g_string_new(NULL);
        g_autoptr(Value) node = node_from_name(rows[i].input, NULL, warnings, NULL);
        g_autofree char *name = NULL;

        assert_non_null(node);
        if (!value_dict_has(node, "driver")) {
            value_dict_put_string(node, "driver", "raw");
        }
        name = node_filename(node);
        assert_string_equal(name, rows[i].expected);
    }
}

static void test_options(void **state)
{
    /* clang-format off */
    static const struct {
        const char *node, *options, *error;
    } rows[] = {
        {"{'driver':'raw','offset':'1k','size':512}", "{\"offset\": 1024, \"size\": 512}", NULL},
        {"{'driver':'raw','offset':null}", "{}", NULL},
        {"{'driver':'qcow2','lazy-refcounts':'yes','encrypt.key-secret':'k'}",
         "{\"lazy-refcounts\": true, \"encrypt.key-secret\": \"k\"}", NULL},
        {"{'driver':'raw','offset':1.5}", NULL,
         "Parameter 'offset' expects a non-negative number below 2^64\n"
         "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
         "and exabytes, respectively."},
        {"{'driver':'raw','read-only':'x'}", NULL, "Parameter 'read-only' expects 'on' or 'off'"},
        {"{'driver':'raw','node-name':'1foo'}", NULL, "Invalid node-name: '1foo'"},
        {"{'driver':'raw','node-name':''}", NULL, "Invalid node-name: ''"},
        {"{'driver':'raw','discard':'x'}", NULL, "Invalid discard option"},
        {"{'driver':'raw','detect-zeroes':'x'}", NULL, "invalid parameter value: x"},
        {"{'driver':'raw','detect-zeroes':'unmap'}", NULL,
         "setting detect-zeroes to unmap is not allowed without setting discard operation to "
         "unmap"},
        {"{'driver':'file','locking':'x'}", NULL, "invalid parameter value: x"},
        {"{'driver':'file','aio-max-batch':'x'}", NULL,
         "Parameter 'aio-max-batch' expects a number"},
        {"{'driver':'vpc','force_size_calc':'x'}", NULL, "Invalid size calculation mode: 'x'"},
        {"{'driver':'qcow2','overlap-check':'x'}", NULL,
         "Unsupported value 'x' for qcow2 option 'overlap-check'. Allowed are any of the "
         "following: none, constant, cached, all"},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Value) node = json_value_parse(rows[i].node, NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(Value) options = node_options_typed(node, &error);

        if (rows[i].options) {
            g_autofree char *text = json_value_print(options, false);

            assert_string_equal(text, rows[i].options);
        } else {
            assert_null(options);
            assert_string_equal(error->message, rows[i].error);
        }
    }
}

static void test_unknown_options(void **state)
{
    /* clang-format off */
    static const struct {
        const char *node, *without_backing, *with_backing;
    } rows[] = {
        {"{'driver':'raw','offset':1,'file':{}}", "", ""},
        {"{'driver':'qcow2','backing':null}", "", ""},
        {"{'driver':'qcow2','data-file.filename':'x'}", "", ""},
        {"{'driver':'qcow2','bar':1,'foo':2}",
         "Block format 'qcow2' does not support the option 'bar'",
         "Block format 'qcow2' does not support the option 'bar'"},
        {"{'driver':'file','filename':'x','foo':2}",
         "Block protocol 'file' doesn't support the option 'foo'",
         "Block protocol 'file' doesn't support the option 'foo'"},
        {"{'driver':'vdi','size':2}", "Block format 'vdi' does not support the option 'size'",
         "Block format 'vdi' does not support the option 'size'"},
        {"{'driver':'qcow2','backing.driver':'raw'}",
         "Block format 'qcow2' does not support the option 'backing.driver'", ""},
        {"{'driver':'qcow2','backing':'x'}",
         "Block format 'qcow2' does not support the option 'backing'", ""},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Value) node = json_value_parse(rows[i].node, NULL);

        for (int used = 0; used < 2; used++) {
            const char *expected = used ? rows[i].with_backing : rows[i].without_backing;
            g_autoptr(GError) error = NULL;

            assert_int_equal(node_options_check(node, used != 0, &error), !*expected);
            assert_string_equal(error ? error->message : "", expected);
        }
    }
}

/* `qemu-img map --image-opts driver=...,file.filename=x,...`. */
static void test_backing(void **state)
{
    /* clang-format off */
    static const struct {
        const char *node, *name, *format, *expected, *error;
    } rows[] = {
        {"{'driver':'qcow2'}", NULL, NULL, NULL, NULL},
        {"{'driver':'qcow2'}", "x", "raw", "{\"driver\": \"raw\", \"file\": " FILE_X "}", NULL},
        {"{'driver':'qcow2','backing':null}", "x", "raw", NULL, NULL},
        {"{'driver':'qcow2','backing.driver':'qcow2'}", "x", "raw",
         "{\"driver\": \"qcow2\", \"file\": " FILE_X "}", NULL},
        {"{'driver':'qcow2','backing.file.filename':'x'}", "y", "raw",
         "{\"driver\": \"raw\", \"file\": " FILE_X "}", NULL},
        {"{'driver':'qcow2','backing':'b'}", "x", "raw", NULL,
         "Could not open backing file: Cannot find device='b' nor node-name='b'"},
        {"{'driver':'qcow2','backing.foo':'x'}", NULL, NULL, NULL,
         "Could not open backing file: Must specify either driver or file"},
        {"{'driver':'vdi','backing.file.filename':'x'}", NULL, NULL, NULL,
         "Driver doesn't support backing files"},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Value) node = json_value_parse(rows[i].node, NULL);
        g_autoptr(GString) warnings = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(Value) backing =
            node_backing(node, rows[i].name, rows[i].format, warnings, &error);
        if (backing) {
            value_dict_del(backing, NODE_PROBE_NAME);
        }
        g_autofree char *text = backing ? json_value_print(backing, false) : g_strdup("");

        assert_string_equal(text, rows[i].expected ? rows[i].expected : "");
        assert_string_equal(error ? error->message : "", rows[i].error ? rows[i].error : "");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve),         cmocka_unit_test(test_errors),
        cmocka_unit_test(test_argument_errors), cmocka_unit_test(test_filename),
        cmocka_unit_test(test_options),         cmocka_unit_test(test_unknown_options),
        cmocka_unit_test(test_backing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
