/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A second opinion on a qcow2 image's reference counts, by a walk through its bytes. */
#ifndef FORMATS_TEST_QCOW2_RECOUNT_H
#define FORMATS_TEST_QCOW2_RECOUNT_H

#include "fake-io.h"

/*
 * Fails the test unless each cluster is counted as often as it is in use: by the active L1 table,
 * and by @snapshot, a table like it in memory (may be NULL). With @leaks_ok, at least so often.
 */
void qcow2_recount(struct fake_world *world, uint32_t device, const uint8_t *snapshot,
                   bool leaks_ok);

#endif
