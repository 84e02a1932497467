/* SPDX-License-Identifier: GPL-2.0-or-later */
/* secret - see secret.h. */
#include "secret.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SECRET_BLOCK_BYTES = 16,
    SECRET_KEYCTL_READ = 11, /* KEYCTL_READ of keyctl(2) */
};

static GBytes *secret_keyring_load(const Value *properties, GError **error)
{
    const Value *value = value_dict_get(properties, "serial");
    const char *text = value_string(value);
    gint32 serial = (gint32)(text ? strtol(text, NULL, 0) : value_int(value, 0));
    long length = syscall(SYS_keyctl, SECRET_KEYCTL_READ, serial, NULL, 0, 0);
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    if (length < 0) {
        failure_set(error, "Unable to read serial key %08x: %s", (unsigned)serial,
                    g_strerror(errno));
        return NULL;
    }
    g_byte_array_set_size(bytes, (guint)length);
    if (syscall(SYS_keyctl, SECRET_KEYCTL_READ, serial, bytes->data, length, 0) != length) {
        failure_set(error, "Unable to read serial key %08x: %s", (unsigned)serial,
                    g_strerror(errno));
        return NULL;
    }
    return g_bytes_new(bytes->data, bytes->len);
}

GBytes *secret_data_load(const Value *properties, GError **error)
{
    const char *data = value_dict_get_string(properties, "data");
    const char *file = value_dict_get_string(properties, "file");
    g_autoptr(GError) reason = NULL;
    char *contents;
    gsize length;

    if (value_dict_has(properties, "serial")) {
        return secret_keyring_load(properties, error);
    }
    if (data && file) {
        failure_set(error, "'file' and 'data' are mutually exclusive");
        return NULL;
    }
    if (data) {
        return g_bytes_new(data, strlen(data));
    }
    if (!file) {
        failure_set(error, "Either 'file' or 'data' must be provided");
        return NULL;
    }
    if (!g_file_get_contents(file, &contents, &length, &reason)) {
        failure_set(error, "Unable to read %s: %s", file, reason->message);
        return NULL;
    }
    return g_bytes_new_take(contents, length);
}

static GBytes *secret_base64_decode(const char *text, gsize length, GError **error)
{
    g_autofree char *copy = g_strndup(text, length);
    guchar *bytes;
    gsize count;

    if (memchr(text, '\0', length)) {
        failure_set(error, "Base64 data contains embedded NUL characters");
        return NULL;
    }
    if (strspn(copy, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n") !=
        length) {
        failure_set(error, "Base64 data contains invalid characters");
        return NULL;
    }
    bytes = g_base64_decode(copy, &count);
    return g_bytes_new_take(bytes, count);
}

GBytes *secret_decode(const Value *properties, GBytes *data, GError **error)
{
    gsize length;
    const char *bytes = g_bytes_get_data(data, &length);

    if (g_strcmp0(value_dict_get_string(properties, "format"), "base64") != 0) {
        return g_bytes_ref(data);
    }
    return secret_base64_decode(bytes ? bytes : "", length, error);
}

static GBytes *secret_iv_get(const Value *properties, GError **error)
{
    const char *text = value_dict_get_string(properties, "iv");
    g_autoptr(GBytes) iv = NULL;

    if (!text) {
        failure_set(error, "IV is required to decrypt secret");
        return NULL;
    }
    iv = secret_base64_decode(text, strlen(text), error);
    if (iv && g_bytes_get_size(iv) != OBJECTS_IV_BYTES) {
        failure_set(error, "IV should be 16 bytes in length not %zu", g_bytes_get_size(iv));
        return NULL;
    }
    return g_steal_pointer(&iv);
}

/* Takes off the padding of RFC 5652: each of the n last bytes is n. Only the last one is looked at.
 */
static GBytes *secret_unpad(guint8 *plain, gsize length, GError **error)
{
    guint8 padding = length ? plain[length - 1] : 0;

    if (padding > SECRET_BLOCK_BYTES || padding > length) {
        failure_set(error, "Incorrect number of padding bytes (%d) found on decrypted data",
                    padding);
        g_free(plain);
        return NULL;
    }
    return g_bytes_new_take(plain, length - padding);
}

GBytes *secret_decrypt(const Value *properties, GBytes *data, GBytes *key, ObjectsDecrypt decrypt,
                       GError **error)
{
    g_autoptr(GBytes) iv = NULL;
    g_autoptr(GBytes) cipher = NULL;
    guint8 *plain;
    gsize length;

    if (g_bytes_get_size(key) != OBJECTS_KEY_BYTES) {
        failure_set(error, "Key should be 32 bytes in length");
        return NULL;
    }
    iv = secret_iv_get(properties, error);
    cipher = iv ? secret_decode(properties, data, error) : NULL;
    if (!cipher) {
        return NULL;
    }
    length = g_bytes_get_size(cipher);
    if (length % SECRET_BLOCK_BYTES) {
        failure_set(error, "Length %zu must be a multiple of block size 16", length);
        return NULL;
    }
    if (!decrypt) {
        failure_set(error, "Encrypted secrets are not supported");
        return NULL;
    }
    plain = g_malloc0(length + 1);
    if (length) {
        decrypt(g_bytes_get_data(key, NULL), g_bytes_get_data(iv, NULL),
                g_bytes_get_data(cipher, NULL), length, plain);
    }
    return secret_unpad(plain, length, error);
}
