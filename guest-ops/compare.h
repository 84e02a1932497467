/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comparing two disks. vCPUs take stretches in turn and compare them at the same time; what the
 * first difference is does not depend on who is faster.
 */
#ifndef GUEST_COMPARE_H
#define GUEST_COMPARE_H

#include "reads.h"

enum {
    COMPARE_BUFFER_BYTES = 2 << 20, /* the longest stretch, and the reference's */
    COMPARE_HOSTED_BYTES = 8 << 20, /* compared by the host, by one doorbell */
    COMPARE_STRETCHES_MAX = 64,
};

/* What ends a comparison; the host knows the words. */
enum compare_event {
    COMPARE_EQUAL,
    COMPARE_CONTENT = 1, /* different bytes */
    COMPARE_STATUS = 2,  /* strict: what is known of the range is different */
};

struct compare {
    struct fmt_env *env; /* of the images: belongs to who holds the lock */
    struct chain chain[2];
    uint64_t bytes[2]; /* of the disks, in whole sectors */
    bool strict, progress;
    uint32_t lock;
    uint64_t at;
    /* The first event so far: from ends_at on, nothing matters any more. */
    uint64_t ends_at;
    enum compare_event event;
    uint64_t event_off;
    int status; /* a negative errno: the event is an error in the image */
    unsigned image;
    bool is_read; /* it was reading, not looking for what to read */
};

/* This vCPU's share of the work. */
void compare_work(struct guest *g, struct compare *compare);

#endif
