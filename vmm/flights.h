/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flights - READ, WRITE and COPY requests between their doorbell and their completion.
 *
 * Each moves bytes by one or more operations on the vCPU's io queue; a COPY has several pieces
 * under way at once, each through a buffer that stays hot in the processor's cache.
 */
#ifndef VMM_FLIGHTS_H
#define VMM_FLIGHTS_H

#include "internal.h"

/* Start a checked request on its device, which is given back at the end. With @bulk, in the
 * background. The completion is posted by a later flights_run(). Returns 0 or a negative errno:
 * then nothing was started, and the caller keeps the device. */
int flights_start(struct vmm_vcpu *vcpu, const struct abi_request *request,
                  struct vmm_device *device, struct vmm_device *to, bool bulk);
unsigned flights_count(const struct vmm_vcpu *vcpu);
/* Post what is complete; with @wait, wait for progress of at least one operation. Returns how many
 * completions were posted. */
unsigned flights_run(struct vmm_vcpu *vcpu, bool wait);
/* Wait for everything in flight and give all back. On the vCPU's thread. */
void flights_free(struct vmm_vcpu *vcpu);

#endif
