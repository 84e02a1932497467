/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object-types - the types that --object knows and their properties; only objects.c needs it. */
#ifndef QIC_LIB_OBJECT_TYPES_H
#define QIC_LIB_OBJECT_TYPES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum ObjectPropertyKind {
    OBJECT_STRING,
    OBJECT_BOOL,
    OBJECT_INT,
    OBJECT_CHOICE, /* one of the words of `type_name`'s row */
    OBJECT_ANY,    /* a structure or list that is not looked into */
} ObjectPropertyKind;

typedef struct ObjectProperty {
    const char *name;
    ObjectPropertyKind kind;
    bool mandatory;
    const char *type_name; /* as help prints it */
    const char *words;     /* of CHOICE, space-separated */
} ObjectProperty;

typedef struct ObjectType {
    const char *name;
    const ObjectProperty *properties; /* in help's order; ends with a NULL name */
    bool help_only;                   /* listed under a name that creating one refuses */
} ObjectType;

/* The type of that name, or NULL. */
const ObjectType *object_type_find(const char *name);

/* Is it a type of QEMU's that qemu-img has not built in? */
bool object_type_is_foreign(const char *name);

/* The types' names, or one type's properties, as help prints them. */
void object_types_help_append(GString *out);
void object_type_help_append(GString *out, const ObjectType *type);

#endif
