/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ringing the host; see doorbell.c. */
#ifndef GUEST_DOORBELL_H
#define GUEST_DOORBELL_H

#include "guest.h"

/* Make the host look at the ring; returns when at least @wait of the requests in flight have
 * completed (0: at once). */
void doorbell_ring(struct guest *g, uint32_t wait);

/* This vCPU has finished, unless a chained request has failed: only then does it return. */
void doorbell_done(struct guest *g);

#endif
