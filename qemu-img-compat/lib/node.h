/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node - what a name, `json:` name or --image-opts list says is to be opened, as a dictionary.
 *
 * A node is {"driver": name, "file": node, options...}. Without "driver" its format is probed.
 * A protocol node (the lowest one) has "driver" and mostly "filename". Options stand flat and as
 * they were given ("encrypt.key-secret": text, number or bool). "backing": null says that there
 * shall be no backing file; "backing.x" are options for the one that there is.
 */
#ifndef QIC_LIB_NODE_H
#define QIC_LIB_NODE_H

#include "report.h"
#include "value.h"

/*
 * In a node whose format is to be probed: the file name that it was given, if any. No option that a
 * user can write is like this one.
 */
#define NODE_PROBE_NAME "\xff"

/*
 * The node of a command's operand. image_opts: it is a list of options; format: -f, or NULL.
 * NULL: the report has the error, "Could not open '...': " before it where the reference has.
 */
Value *node_from_argument(const char *argument, bool image_opts, const char *format,
                          bool force_share, Report *report);

/* The node of a file name, plain or json:; warnings are appended as whole lines. */
Value *node_from_name(const char *name, const char *format, GString *warnings, GError **error);

/*
 * The node of an image's backing file: the recorded name (full, or NULL) and format (or NULL),
 * unless the node's "backing.*" options say otherwise. NULL without an error: there is none.
 * Errors are complete ("Could not open backing file: ..."); one of opening what is returned is not.
 */
Value *node_backing(const Value *node, const char *name, const char *format, GString *warnings,
                    GError **error);

/*
 * A further file of the node by its options, "child.*" or a dictionary: a protocol node unless it
 * says otherwise. NULL without an error: there is none.
 */
Value *node_child(const Value *node, const char *child, GString *warnings, GError **error);

/*
 * A child that the node must have ("image" of blkdebug): by its options, or by a file name, which
 * may be NULL. is_file: a protocol node unless it says otherwise, else its format is probed.
 */
Value *node_part(const Value *node, const char *child, const char *filename, bool is_file,
                 GString *warnings, GError **error);

/*
 * How info calls the node: the file's name if opening that would give the same, else json:{...}.
 * The node's driver must be there (put it in after probing). The caller frees it.
 */
char *node_filename(const Value *node);

/*
 * The file in whose folder relative names are looked for that an image of this node contains. NULL:
 * there is no such one, with the error set. The caller frees it.
 */
char *node_base(const Value *node, GError **error);

#endif
