/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confine-filter - the seccomp program for the host process, made from tables of what it may do.
 *
 * What to do with a call is found by binary search: the kernel tries the program on every call once
 * when it is installed, so that each instruction on the way costs 2 us.
 */
#ifndef VMM_CONFINE_FILTER_H
#define VMM_CONFINE_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CONFINE_FILTER_MAX = 256, CONFINE_PIDS_MAX = 8 };

struct confine_filter {
    struct sock_filter insn[CONFINE_FILTER_MAX];
    unsigned length;
    bool overflow; /* it did not fit: not to be used */
};

/* What differs from run to run. */
struct confine_wish {
    pid_t self;
    pid_t child[CONFINE_PIDS_MAX]; /* may be killed */
    unsigned children;
};

void confine_filter_make(const struct confine_wish *wish, struct confine_filter *filter);

#endif
