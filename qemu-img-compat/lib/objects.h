/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * objects - what --object defines: secrets, whose bytes are fetched at once, and the other types
 * that the reference accepts, whose properties are checked and kept.
 */
#ifndef QIC_LIB_OBJECTS_H
#define QIC_LIB_OBJECTS_H

#include "failure.h"
#include "value.h"

enum {
    OBJECTS_KEY_BYTES = 32, /* of an encrypted secret: AES-256-CBC */
    OBJECTS_IV_BYTES = 16,
};

/* Decrypts `length` bytes, a multiple of the block of 16, from cipher to plain (no padding). */
typedef void (*ObjectsDecrypt)(const guint8 *key, const guint8 *iv, const guint8 *cipher,
                               gsize length, guint8 *plain);

typedef struct Objects Objects;

/* decrypt: for secrets with keyid=; NULL refuses those. */
Objects *objects_new(ObjectsDecrypt decrypt);
void objects_free(Objects *objects);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Objects, objects_free)

/*
 * Adds the object that an --object argument (key=value list or JSON) defines. If the argument
 * asks for help instead, returns false with no error set and the text appended to help.
 */
bool objects_add(Objects *objects, const char *argument, GString *help, GError **error);

/* The bytes of a secret (a reference of the caller's), or NULL with the error set. */
GBytes *objects_secret_get(const Objects *objects, const char *id, GError **error);

/* The same as text; not valid UTF-8 is an error. */
char *objects_secret_get_text(const Objects *objects, const char *id, GError **error);

bool objects_is_empty(const Objects *objects);

/* The properties of an object of any type ("qom-type", "id", ...), or NULL. */
const Value *objects_find(const Objects *objects, const char *id);

/*
 * All objects, if there are any, into a job's "secrets", a list of {"id", "text"}: a passphrase.
 * Without "text" it is none: "is-secret" tells a secret that is no UTF-8 text from other objects.
 */
void objects_job_put(const Objects *objects, Value *job);

#endif
