/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node-options - what stands in a node besides its children: checked against its driver. */
#ifndef QIC_LIB_NODE_OPTIONS_H
#define QIC_LIB_NODE_OPTIONS_H

#include "failure.h"
#include "opts.h"
#include "value.h"

/* A copy of the node with those options that it takes over from the one above (or NULL). */
Value *node_inherit(const Value *node, const Value *above);

/* Checks the values of the options that every node has. */
bool node_common_check(const Value *node, GError **error);

/* Numbers and bools in JSON count as the text that --image-opts would have; NULL: of no such kind.
 * The caller frees it. */
char *node_option_text(const Value *value);

/* The node's options that the table knows, typed; the caller frees it. NULL with the error set. */
Opts *node_options_absorb(const Value *node, const OptRow *rows, GError **error);

/*
 * The options of the node's driver (not those that every node has) with their types: text, bool,
 * uint. Also checks the values of those that every node has. NULL with the error in the
 * reference's words. The node's driver must be there. Options of drivers that this program does
 * not interpret (network protocols) come back as they are.
 */
Value *node_options_typed(const Value *node, GError **error);

/*
 * Are there options that the driver does not know? The reference complains only once the node is
 * open, of a child before its parent. backing_used: the backing file was looked for ("backing.*"
 * counts as unknown otherwise, as in `info`).
 */
bool node_options_check(const Value *node, bool backing_used, GError **error);

#endif
