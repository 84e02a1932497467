/* SPDX-License-Identifier: GPL-2.0-or-later */
/* names - what a node tree of the user's (or of an image's) says about the file to open. */
#ifndef QIC_NAMES_H
#define QIC_NAMES_H

#include "lib/failure.h"
#include "lib/value.h"

/* A node tree taken apart; strings are owned (node_facts_clear). */
typedef struct NodeFacts {
    char *driver;         /* format driver, NULL: probe */
    char *protocol;       /* protocol driver, NULL: by what the file is */
    char *filename;       /* of the file */
    char *image_filename; /* as info shows the image: the file's name, or json:{...} */
    Value *options;       /* the format's own options, typed as the driver takes them */
    bool force_share;
    bool no_backing;
} NodeFacts;

bool node_facts(const Value *node, NodeFacts *facts, GError **error);
void node_facts_clear(NodeFacts *facts);

#endif
