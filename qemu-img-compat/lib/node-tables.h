/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node-tables - the options with which each driver's nodes can be opened; for node-options.c. */
#ifndef QIC_LIB_NODE_TABLES_H
#define QIC_LIB_NODE_TABLES_H

#include "opts.h"

typedef struct NodeTable {
    const char *driver;
    const OptRow *rows;
    const char *children; /* further members that are nodes or options of nodes, see Driver */
} NodeTable;

/* An option whose text must be one of some words. */
typedef struct NodeChoice {
    const char *driver; /* NULL: of every node */
    const char *option;
    const char *words;
    const char *message; /* %s is the text */
} NodeChoice;

/* The options of every node. */
extern const OptRow node_common_rows[];

/* The table of a driver that this program interprets, or NULL. */
const NodeTable *node_table_find(const char *driver);

/* The index-th choice, NULL behind the last. */
const NodeChoice *node_choice_at(size_t index);

#endif
