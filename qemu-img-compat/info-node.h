/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info-node - the guest's facts of an image as the value that `info --output=json` prints. */
#ifndef QIC_INFO_NODE_H
#define QIC_INFO_NODE_H

#include "session.h"

/*
 * One image (a BlockGraphInfo in QEMU's schema): the guest's record, what the host knows of the
 * files, and the children. The caller frees it.
 */
Value *info_node_new(const Session *session, const struct tree *record);

#endif
