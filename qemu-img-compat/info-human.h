/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info-human - info values as the text that people read. */
#ifndef QIC_INFO_HUMAN_H
#define QIC_INFO_HUMAN_H

#include "lib/value.h"

/* Append one image (see info-node.h) with its children, as `info` prints it. */
void info_human_append(GString *out, const Value *info);

/* Append the snapshot table of `info` and `snapshot -l`, each line behind @indent. */
void snapshots_human_append(GString *out, const Value *snapshots, const char *indent);

#endif
