/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * measured FD PROGRAM ARGUMENTS... - runs the program, ends as it ends, and writes to the
 * descriptor what it took: microseconds of processor time and KiB of memory at most.
 *
 * Whoever starts a program from a large process cannot learn that: the peak of the starter's own
 * memory counts as the program's, up to its exec.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT_RUN = 127 };

static long long microseconds(struct timeval time)
{
    return time.tv_sec * 1000000LL + time.tv_usec;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;

    if (argc < 3)
        return CANNOT_RUN;
    int fd = atoi(argv[1]);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd);
        execv(argv[2], argv + 2);
        _exit(CANNOT_RUN);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
        return CANNOT_RUN;
    dprintf(fd, "%lld %ld\n", microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
            usage.ru_maxrss);
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        kill(getpid(), WTERMSIG(status));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : CANNOT_RUN;
}
