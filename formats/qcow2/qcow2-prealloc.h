/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preallocation: clusters that have their place before anything is written to them. */
#ifndef FORMATS_QCOW2_PREALLOC_H
#define FORMATS_QCOW2_PREALLOC_H

#include "qcow2-refcount.h"

enum qcow2_prealloc {
    QCOW2_PREALLOC_OFF,
    QCOW2_PREALLOC_METADATA,
    QCOW2_PREALLOC_FALLOC,
    QCOW2_PREALLOC_FULL,
};

/* Give all clusters of the disk, which has none yet, a place, and the file or data file the size
 * for them. Returns 0 or a negative errno, recorded. */
int qcow2_preallocate(const struct qcow2_file *file, enum qcow2_prealloc mode);

#endif
