/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings file, the environment, and text for terminals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "settings.h"
#include "terminal.h"

static void test_file(void **state)
{
    static const struct {
        const char *text;
        int engine, policy;
        const char *error;
    } cases[] = {
        {"",                                           0, 0, NULL                                                    },
        {"# all\n\n policy = strict \nengine=process", 2, 2, NULL                                                    },
        {"policy=contained\npolicy=parity\n",          0, 0, NULL                                                    },
        {"policy=none\n",                              0, 0, "f:1: 'policy' must be one of parity, contained, strict"},
        {"\nengine\n",                                 0, 0, "f:2: not of the form NAME = VALUE"                     },
        {"Policy=strict",                              0, 0, "f:1: unknown setting 'Policy'"                         },
        {"=strict",                                    0, 0, "f:1: unknown setting ''"                               },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Settings settings = {{0}};
        GError *error = NULL;
        bool ok = settings_parse(&settings, cases[i].text, "f", &error);
        assert_int_equal(ok, cases[i].error == NULL);
        if (ok) {
            assert_int_equal(settings.value[SETTING_ENGINE], cases[i].engine);
            assert_int_equal(settings.value[SETTING_POLICY], cases[i].policy);
        } else {
            assert_string_equal(error->message, cases[i].error);
        }
        g_clear_error(&error);
    }
}

static void test_environment(void **state)
{
    Settings settings;
    GError *error = NULL;

    (void)state;
    g_setenv("QEMU_IMG_COMPAT_POLICY", "contained", TRUE);
    g_setenv("QEMU_IMG_COMPAT_ENGINE", "", TRUE);
    assert_true(settings_read(&settings, "/nonexistent", &error));
    assert_int_equal(settings.value[SETTING_POLICY], 1);
    assert_int_equal(settings.value[SETTING_ENGINE], 0);
    g_setenv("QEMU_IMG_COMPAT_POLICY", "lax", TRUE);
    assert_false(settings_read(&settings, "/nonexistent", &error));
    assert_string_equal(error->message,
                        "QEMU_IMG_COMPAT_POLICY must be one of parity, contained, strict");
    g_clear_error(&error);
    g_unsetenv("QEMU_IMG_COMPAT_POLICY");
    /* A file that is there but cannot be read must not be taken for none. */
    assert_false(settings_read(&settings, "/", &error));
    g_clear_error(&error);
}

static void test_terminal(void **state)
{
    static const struct {
        const char *text, *visible;
    } cases[] = {
        {"plain\ttext\n",        "plain\ttext\n"       },
        {"\x1b[31mred",          "\\x1b[31mred"        },
        {"a\rb\x7f",             "a\\x0db\\x7f"        },
        {"\xc3\xbc\xe2\x82\xac", "\xc3\xbc\xe2\x82\xac"},
        {"\xc2\x9b"
         "2J",          "\\xc2\\x9b2J"        },
        {"\xff\xc3",             "\\xff\\xc3"          },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *visible = terminal_visible(cases[i].text, strlen(cases[i].text));
        assert_string_equal(visible, cases[i].visible);
    }
    g_autofree char *nul = terminal_visible("a\0b", 3);
    assert_string_equal(nul, "a\\x00b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
