/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dotted - between nested values and flat dictionaries whose keys are paths: "file.0.driver".
 *
 * In a flat dictionary ".." stands for a point that belongs to a key; flattening does not double
 * points (nor does QEMU).
 */
#ifndef QIC_LIB_DOTTED_H
#define QIC_LIB_DOTTED_H

#include "failure.h"
#include "value.h"

/* A new flat dictionary. Empty lists and dictionaries stay as values. */
Value *dotted_flatten(const Value *dict);

/*
 * Builds the nested value of a flat dictionary: a dictionary, or a list if all its keys are
 * indices 0..n-1. Fails with QEMU's texts on mixed or missing indices, on a key that is both a
 * value and a path, on values that are not flat.
 */
Value *dotted_crumple(const Value *flat, GError **error);

/* Moves what is under "prefix." in a flat dictionary to a new one, without that prefix. */
Value *dotted_subdict_take(Value *flat, const char *prefix);

/* Is the key itself, or anything under "key.", in the flat dictionary? */
bool dotted_has(const Value *flat, const char *key);

#endif
