/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network - file names of servers (and of vvfat) as the options that they stand for. */
#ifndef QIC_LIB_NETWORK_H
#define QIC_LIB_NETWORK_H

#include "drivers.h"
#include "failure.h"
#include "value.h"

/*
 * Turns the option "filename" of a node into what the driver makes of it: "server.host", "export",
 * "url", "dir" and the like. Drivers that are not known here keep the name. Warnings are appended
 * as whole lines. False with the error in the reference's words.
 */
bool network_filename_parse(const Driver *driver, Value *options, GString *warnings,
                            GError **error);

#endif
