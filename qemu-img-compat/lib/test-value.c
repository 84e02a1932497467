/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values; the orders are those of the members in `qemu-img info --output=json` of QEMU 10.0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json-print.h"
#include "value.h"

static void test_order(void **state)
{
    /* The members of a qcow2 image's "data" and of the whole record, each in printed order. */
    /* clang-format off */
    static const char *const rows[][10] = {
        {"compat", "compression-type", "lazy-refcounts", "refcount-bits", "corrupt", "extended-l2"},
        {"virtual-size", "filename", "cluster-size", "format", "actual-size", "format-specific",
         "dirty-flag"},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Value) dict = value_new_dict();
        g_autoptr(Value) copy = NULL;
        size_t count = 0;

        while (count < G_N_ELEMENTS(rows[i]) && rows[i][count]) {
            count++;
        }
        for (size_t j = count; j-- > 0;) {
            value_dict_put_int(dict, rows[i][j], (int64_t)j);
        }
        copy = value_copy(dict);
        assert_int_equal(value_dict_size(dict), count);
        for (size_t j = 0; j < count; j++) {
            assert_string_equal(value_dict_key_at(dict, j), rows[i][j]);
            assert_string_equal(value_dict_key_at(copy, j), rows[i][j]);
            assert_int_equal(value_int(value_dict_at(copy, j), -1), j);
        }
    }
}

/* Keys that share a bucket iterate newest first; replacing a value does not move it. */
static void test_collision(void **state)
{
    g_autoptr(Value) dict = value_new_dict();
    g_autofree char *second = NULL;

    (void)state;
    for (unsigned i = 0; !second; i++) {
        char key[16];

        g_snprintf(key, sizeof(key), "k%u", i);
        if (value_dict_bucket(key) == value_dict_bucket("first")) {
            second = g_strdup(key);
        }
    }
    value_dict_put_int(dict, "first", 1);
    value_dict_put_int(dict, second, 2);
    value_dict_put_int(dict, "first", 3);
    assert_string_equal(value_dict_key_at(dict, 0), second);
    assert_string_equal(value_dict_key_at(dict, 1), "first");
    assert_int_equal(value_int(value_dict_get(dict, "first"), 0), 3);
    assert_true(value_dict_del(dict, second));
    assert_false(value_dict_del(dict, second));
    assert_int_equal(value_dict_size(dict), 1);
}

static void test_accessors(void **state)
{
    g_autoptr(Value) list = value_new_list();

    (void)state;
    value_list_append(list, value_new_uint(7));
    value_list_append(list, value_new_string("x"));
    value_list_append(list, value_new_uint(UINT64_MAX));
    assert_int_equal(value_list_length(list), 3);
    assert_int_equal(value_int(value_list_at(list, 0), -1), 7);
    assert_int_equal(value_int(value_list_at(list, 1), -1), -1);
    assert_int_equal(value_int(value_list_at(list, 2), -1), -1);
    assert_null(value_list_at(list, 3));
    assert_null(value_dict_get(list, "x"));
    assert_null(value_string(NULL));
}

static Value *source_item(void *ctx, size_t index)
{
    unsigned *made = ctx;

    ++*made;
    return value_new_int((int64_t)index * 2);
}

static void source_free(void *ctx)
{
    unsigned *made = ctx;

    *made += 100;
}

/* Items are made when asked for, the last one is kept, and the source is freed once. */
static void test_list_of_source(void **state)
{
    unsigned made = 0;
    const ValueSource source = {3, source_item, source_free, &made};
    Value *list = value_new_list_of(&source);
    g_autofree char *text = NULL;

    (void)state;
    assert_int_equal(value_kind(list), VALUE_LIST);
    assert_int_equal(value_list_length(list), 3);
    assert_int_equal(made, 0);
    assert_int_equal(value_int(value_list_at(list, 2), 0), 4);
    assert_int_equal(value_int(value_list_at(list, 2), 0), 4);
    assert_int_equal(made, 1);
    assert_null(value_list_at(list, 3));
    text = json_value_print(list, false);
    assert_string_equal(text, "[0, 2, 4]");
    value_free(list);
    assert_int_equal(made, 1 + 3 + 100);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_of_source),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_collision),
        cmocka_unit_test(test_accessors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
