/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network-open - nodes of servers, and of vvfat: none can be used yet. */
#ifndef QIC_NETWORK_OPEN_H
#define QIC_NETWORK_OPEN_H

#include "lib/drivers.h"
#include "lib/failure.h"
#include "lib/value.h"

/*
 * Says why the node cannot be opened, always by an error: what is wrong with its options, that
 * nobody listens (at a local socket or on this machine; nothing is sent), or that the driver is not
 * there. named_by_user: an image may not have connections made at all.
 */
void network_refuse(const Driver *driver, const Value *node, bool named_by_user, GError **error);

#endif
