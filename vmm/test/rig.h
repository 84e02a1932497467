/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rig - what the tests of vmm/ share: a scratch folder, a run without a guest, calls on its ring.
 */
#ifndef VMM_TEST_RIG_H
#define VMM_TEST_RIG_H

/* clang-format off */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "internal.h"

struct rig {
    struct vmm *vmm;
    struct vmm_callbacks callbacks;
    uint32_t sq_tail;
    uint32_t completed;
    unsigned records;
    unsigned errors;
};

/* A file in the test's scratch folder; the name is valid until the next call but three. */
const char *rig_path(const char *name);
/* Make the file, of @bytes bytes: each 8 bytes of it are a hash of @seed and their offset. */
void rig_file(const char *name, size_t bytes, unsigned seed);
void rig_fill(void *data, size_t bytes, unsigned seed);
/* Read all of the file; the caller frees. */
unsigned char *rig_load(const char *name, size_t *bytes);

/* A run whose guest is the test itself: memory and rings are there, no engine is started. */
void rig_start(struct rig *rig, enum vmm_io io);
void rig_stop(struct rig *rig);
/* Lend a file of the scratch folder. */
uint32_t rig_open(struct rig *rig, const char *name, bool writable);
/* Data area in guest memory: its address for the guest, and for us. */
uint64_t rig_addr(const struct rig *rig, uint64_t offset);
void *rig_data(const struct rig *rig, uint64_t offset);
/* Produce a request; nothing is served yet. */
void rig_push(struct rig *rig, const struct abi_request *request);
/* The next completion; fails the test if there is none. */
struct abi_completion rig_pop(struct rig *rig);
/* Push, serve, pop: the status. */
int rig_call(struct rig *rig, const struct abi_request *request);

#endif
