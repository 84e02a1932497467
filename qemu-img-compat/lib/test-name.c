/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and drivers; errors are those of `qemu-img info NAME` of QEMU 10.0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "name.h"

static void test_protocol(void **state)
{
    static const struct {
        const char *name, *driver, *error;
    } rows[] = {
        {"x.qcow2",                 "file",        NULL                       },
        {"",                        "file",        NULL                       },
        {"/a:b",                    "file",        NULL                       },
        {"./a:b",                   "file",        NULL                       },
        {"a/b:c",                   "file",        NULL                       },
        {"file:x",                  "file",        NULL                       },
        {"/dev/null",               "host_device", NULL                       },
        {"host_device:x",           "host_device", NULL                       },
        {"nbd://h:1",               "nbd",         NULL                       },
        {"nbd+unix:///x?socket=/s", "nbd",         NULL                       },
        {"fat:/tmp",                "vvfat",       NULL                       },
        {"null-co://",              "null-co",     NULL                       },
        {"nosuch:foo",              NULL,          "Unknown protocol 'nosuch'"},
        {":",                       NULL,          "Unknown protocol ''"      },
        {"qcow2:x",                 NULL,          "Unknown protocol 'qcow2'" },
        {"vvfat:x",                 NULL,          "Unknown protocol 'vvfat'" },
        {"quorum:x",                NULL,          "Unknown protocol 'quorum'"},
        {"tftp://x",                NULL,          "Unknown protocol 'tftp'"  },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        const Driver *driver = name_protocol_find(rows[i].name, &error);

        if (rows[i].driver) {
            assert_non_null(driver);
            assert_string_equal(driver->name, rows[i].driver);
        } else {
            assert_null(driver);
            assert_string_equal(error->message, rows[i].error);
        }
    }
}

static void test_combine(void **state)
{
    static const struct {
        const char *base, *name, *expected;
    } rows[] = {
        {"a/b.qcow2",   "c.raw", "a/c.raw"    },
        {"b.qcow2",     "c.raw", "c.raw"      },
        {"/x/y/b",      "../c",  "/x/y/../c"  },
        {"b",           "/abs",  "/abs"       },
        {"nbd://h/d/e", "f",     "nbd://h/d/f"},
        {"file:b",      "c",     "file:c"     },
        {"a/b",         "",      "a/"         },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *full = name_combine(rows[i].base, rows[i].name);

        assert_string_equal(full, rows[i].expected);
    }
}

static void test_backing(void **state)
{
    static const struct {
        const char *overlay, *backing, *expected, *error;
    } rows[] = {
        {"a/b",     "c",      "a/c",    NULL                                                  },
        {"a/b",     "",       NULL,     NULL                                                  },
        {"a/b",     "nbd:c",  "nbd:c",  NULL                                                  },
        {"json:{}", "/c",     "/c",     NULL                                                  },
        {"json:{}", "json:1", "json:1", NULL                                                  },
        {"json:{}", "c",      NULL,     "Cannot use relative backing file names for 'json:{}'"},
        {"",        "c",      NULL,     "Cannot use relative backing file names for ''"       },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *full = name_backing_full(rows[i].overlay, rows[i].backing, &error);

        assert_int_equal(full != NULL, rows[i].expected != NULL);
        assert_int_equal(error != NULL, rows[i].error != NULL);
        if (full) {
            assert_string_equal(full, rows[i].expected);
        }
        if (error) {
            assert_string_equal(error->message, rows[i].error);
        }
    }
}

static void test_strip(void **state)
{
    static const struct {
        const char *name, *expected;
    } rows[] = {
        {"x",        "x"    },
        {"file:x",   "x"    },
        {"file:a:b", "./a:b"},
        {"file://x", "//x"  },
        {"file:",    ""     },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *stripped = name_prefix_strip(rows[i].name, "file:");

        assert_string_equal(stripped, rows[i].expected);
    }
}

static void test_drivers(void **state)
{
    (void)state;
    assert_null(driver_find("nosuch"));
    assert_null(driver_find_by_prefix("raw"));
    assert_true(driver_is_protocol(driver_find("file")));
    assert_false(driver_is_protocol(driver_find("quorum")));
    assert_true(driver_list_has("a b. c", "b.x"));
    assert_true(driver_list_has("a b. c", "c"));
    assert_false(driver_list_has("a b. c", "ax"));
    assert_false(driver_list_has("a b. c", "b"));
    assert_false(driver_list_has(NULL, "a"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocol), cmocka_unit_test(test_combine),
        cmocka_unit_test(test_backing),  cmocka_unit_test(test_strip),
        cmocka_unit_test(test_drivers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
