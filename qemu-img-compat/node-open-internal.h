/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What node-open.c and node-parts.c share. */
#ifndef QIC_NODE_OPEN_INTERNAL_H
#define QIC_NODE_OPEN_INTERNAL_H

#include "lib/drivers.h"
#include "session.h"

/* Opening of one node and what is below it. */
typedef struct NodeOpen {
    Session *session;
    bool named_by_user;
    bool writable;
} NodeOpen;

/* ---- node-open.c ---- */

/* A switch that came as a boolean or as a word. */
bool node_flag(const Value *node, const char *key);

/* The description of a node (see node-open.h), its files opened. NULL with an error set. */
Value *node_describe(const NodeOpen *run, const Value *node, GError **error);

/*
 * Open what is below @parent: a file, or a node that the guest opens, described in *below then.
 * Its device number goes to *device. driver: of the parent, NULL if it is to be probed; busy: see
 * there, or NULL.
 */
bool node_below_open(const NodeOpen *run, const Value *child, const Value *parent,
                     const Driver *driver, uint32_t *device, char **busy, Value **below,
                     GError **error);

/* A description without anything below; options are taken over. */
Value *node_description_new(const Value *node, const char *filename, uint32_t device,
                            Value *options);

/* A LUKS header in a file of its own: its device becomes one of the image's options. *below: its
 * description, where it is an image itself. */
bool node_header_open(const NodeOpen *run, const Value *node, Value *options, Value **below,
                      GError **error);

/* What stands in a node for one that has a description (session_image_set). */
Value *node_stand_in_new(const Value *below);

/* ---- node-filters.c ---- */

/* What a filter demands that only the host knows. Its file is open already. */
bool node_filter_check(const NodeOpen *run, const Value *node, GError **error);
/* What it finds wrong once its file is open, but before options that it does not know: put into
 * its description. */
void node_filter_fault(const Value *node, const char *file_driver, Value *description);

/* ---- node-parts.c ---- */

/* Is it a driver with children of its own names: blkdebug, blkverify, quorum? */
bool node_has_parts(const Driver *driver);
/* The log of a blklogwrites node, put into the whole node; *list is what the guest is told of it.
 */
bool node_log_open(const NodeOpen *run, const Value *node, Value *whole, Value **list,
                   GError **error);
/* Its description, all children opened. */
Value *node_parts_describe(const NodeOpen *run, const Value *node, const Driver *driver,
                           GError **error);

/* ---- node-probed.c ---- */

/* What the options of a node without a driver mean in each format, {FORMAT: {options, fault} or
 * {error}}; NULL: it has none. The caller owns it. *header: as of node_header_open(). */
Value *node_probed_describe(const NodeOpen *run, const Value *node, Value **header);

#endif
