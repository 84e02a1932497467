/* SPDX-License-Identifier: GPL-2.0-or-later */
/* objects - the set of objects of a command line; see objects.h. */
#include "objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers.h"
#include "json-parse.h"
#include "keyval.h"
#include "object-types.h"
#include "opts.h"
#include "secret.h"

typedef struct Object {
    Value *properties;
    GBytes *secret; /* NULL: not a secret */
} Object;

struct Objects {
    GHashTable *by_id; /* char * -> Object * */
    ObjectsDecrypt decrypt;
};

static void object_free(void *data)
{
    Object *object = data;

    value_free(object->properties);
    g_bytes_unref(object->secret);
    g_free(object);
}

Objects *objects_new(ObjectsDecrypt decrypt)
{
    Objects *objects = g_new0(Objects, 1);

    objects->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, object_free);
    objects->decrypt = decrypt;
    return objects;
}

void objects_free(Objects *objects)
{
    if (objects) {
        g_hash_table_unref(objects->by_id);
        g_free(objects);
    }
}

bool objects_is_empty(const Objects *objects)
{
    return g_hash_table_size(objects->by_id) == 0;
}

const Value *objects_find(const Objects *objects, const char *id)
{
    const Object *object = g_hash_table_lookup(objects->by_id, id);

    return object ? object->properties : NULL;
}

GBytes *objects_secret_get(const Objects *objects, const char *id, GError **error)
{
    const Object *object = g_hash_table_lookup(objects->by_id, id);

    if (!object) {
        failure_set(error, "No secret with id '%s'", id);
        return NULL;
    }
    if (!object->secret) {
        failure_set(error, "Object with id '%s' is not a secret", id);
        return NULL;
    }
    return g_bytes_ref(object->secret);
}

char *objects_secret_get_text(const Objects *objects, const char *id, GError **error)
{
    g_autoptr(GBytes) secret = objects_secret_get(objects, id, error);
    gsize length;
    const char *bytes;

    if (!secret) {
        return NULL;
    }
    bytes = g_bytes_get_data(secret, &length);
    if (length && !g_utf8_validate(bytes, (gssize)length, NULL)) {
        failure_set(error, "Data from secret %s is not valid UTF-8", id);
        return NULL;
    }
    return g_strndup(length ? bytes : "", length);
}

void objects_job_put(const Objects *objects, Value *job)
{
    GHashTableIter iter;
    void *id, *object;
    Value *secrets;

    if (objects_is_empty(objects)) {
        return;
    }
    secrets = value_new_list();
    g_hash_table_iter_init(&iter, objects->by_id);
    while (g_hash_table_iter_next(&iter, &id, &object)) {
        g_autofree char *text = objects_secret_get_text(objects, id, NULL);
        Value *entry = value_new_dict();

        value_dict_put_string(entry, "id", id);
        if (text) {
            value_dict_put_string(entry, "text", text);
        } else {
            value_dict_put_bool(entry, "is-secret", ((const Object *)object)->secret != NULL);
        }
        value_list_append(secrets, entry);
    }
    value_dict_put(job, "secrets", secrets);
}

/* A value of the wrong JSON type; in a key=value list only nested ones are wrong. */
static bool object_type_fail(const char *name, const Value *value, bool is_json,
                             const char *expected, GError **error)
{
    if (!is_json || value_kind(value) == VALUE_LIST) {
        return failure_set(error, "Parameters '%s.*' are unexpected", name);
    }
    return failure_set(error, "Invalid parameter type for '%s', expected: %s", name, expected);
}

static bool object_int_check(const ObjectProperty *row, const char *text, GError **error)
{
    char *end;
    gint64 number;

    errno = 0;
    number = strtoll(text, &end, 0);
    if (errno || end == text || *end) {
        return failure_set(error, "Parameter '%s' expects integer", row->name);
    }
    if (g_str_equal(row->type_name, "int32_t") && number != (gint32)number) {
        return failure_set(error, "Parameter '%s' expects int32_t", row->name);
    }
    return true;
}

static bool object_text_check(const ObjectProperty *row, const char *text, bool is_json,
                              GError **error)
{
    bool flag;

    switch (row->kind) {
    case OBJECT_BOOL:
        if (is_json) {
            return failure_set(error, "Invalid parameter type for '%s', expected: boolean",
                               row->name);
        }
        return opt_bool_parse(row->name, text, &flag, error);
    case OBJECT_INT:
        if (is_json) {
            return failure_set(error, "Invalid parameter type for '%s', expected: integer",
                               row->name);
        }
        return object_int_check(row, text, error);
    case OBJECT_CHOICE:
        if (!driver_list_has(row->words, text)) {
            return failure_set(error, "Parameter '%s' does not accept value '%s'", row->name, text);
        }
        return true;
    default:
        return true;
    }
}

static bool object_property_check(const ObjectProperty *row, const Value *value, bool is_json,
                                  GError **error)
{
    if (!value) {
        return !row->mandatory || failure_set(error, "Parameter '%s' is missing", row->name);
    }
    if (row->kind == OBJECT_ANY || (row->kind == OBJECT_BOOL && value_kind(value) == VALUE_BOOL) ||
        (row->kind == OBJECT_INT && value_kind(value) == VALUE_INT)) {
        return true;
    }
    if (!value_string(value)) {
        return object_type_fail(row->name, value, is_json,
                                row->kind == OBJECT_BOOL  ? "boolean"
                                : row->kind == OBJECT_INT ? "integer"
                                                          : "string",
                                error);
    }
    return object_text_check(row, value_string(value), is_json, error);
}

static const ObjectProperty object_type_property = {"qom-type", OBJECT_STRING, true, "str", NULL};
static const ObjectProperty object_id_property = {"id", OBJECT_STRING, true, "str", NULL};

/* Whichever unknown property QEMU names first: the order is that of a GLib hash table. */
static bool object_unknown_check(const Value *properties, const ObjectType *type, GError **error)
{
    g_autoptr(GHashTable) unknown = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    void *name;

    for (size_t i = 0; i < value_dict_size(properties); i++) {
        g_hash_table_add(unknown, (void *)value_dict_key_at(properties, i));
    }
    g_hash_table_remove(unknown, "qom-type");
    g_hash_table_remove(unknown, "id");
    for (const ObjectProperty *row = type->properties; row->name; row++) {
        g_hash_table_remove(unknown, row->name);
    }
    g_hash_table_iter_init(&iter, unknown);
    if (g_hash_table_iter_next(&iter, &name, NULL)) {
        return failure_set(error, "Parameter '%s' is unexpected", (const char *)name);
    }
    return true;
}

static bool object_id_check(const Value *properties, GError **error)
{
    if (!keyval_id_is_wellformed(value_dict_get_string(properties, "id"))) {
        return failure_set(error, "Parameter 'id' expects an identifier\nIdentifiers consist of "
                                  "letters, digits, '-', '.', '_', starting with a letter.");
    }
    return true;
}

static bool object_check(const Value *properties, bool is_json, GError **error)
{
    const char *name;
    const ObjectType *type;
    bool is_foreign;

    if (!object_property_check(&object_type_property, value_dict_get(properties, "qom-type"),
                               is_json, error)) {
        return false;
    }
    name = value_dict_get_string(properties, "qom-type");
    type = object_type_find(name);
    is_foreign = object_type_is_foreign(name);
    if (!is_foreign && (!type || type->help_only)) {
        return failure_set(error, "Parameter 'qom-type' does not accept value '%s'", name);
    }
    if (!object_property_check(&object_id_property, value_dict_get(properties, "id"), is_json,
                               error)) {
        return false;
    }
    if (is_foreign || !type) {
        return object_id_check(properties, error) &&
               failure_set(error, "invalid object type: %s", name);
    }
    for (const ObjectProperty *row = type->properties; row->name; row++) {
        if (!object_property_check(row, value_dict_get(properties, row->name), is_json, error)) {
            return false;
        }
    }
    return object_unknown_check(properties, type, error) && object_id_check(properties, error);
}

/* Encrypted secrets need the bytes of another one as their key. */
static bool object_secret_load(const Objects *objects, Object *object, GError **error)
{
    const char *key_id = value_dict_get_string(object->properties, "keyid");
    g_autoptr(GBytes) key = NULL;
    g_autoptr(GBytes) data = secret_data_load(object->properties, error);

    if (!data) {
        return false;
    }
    if (key_id) {
        key = objects_secret_get(objects, key_id, error);
        object->secret =
            key ? secret_decrypt(object->properties, data, key, objects->decrypt, error) : NULL;
    } else {
        object->secret = secret_decode(object->properties, data, error);
    }
    return object->secret != NULL;
}

static bool objects_insert(Objects *objects, Value *properties, GError **error)
{
    const char *id = value_dict_get_string(properties, "id");
    Object *object = g_new0(Object, 1);
    bool is_secret = g_str_has_prefix(value_dict_get_string(properties, "qom-type"), "secret");

    object->properties = properties;
    if (g_hash_table_contains(objects->by_id, id)) {
        failure_set(error, "attempt to add duplicate property '%s' to object (type 'container')",
                    id);
        object_free(object);
        return false;
    }
    if (is_secret && !object_secret_load(objects, object, error)) {
        object_free(object);
        return false;
    }
    g_hash_table_insert(objects->by_id, g_strdup(id), object);
    return true;
}

static void objects_help_append(const Value *properties, GString *help)
{
    const char *name = value_dict_get_string(properties, "qom-type");
    const ObjectType *type = name ? object_type_find(name) : NULL;

    if (type) {
        object_type_help_append(help, type);
    } else {
        object_types_help_append(help);
    }
}

bool objects_add(Objects *objects, const char *argument, GString *help, GError **error)
{
    bool is_json = *argument == '{';
    bool wants_help = false;
    g_autoptr(Value) properties = is_json ? json_value_parse(argument, error)
                                          : keyval_parse(argument, "qom-type", &wants_help, error);

    if (!properties) {
        return false;
    }
    if (wants_help) {
        objects_help_append(properties, help);
        return false;
    }
    return object_check(properties, is_json, error) &&
           objects_insert(objects, g_steal_pointer(&properties), error);
}
