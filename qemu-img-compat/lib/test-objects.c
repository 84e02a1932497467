/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects; errors that need other objects or files are in test-command-line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "objects.h"

/* Stands for AES: plain is cipher xor key xor iv. */
static void fake_decrypt(const guint8 *key, const guint8 *iv, const guint8 *cipher, gsize length,
                         guint8 *plain)
{
    for (gsize i = 0; i < length; i++) {
        plain[i] = cipher[i] ^ key[i % OBJECTS_KEY_BYTES] ^ iv[i % OBJECTS_IV_BYTES];
    }
}

static void assert_secret(const Objects *objects, const char *id, const char *expected)
{
    g_autofree char *text = objects_secret_get_text(objects, id, NULL);

    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void assert_add(Objects *objects, const char *argument, const char *expected)
{
    g_autoptr(GString) help = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    bool ok = objects_add(objects, argument, help, &error);

    assert_string_equal(error ? error->message : "", expected);
    assert_int_equal(ok, !*expected);
}

static void test_secrets(void **state)
{
    g_autoptr(Objects) objects = objects_new(NULL);
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "test-objects-XXXXXX", NULL);
    g_autofree char *argument = NULL;
    int fd = g_mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_true(g_file_set_contents(path, "abc\n", 4, NULL));
    argument = g_strdup_printf("secret,id=f,file=%s", path);
    assert_add(objects, argument, "");
    assert_add(objects, "secret,id=d,data=a,,b", "");
    assert_add(objects, "secret,id=e,data=", "");
    assert_add(objects, "secret,id=b,data=eHl6,format=base64", "");
    assert_add(objects, "{'qom-type': 'secret', 'id': 'j', 'data': 'x,y'}", "");
    assert_add(objects, "secret,id=u,data=/w==,format=base64", "");
    assert_secret(objects, "f", "abc\n");
    assert_secret(objects, "d", "a,b");
    assert_secret(objects, "e", "");
    assert_secret(objects, "b", "xyz");
    assert_secret(objects, "j", "x,y");
    assert_int_equal(g_unlink(path), 0);
    close(fd);
}

static void test_lookup(void **state)
{
    g_autoptr(Objects) objects = objects_new(NULL);
    g_autoptr(GError) none = NULL;
    g_autoptr(GError) other = NULL;
    g_autoptr(GError) binary = NULL;

    (void)state;
    assert_add(objects, "throttle-group,id=t,x-iops-total=5", "");
    assert_add(objects, "secret,id=u,data=/w==,format=base64", "");
    assert_null(objects_secret_get(objects, "n", &none));
    assert_string_equal(none->message, "No secret with id 'n'");
    assert_null(objects_secret_get(objects, "t", &other));
    assert_string_equal(other->message, "Object with id 't' is not a secret");
    assert_null(objects_secret_get_text(objects, "u", &binary));
    assert_string_equal(binary->message, "Data from secret u is not valid UTF-8");
    assert_string_equal(value_dict_get_string(objects_find(objects, "t"), "x-iops-total"), "5");
    assert_null(objects_find(objects, "n"));
}

/* What a job gets. */
static void test_job(void **state)
{
    g_autoptr(Objects) objects = objects_new(NULL);
    g_autoptr(Value) job = value_new_dict();
    unsigned texts = 0, binaries = 0, others = 0;

    (void)state;
    objects_job_put(objects, job);
    assert_false(value_dict_has(job, "secrets"));
    assert_true(objects_is_empty(objects));
    assert_add(objects, "secret,id=s,data=abc", "");
    assert_add(objects, "secret,id=e,data=", "");
    assert_add(objects, "secret,id=u,data=/w==,format=base64", "");
    assert_add(objects, "throttle-group,id=t,x-iops-total=5", "");
    assert_false(objects_is_empty(objects));
    objects_job_put(objects, job);
    const Value *secrets = value_dict_get(job, "secrets");
    assert_int_equal(value_list_length(secrets), 4);
    for (size_t i = 0; i < 4; i++) {
        const Value *entry = value_list_at(secrets, i);
        const char *id = value_dict_get_string(entry, "id");
        bool is_secret = value_bool(value_dict_get(entry, "is-secret"), false);
        texts += value_dict_has(entry, "text");
        binaries += !value_dict_has(entry, "text") && is_secret && g_str_equal(id, "u");
        others += !value_dict_has(entry, "text") && !is_secret && g_str_equal(id, "t");
        if (g_str_equal(id, "s"))
            assert_string_equal(value_dict_get_string(entry, "text"), "abc");
    }
    assert_int_equal(texts, 2);
    assert_int_equal(binaries, 1);
    assert_int_equal(others, 1);
}

/* 32 zero bytes as the key and 16 as the vector leave the fake cipher's text as it is. */
#define KEY "secret,id=k,format=base64,data=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define IV "iv=AAAAAAAAAAAAAAAAAAAAAA=="

static void test_encrypted(void **state)
{
    g_autoptr(Objects) objects = objects_new(fake_decrypt);
    g_autoptr(Objects) plain_only = objects_new(NULL);

    (void)state;
    assert_add(objects, KEY, "");
    assert_add(objects, "secret,id=short,data=x", "");
    /* "abc" and 13 bytes of 0x0d */
    assert_add(objects,
               "secret,id=s,keyid=k," IV ",format=base64,data=YWJjDQ0NDQ0NDQ0NDQ0NDQ==", "");
    assert_secret(objects, "s", "abc");
    assert_add(objects, "secret,id=a,keyid=n,data=x", "No secret with id 'n'");
    assert_add(objects, "secret,id=a,keyid=short,data=x", "Key should be 32 bytes in length");
    assert_add(objects, "secret,id=a,keyid=k,data=x", "IV is required to decrypt secret");
    assert_add(objects, "secret,id=a,keyid=k,iv=AAAA,data=x",
               "IV should be 16 bytes in length not 3");
    assert_add(objects, "secret,id=a,keyid=k," IV ",data=x",
               "Length 1 must be a multiple of block size 16");
    assert_add(objects, "secret,id=a,keyid=k," IV ",data=0123456789abcdef",
               "Incorrect number of padding bytes (102) found on decrypted data");
    assert_add(objects, "secret,id=a,keyid=k," IV ",data=", "");
    assert_secret(objects, "a", "");
    assert_add(plain_only, KEY, "");
    assert_add(plain_only, "secret,id=a,keyid=k," IV ",data=0123456789abcdef",
               "Encrypted secrets are not supported");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_job),
        cmocka_unit_test(test_encrypted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
