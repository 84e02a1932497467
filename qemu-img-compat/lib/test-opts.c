/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options; rows are what `qemu-img create -f FORMAT -o OPTIONS x [SIZE]` of QEMU 10.0 prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "option-tables.h"

static Opts *opts_of(const char *format)
{
    const OptRow *tables[] = {option_table_create(format), option_table_create("file"), NULL};

    return opts_new(tables);
}

static void test_errors(void **state)
{
    /* clang-format off */
    static const struct {
        const char *format, *options, *error;
    } rows[] = {
        {"qcow2", "cluster_size=foo",
         "Parameter 'cluster_size' expects a non-negative number below 2^64\n"
         "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
         "and exabytes, respectively."},
        {"qcow2", "cluster_size=64k,,x",
         "Parameter 'cluster_size' expects a non-negative number below 2^64\n"
         "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
         "and exabytes, respectively."},
        {"qcow2", "cluster_size=20E", "Value '20E' is out of range for parameter 'cluster_size'"},
        {"raw", "size=-1", "Value '-1' is out of range for parameter 'size'"},
        {"qcow2", "refcount_bits=foo", "Parameter 'refcount_bits' expects a number"},
        {"qcow2", "refcount_bits=99999999999999999999999",
         "Value '99999999999999999999999' is too large for parameter 'refcount_bits'"},
        {"qcow2", "lazy_refcounts=foo", "Parameter 'lazy_refcounts' expects 'on' or 'off'"},
        {"qcow2", "lazy_refcounts=yes,foo=1", "Invalid parameter 'foo'"},
        {"qcow2", "help=1", "Invalid parameter 'help'"},
        {"qcow2", "nohelp", "Invalid parameter 'help'"},
        {"raw", "=5", "Invalid parameter ''"},
        {"raw", "no", "Invalid parameter ''"},
        {"raw", "nocow", "Invalid parameter 'cow'"},
        {"raw", "backing_file=foo", "Invalid parameter 'backing_file'"},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Opts) opts = opts_of(rows[i].format);
        g_autoptr(GError) error = NULL;

        assert_false(opts_parse(opts, rows[i].options, &error));
        assert_string_equal(error->message, rows[i].error);
    }
}

static void test_line(void **state)
{
    /* clang-format off */
    static const struct {
        const char *format, *options, *line;
    } rows[] = {
        {"raw", "size=1M", "size=1048576"},
        {"raw", "size=1M,id=foo", "size=1048576"},
        {"raw", "size=1M,nonocow", "size=1048576 nocow=off"},
        {"qcow2", "size=1M,lazy_refcounts,nolazy_refcounts",
         "cluster_size=65536 extended_l2=off compression_type=zlib size=1048576 "
         "lazy_refcounts=off refcount_bits=16"},
        {"qcow2", "lazy_refcounts=y,cluster_size=4k,cluster_size=8k,size=1M,backing_file=a,,b,"
         "backing_fmt=raw", "cluster_size=8192 extended_l2=off compression_type=zlib size=1048576 "
         "backing_file=a,,b backing_fmt=raw lazy_refcounts=y refcount_bits=16"},
        {"qcow2", "size=1M,refcount_bits= 0x10",
         "cluster_size=65536 extended_l2=off compression_type=zlib size=1048576 "
         "lazy_refcounts=off refcount_bits=16"},
        {"qcow2", "size=1M,refcount_bits=-1",
         "cluster_size=65536 extended_l2=off compression_type=zlib size=1048576 "
         "lazy_refcounts=off refcount_bits=-1"},
        {"qcow", "size=1M", "size=1048576"},
        {"qed", "size=1M", "size=1048576 cluster_size=65536"},
        {"vmdk", "size=1M", "size=1048576 compat6=off hwversion=undefined"},
        {"vdi", "size=1M", "size=1048576 static=off"},
        {"vpc", "size=1M", "size=1048576"},
        {"vhdx", "size=1M", "size=1048576 log_size=1048576 block_size=0"},
        {"parallels", "size=1M", "size=1048576 cluster_size=1048576"},
        {"luks", "size=1M", "size=1048576"},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Opts) opts = opts_of(rows[i].format);
        g_autofree char *line = NULL;

        assert_true(opts_parse(opts, rows[i].options, NULL));
        line = opts_line(opts);
        assert_string_equal(line, rows[i].line);
    }
}

static void test_text(void **state)
{
    static const struct {
        const char *text;
        bool joinable, wants_help;
    } rows[] = {
        {"size=1M",         true,  false},
        {"size=1M,?",       true,  true },
        {"size=1M,help,x=", true,  true },
        {"?",               true,  true },
        {"help=1",          true,  false},
        {"nohelp",          true,  false},
        {"size=help",       true,  false},
        {"a=b,,help",       true,  false},
        {"a,,",             true,  false},
        {"",                false, false},
        {",a",              false, false},
        {"a,",              false, false},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *all = g_strdup("x=y");
        g_autofree char *expected = g_strdup_printf("x=y,%s", rows[i].text);
        g_autofree char *message = g_strdup_printf("Invalid option list: %s", rows[i].text);
        g_autoptr(GError) error = NULL;

        assert_int_equal(opts_text_wants_help(rows[i].text), rows[i].wants_help);
        assert_int_equal(opts_text_append(&all, rows[i].text, &error), rows[i].joinable);
        assert_string_equal(rows[i].joinable ? all : error->message,
                            rows[i].joinable ? expected : message);
    }
}

/* `create -f raw -o help x`, `amend -f luks -o help`. */
static void test_help(void **state)
{
    const OptRow *create[] = {option_table_create("raw"), option_table_create("file"), NULL};
    const OptRow *amend[] = {option_table_amend("luks"), NULL};
    g_autoptr(GString) out = g_string_new(NULL);

    (void)state;
    opts_help_append(out, create);
    assert_string_equal(
        out->str, "  extent_size_hint=<size> - Extent size hint for the image file, 0 to disable\n"
                  "  nocow=<bool (on/off)>  - Turn off copy-on-write (valid only on btrfs)\n"
                  "  preallocation=<str>    - Preallocation mode (allowed values: off, falloc, "
                  "full)\n"
                  "  size=<size>            - Virtual disk size\n");
    g_string_truncate(out, 0);
    opts_help_append(out, amend);
    assert_string_equal(
        out->str, "  iter-time=<num>        - Time to spend in PBKDF in milliseconds\n"
                  "  keyslot=<num>          - Select a single keyslot to modify explicitly\n"
                  "  new-secret=<str>       - New secret to set in the matching keyslots. Empty "
                  "string to erase\n"
                  "  old-secret=<str>       - Select all keyslots that match this password\n"
                  "  state=<str>            - Select new state of affected keyslots "
                  "(active/inactive)\n");
    assert_null(option_table_create("dmg"));
    assert_null(option_table_amend("raw"));
}

static void test_values(void **state)
{
    g_autoptr(Opts) opts = opts_of("qcow2");
    g_autoptr(Value) given = NULL;
    g_autoptr(Value) all = NULL;

    (void)state;
    assert_true(opts_set(opts, "size", "3k", NULL));
    assert_true(opts_set(opts, "encryption", "yes", NULL));
    assert_true(opts_set(opts, "compat", "0.10", NULL));
    assert_int_equal(opts_get_number(opts, "size", 0), 3072);
    assert_int_equal(opts_get_number(opts, "cluster_size", 0), 65536);
    assert_int_equal(opts_get_number(opts, "encrypt.iter-time", 9), 9);
    assert_string_equal(opts_get(opts, "compression_type"), "zlib");
    assert_null(opts_get(opts, "data_file"));
    assert_true(opts_knows(opts, "nocow"));
    given = opts_to_dict(opts, false);
    all = opts_to_dict(opts, true);
    assert_int_equal(value_dict_size(given), 3);
    assert_int_equal(value_dict_size(all), 8);
    assert_true(value_bool(value_dict_get(given, "encryption"), false));
    assert_string_equal(value_dict_get_string(given, "compat"), "0.10");
    opts_unset(opts, "size");
    assert_false(opts_is_set(opts, "size"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors), cmocka_unit_test(test_line),   cmocka_unit_test(test_text),
        cmocka_unit_test(test_help),   cmocka_unit_test(test_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
