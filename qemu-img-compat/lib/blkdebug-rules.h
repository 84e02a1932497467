/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blkdebug-rules - what blkdebug is told to do at which event: sections [inject-error] and
 * [set-state] of a configuration file, and the options under these names.
 *
 * All rules are checked as the reference checks them. Those that wait for events of the inner life
 * of formats, of reading, and of flushing, wait in vain.
 */
#ifndef QIC_LIB_BLKDEBUG_RULES_H
#define QIC_LIB_BLKDEBUG_RULES_H

#include "failure.h"
#include "value.h"

/*
 * Reads the rules of a node with flat options; config: the file's name, or NULL. Returns those
 * whose events come in the guest's words (formats/raw/blkdebug.c), or NULL with the error set.
 */
char *blkdebug_rules_read(const Value *node, const char *config, GError **error);

#endif
