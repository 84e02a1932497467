/* SPDX-License-Identifier: GPL-2.0-or-later */
/* name - image names: protocol prefixes, and names relative to other images. */
#ifndef QIC_LIB_NAME_H
#define QIC_LIB_NAME_H

#include "drivers.h"
#include "failure.h"

/* Does a colon stand before the first slash? */
bool name_has_protocol(const char *name);

/*
 * The protocol driver for a file name: host devices by what the file is, then its prefix, then
 * "file". NULL: "Unknown protocol '...'" in error.
 */
const Driver *name_protocol_find(const char *name, GError **error);

/* Is it a character or block device? NULL if not, else the driver for it. */
const Driver *name_device_find(const char *name);

/*
 * The name with the driver's own prefix ("file:") taken off; what then looks like another prefix
 * gets "./" before it. The caller frees it.
 */
char *name_prefix_strip(const char *name, const char *prefix);

/* A name relative to the folder of base; absolute ones as they are. The caller frees it. */
char *name_combine(const char *base, const char *name);

/*
 * The backing file's full name from the name that an overlay records: relative ones are relative
 * to the overlay's folder. NULL without an error: there is none (empty). An overlay named
 * "json:..." (or "") has no folder: an error.
 */
char *name_backing_full(const char *overlay, const char *backing, GError **error);

#endif
