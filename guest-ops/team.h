/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs that work together: the first one prepares, all work, the first one finishes. */
#ifndef GUEST_TEAM_H
#define GUEST_TEAM_H

#include "guest.h"

/* One round of waiting for another vCPU; *rounds counts them. After some, the host is asked to let
 * others run: where there are fewer processors than vCPUs, spinning would keep them from it. */
void team_wait(struct guest *g, unsigned *rounds);
/* Locks are held for short times only. */
void team_lock(struct guest *g, uint32_t *lock);
void team_unlock(uint32_t *lock);

/* On vCPU 0: let all do @work, and wait until they have done it. */
void team_run(struct guest *g, void (*work)(struct guest *g, void *ctx), void *ctx);
/* On the others: wait for that, and take part. */
void team_join(struct guest *g);
/* On vCPU 0: the others need not wait any more. */
void team_dismiss(struct guest *g);

#endif
