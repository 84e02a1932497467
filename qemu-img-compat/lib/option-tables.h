/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * option-tables - the options of every driver that can create or amend images.
 *
 * For `create` the tables of the format and of the protocol that the target's name selects are
 * given to opts_new together, in this order: {format, protocol, NULL}.
 */
#ifndef QIC_LIB_OPTION_TABLES_H
#define QIC_LIB_OPTION_TABLES_H

#include "opts.h"

/* The rows of a driver's create options ("qcow2", "file", ...), or NULL if it cannot create. */
const OptRow *option_table_create(const char *driver);

/* The rows of a format's amend options, or NULL if it has no such operation. */
const OptRow *option_table_amend(const char *driver);

/*
 * Create options that the reference does not have, which help does not show; NULL: none. `text` is
 * the whole of -o, or NULL: a backing file is an option of differencing images alone.
 */
const OptRow *option_table_extension(const char *driver, const char *text);

#endif
