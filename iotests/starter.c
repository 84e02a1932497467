/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * starter - starts programs for the tests, one after the other, and tells what each printed, how it
 * ended and what it took. Starting one from a large process takes longer than most of them run, and
 * the peak of the large one's own memory would count as the program's.
 *
 * Standard input has requests: an uint32_t with the length of what follows, which are texts, each
 * with its NUL: seconds that it may take, folder, umask (octal), how many arguments, the arguments,
 * then the environment. Standard output has the answers: a struct answer, what it printed on
 * standard output, what on standard error, as far as that is kept. Numbers are in this machine's
 * order.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_KEPT_BYTES = 80 << 20, REQUEST_BYTES_MAX = 8 << 20, TEXTS_MAX = 1 << 16 };
enum { PIECE_BYTES = 64 << 10 };
enum { WATCH_OUT, WATCH_ERR, WATCH_END, WATCHES };

/* A status that is none of an exit. */
enum { STATUS_TIMEOUT = 1000, STATUS_NOT_STARTED = 1001 };

struct answer {
    int64_t status; /* below zero: a signal */
    int64_t error;  /* NOT_STARTED: the errno */
    int64_t processor_us;
    int64_t memory_kib; /* at most */
    int64_t bytes[2];   /* of outputs */
};

struct request {
    double seconds;
    const char *folder;
    mode_t umask;
    char **arguments, **environment;
};

/* What came of standard output and standard error; the room is used again. */
static struct output {
    char *bytes;
    size_t used, room;
} outputs[2];

static bool bytes_read(void *to, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = read(STDIN_FILENO, (char *)to + done, length - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool bytes_write(const void *from, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(STDOUT_FILENO, (const char *)from + done, length - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Cut the request into its texts. False: it is not as it should be. */
static bool request_parse(char *bytes, size_t length, struct request *request)
{
    static char *texts[TEXTS_MAX + 2];
    size_t count = 0;

    for (size_t at = 0; at < length && count < TEXTS_MAX; at += strlen(bytes + at) + 1)
        texts[count++] = bytes + at;
    if (count < 5 || bytes[length - 1] != '\0')
        return false;
    size_t arguments = strtoul(texts[3], NULL, 10);
    if (arguments < 1 || arguments > count - 4)
        return false;
    request->seconds = strtod(texts[0], NULL);
    request->folder = texts[1];
    request->umask = (mode_t)strtoul(texts[2], NULL, 8);
    request->arguments = texts + 4;
    request->environment = texts + 4 + arguments + 1;
    memmove(request->environment, texts + 4 + arguments, (count - 4 - arguments) * sizeof(*texts));
    request->arguments[arguments] = NULL;
    texts[count + 1] = NULL;
    return true;
}

/* Start the program as the leader of a session, its outputs in the pipes. Returns 0 or an errno. */
static int program_start(const struct request *request, const int *pipes, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[0], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
    posix_spawn_file_actions_addchdir_np(&actions, request->folder);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    umask(request->umask);
    int error = posix_spawnp(pid, request->arguments[0], &actions, &attributes, request->arguments,
                             request->environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Have room for another piece. False: as much as is kept is there, or memory is short. */
static bool output_grow(struct output *output)
{
    size_t room = output->room ? output->room * 2 : PIECE_BYTES * 2;

    if (output->room - output->used >= PIECE_BYTES)
        return true;
    char *bytes = room <= OUTPUT_KEPT_BYTES ? realloc(output->bytes, room) : NULL;
    if (!bytes)
        return false;
    output->bytes = bytes;
    output->room = room;
    return true;
}

/* Keep what has come of an output. False: that was all. */
static bool output_take(int fd, struct output *output)
{
    static char dropped[PIECE_BYTES];
    bool kept = output_grow(output);
    ssize_t n = read(fd, kept ? output->bytes + output->used : dropped, PIECE_BYTES);

    if (n > 0 && kept)
        output->used += (size_t)n;
    return n > 0;
}

/* Collect what it prints, until it and all that have its outputs have ended. */
static void program_watch(pid_t pid, const int *pipes, double seconds, struct answer *answer)
{
    int64_t end_ms = now_ms() + (int64_t)(seconds * 1000);
    struct pollfd watch[WATCHES] = {
        [WATCH_OUT] = {.fd = pipes[0],    .events = POLLIN},
        [WATCH_ERR] = {.fd = pipes[1],                 .events = POLLIN},
        [WATCH_END] = {.events = POLLIN}
    };
    bool late = false;

    watch[WATCH_END].fd = (int)syscall(SYS_pidfd_open, pid, 0);
    while (watch[WATCH_OUT].fd >= 0 || watch[WATCH_ERR].fd >= 0 || watch[WATCH_END].fd >= 0) {
        int64_t left_ms = end_ms - now_ms();
        int n = poll(watch, WATCHES, late ? -1 : left_ms > 0 ? (int)left_ms : 0);
        if (n == 0 && !late) {
            late = true;
            kill(-pid, SIGKILL);
        }
        for (unsigned i = 0; n > 0 && i < WATCHES; i++) {
            if (!watch[i].revents || (i != WATCH_END && output_take(watch[i].fd, &outputs[i])))
                continue;
            close(watch[i].fd);
            watch[i].fd = -1;
        }
    }
    if (late)
        answer->status = STATUS_TIMEOUT;
}

static int64_t microseconds(struct timeval time)
{
    return time.tv_sec * INT64_C(1000000) + time.tv_usec;
}

static void program_end(pid_t pid, struct answer *answer)
{
    struct rusage usage;
    int status;

    if (wait4(pid, &status, 0, &usage) < 0)
        return;
    if (answer->status != STATUS_TIMEOUT)
        answer->status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    answer->processor_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
    answer->memory_kib = usage.ru_maxrss;
}

static void request_serve(const struct request *request, struct answer *answer)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    pid_t pid;

    answer->error = pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 ? errno : 0;
    if (answer->error == 0)
        answer->error = program_start(request, (const int[]){out[1], err[1]}, &pid);
    close(out[1]);
    close(err[1]);
    if (answer->error != 0) {
        answer->status = STATUS_NOT_STARTED;
        close(out[0]);
        close(err[0]);
        return;
    }
    program_watch(pid, (const int[]){out[0], err[0]}, request->seconds, answer);
    program_end(pid, answer);
}

int main(void)
{
    uint32_t length;

    while (bytes_read(&length, sizeof(length))) {
        struct answer answer = {0};
        struct request request;
        char *bytes = length > 0 && length <= REQUEST_BYTES_MAX ? malloc(length) : NULL;
        if (!bytes || !bytes_read(bytes, length) || !request_parse(bytes, length, &request))
            return EXIT_FAILURE;
        outputs[0].used = outputs[1].used = 0;
        request_serve(&request, &answer);
        free(bytes);
        for (unsigned i = 0; i < 2; i++)
            answer.bytes[i] = (int64_t)outputs[i].used;
        if (!bytes_write(&answer, sizeof(answer)) ||
            !bytes_write(outputs[0].bytes, outputs[0].used) ||
            !bytes_write(outputs[1].bytes, outputs[1].used))
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
