/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blkdebug-rules - what blkdebug is told to do at which event: sections [inject-error] and
 * [set-state] of a configuration file, and the options under these names.
 *
 * All rules are checked as the reference checks them. Of what they do, one thing is done here: an
 * error injected from the start (event "none") into every read.
 */
#ifndef QIC_LIB_BLKDEBUG_RULES_H
#define QIC_LIB_BLKDEBUG_RULES_H

#include "failure.h"
#include "value.h"

/*
 * Reads the rules of a node with flat options; config: the file's name, or NULL. *read_errno is
 * the errno value with which reads fail, 0: they do not.
 */
bool blkdebug_rules_read(const Value *node, const char *config, uint64_t *read_errno,
                         GError **error);

#endif
