/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drivers - the block drivers that the reference knows by name, and what a name parser must know
 * about each. Whether this program can open one is another matter: see driver_kind.
 */
#ifndef QIC_LIB_DRIVERS_H
#define QIC_LIB_DRIVERS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum DriverKind {
    DRIVER_FORMAT,   /* interprets its child "file" */
    DRIVER_FILTER,   /* passes its child "file" through */
    DRIVER_OTHER,    /* has children under other names (quorum) */
    DRIVER_FILE,     /* protocol: a file or device of the host */
    DRIVER_NETWORK,  /* protocol: a server or a library for one */
    DRIVER_INTERNAL, /* protocol: without a resource of its own (null-co), or over other nodes */
} DriverKind;

typedef struct Driver {
    const char *name;
    DriverKind kind;
    bool supports_backing;
    bool needs_filename; /* the node's option "filename" is mandatory */
    /* Prefixes of file names that select the driver, space-separated; NULL: none, no protocol. */
    const char *prefixes;
    /* Options that change what the node's data is, space-separated; "x." stands for all under x. */
    const char *strong_options;
} Driver;

/* The driver of that name, or NULL. */
const Driver *driver_find(const char *name);

/* Is it a driver's name for the options that an image is created with? */
bool driver_is_named(const char *name);

/* The driver that a file name with "prefix:" selects, or NULL. */
const Driver *driver_find_by_prefix(const char *prefix);

/* Is it a protocol, that is, the lowest node of a tree? */
bool driver_is_protocol(const Driver *driver);

/* The index-th name of the list in --help (sorted), NULL behind the last. */
const char *driver_listed_at(size_t index);

/* Does a space-separated list of `prefixes` or `strong_options` (may be NULL) hold the word? */
bool driver_list_has(const char *list, const char *word);

#endif
