/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of servers as options; rules of blkdebug. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "blkdebug-rules.h"
#include "json-print.h"
#include "network.h"

static void test_names(void **state)
{
    static const struct {
        const char *driver, *name, *result; /* options as JSON, or the error */
    } rows[] = {
        {"nbd",   "nbd:h:1",
         "{\"server.port\": \"1\", \"server.host\": \"h\", \"server.type\": \"inet\"}"         },
        {"nbd",   "nbd:",                      "{}"                                            },
        {"nbd",   "nbd:unix:/s:exportname=e",
         "{\"server.path\": \"/s\", \"export\": \"e\", \"server.type\": \"unix\"}"             },
        {"nbd",   "nbd+unix:///e?socket=%2fs",
         "{\"server.path\": \"/s\", \"export\": \"e\", \"server.type\": \"unix\"}"             },
        {"nbd",   "nbd://h/e",
         "{\"server.port\": \"10809\", \"server.host\": \"h\", \"export\": \"e\", \"server.type\": "
         "\"inet\"}"                                                                           },
        {"nbd",   "nbd://h/e?x=1",             "No valid URL specified"                        },
        {"nbd",   "nbd:h",                     "error parsing address 'h'"                     },
        {"nbd",   "nbd::",                     "error parsing port in address ':'"             },
        {"nbd",   "nbd:[::1",                  "error parsing IPv6 address '[::1'"             },
        {"ssh",   "ssh://u@h/p",
         "{\"server.port\": \"22\", \"server.host\": \"h\", \"path\": \"/p\", \"user\": \"u\"}"},
        {"ssh",   "ssh://h",                   "missing remote path in URI"                    },
        {"http",  "http://h/x",                "{\"url\": \"http://h/x\"}"                     },
        {"vvfat", "fat:rw:16:d",
         "{\"fat-type\": 16, \"dir\": \"d\", \"floppy\": false, \"rw\": true}"                 },
        {"vvfat", "fat:c:d",
         "{\"fat-type\": 0, \"dir\": \"c:d\", \"floppy\": false, \"rw\": false}"               },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) warnings = g_string_new(NULL);
        g_autoptr(Value) options = value_new_dict();
        g_autoptr(GError) error = NULL;
        bool good;

        value_dict_put_string(options, "filename", rows[i].name);
        good = network_filename_parse(driver_find(rows[i].driver), options, warnings, &error);
        g_autofree char *text = good ? json_value_print(options, false) : g_strdup(error->message);
        assert_string_equal(text, rows[i].result);
    }
}

/* A configuration file with this text, and what comes of it: what the guest is told, or the error.
 */
static void config_check(const char *config, const char *told, const char *message)
{
    g_autofree char *path = g_strdup_printf("/tmp/blkdebug-rules-%d", (int)getpid());
    g_autoptr(Value) node = value_new_dict();
    g_autoptr(GError) error = NULL;

    assert_true(g_file_set_contents(path, config, -1, NULL));
    g_autofree char *found = blkdebug_rules_read(node, path, &error);
    unlink(path);
    assert_string_equal(found ? "" : error->message, message);
    if (found) {
        assert_string_equal(found, told);
    }
}

static void test_rules(void **state)
{
    (void)state;
    config_check("", "", "");
    config_check("# nothing\n\n", "", "");
    config_check("[inject-error]\nevent = \"none\"\n", "00000000001f00005ffffffffffffffff", "");
    config_check("[inject-error]\nevent = \"none\"\nerrno = \"28\"\nsector = \"3\"\n",
                 "00000000001f0001c0000000000000600", "");
    config_check("[inject-error]\nevent = \"none\"\niotype = \"block-status\"\nonce = \"on\"\n",
                 "00000000002010005ffffffffffffffff", "");
    config_check("[inject-error]\nevent = \"none\"\niotype = \"write\"\n",
                 "00000000000200005ffffffffffffffff", "");
    config_check("[inject-error \"a\"]\nevent = \"write_aio\"\nstate = \"2\"\n",
                 "04000000021f00005ffffffffffffffff", "");
    config_check("[inject-error]\nevent = \"l2_update\"\n", "", "");
    config_check("[set-state]\nevent = \"pwritev\"\nnew_state = \"2\"\n",
                 "010000000000000050000000000000002", "");
    config_check("event = \"none\"\n", "", "no group defined");
    config_check("[x]\n", "", "There is no option group 'x'");
    config_check("[set-state]\nerrno = \"1\"\n", "", "Invalid parameter 'errno'");
    config_check("[set-state]\n", "", "Missing event name for rule");
    config_check("[set-state]\nevent = \"x\"\n", "", "invalid parameter value: x");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
