/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node-open - nodes (lib/node.h) made ready for the guest: files opened, options typed. */
#ifndef QIC_NODE_OPEN_H
#define QIC_NODE_OPEN_H

#include "session.h"

/*
 * Open the files of a node and describe it for the guest: a dictionary
 * {driver, filename, device, options, file}, owned by the caller. "file" is the description of the
 * node below where that is an image itself. NULL with an error set.
 */
Value *session_node_open(Session *session, const Value *node, bool named_by_user, GError **error);

/* The same for an image that is to be written, which the user has named. */
Value *session_target_open(Session *session, const Value *node, GError **error);

/* The device number in such a description. */
uint32_t session_description_device(const Value *description);

/*
 * A file that an image names (a reference of the guest's), its backing file or an extent: resolve,
 * open, describe in @reply. The usual `reference` handler of commands that open whole chains.
 */
bool session_backing_open(Session *session, const struct tree *reference, uint32_t *device,
                          struct tree_writer *reply, int *status, GError **error);
/* The same for a further file of an image that is being written: its data goes there. */
bool session_part_open(Session *session, const struct tree *reference, uint32_t *device,
                       struct tree_writer *reply, int *status, GError **error);
/* The same for a backing file that the command line names: no policy forbids it. */
bool session_named_backing_open(Session *session, const struct tree *reference, uint32_t *device,
                                struct tree_writer *reply, int *status, GError **error);

#endif
