/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hasty - loaded into the reference where it makes LUKS volumes: the processor time that a thread
 * is told to have taken runs faster. The reference looks for seconds how fast it derives keys, and
 * takes more iterations the faster that is; how many they are differs from run to run anyway.
 */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FASTER = 64, MICROSECONDS = 1000000 };

int getrusage(__rusage_who_t who, struct rusage *usage)
{
    long r = syscall(SYS_getrusage, who, usage);

    if (r == 0 && who == RUSAGE_THREAD) {
        long us = (usage->ru_utime.tv_sec * MICROSECONDS + usage->ru_utime.tv_usec) * FASTER;
        usage->ru_utime.tv_sec = us / MICROSECONDS;
        usage->ru_utime.tv_usec = us % MICROSECONDS;
    }
    return (int)r;
}
