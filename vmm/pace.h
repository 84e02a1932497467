/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pace - a limit on bytes a second, as a leaky bucket: what was let through drains at the limit's
 * rate, and the next may go once no more than a tenth of a second's worth is left. Short bursts
 * pass; the average is kept.
 */
#ifndef VMM_PACE_H
#define VMM_PACE_H

#include <stdint.h>

struct pace {
    uint64_t rate_bytes; /* a second; 0: no limit */
    uint64_t last_ns;    /* when the bucket was looked at last */
    uint64_t debt_ns;    /* how long it takes to drain */
};

enum { PACE_BURST_NS = 100000000 };

/* How long to wait before anything more may go, at @now_ns of a clock that does not go back. */
uint64_t pace_wait_ns(struct pace *pace, uint64_t now_ns);
/* Let @bytes go. */
void pace_account(struct pace *pace, uint64_t bytes);

#endif
