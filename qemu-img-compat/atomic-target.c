/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that replaces another by being renamed; see atomic-target.h. */
#include "atomic-target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/name.h"
#include "vmm.h"

enum { FD_FIRST = 3, NAME_KEPT_BYTES = 200, MODE_CREATED = 0644 };

static const int signals[] = {SIGHUP, SIGINT, SIGTERM};

/* For the handler of signals: what to remove. */
static char removed[PATH_MAX];

static void on_signal(int number)
{
    unlink(removed);
    signal(number, SIG_DFL);
    raise(number);
}

static void signals_watch(const char *path)
{
    struct sigaction old;

    if (g_strlcpy(removed, path, sizeof(removed)) >= sizeof(removed))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            signal(signals[i], on_signal);
    }
}

static void signals_forget(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler == on_signal)
            signal(signals[i], SIG_DFL);
    }
    removed[0] = '\0';
}

/* open(2), above the descriptors that output may go to. */
static int open_above(int folder, const char *name, int flags, mode_t mode)
{
    int fd = openat(folder, name, flags | O_CLOEXEC, mode);
    int high = fd < 0 || fd >= FD_FIRST ? fd : fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);

    if (high != fd)
        close(fd);
    return high;
}

/* Does somebody hold image locks on it? Who may not even read it will not be told. */
static bool in_use_check(const char *path, GError **error)
{
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = VMM_LOCK_PERM_BASE,
                         .l_len = VMM_LOCK_SHARED_BASE - VMM_LOCK_PERM_BASE + VMM_LOCK_BITS};
    int fd = open_above(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);

    if (fd < 0)
        return true;
    bool free = fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK;
    close(fd);
    return free || failure_set(error,
                               "Failed to get \"write\" lock\n"
                               "Is another process using the image [%s]?",
                               path);
}

/* Where the image is, or will be. */
static char *path_find(const char *filename, GError **error)
{
    const Driver *protocol = name_protocol_find(filename, error);
    struct stat st;

    if (!protocol)
        return NULL;
    g_autofree char *path = name_prefix_strip(filename, "file:");
    if (strcmp(protocol->name, "file") != 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode))) {
        failure_set(error, "--atomic cannot replace '%s': it is not a regular file", filename);
        return NULL;
    }
    if (lstat(path, &st) < 0)
        return g_steal_pointer(&path);
    char *real = realpath(path, NULL);
    if (!real)
        failure_set(error, "Could not open '%s': %s", filename, strerror(errno));
    g_autofree char *copy = g_strdup(real);
    free(real);
    return g_steal_pointer(&copy);
}

/* A name that nobody can foretell, in the same folder; with a slash before any colon. */
static char *temporary_name(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path), *base = g_path_get_basename(path);
    uint64_t number = 0;

    if (getrandom(&number, sizeof(number), 0) < 0)
        number = (uint64_t)g_get_monotonic_time();
    return g_strdup_printf("%s/.%.*s.%016" PRIx64, folder, NAME_KEPT_BYTES, base, number);
}

/* The new file gets the permissions of the old one, and its owner where that can be. */
static bool permissions_keep(const AtomicTarget *target)
{
    struct stat old, own;

    if (stat(target->path, &old) < 0)
        return true;
    if (fstat(target->fd, &own) == 0 && (old.st_uid != own.st_uid || old.st_gid != own.st_gid) &&
        fchown(target->fd, old.st_uid, old.st_gid) < 0 && errno != EPERM)
        return false;
    return fchmod(target->fd, old.st_mode & 07777) == 0;
}

bool atomic_target_check(const char *filename, GError **error)
{
    g_autofree char *path = path_find(filename, error);

    return path && in_use_check(path, error);
}

bool atomic_target_begin(AtomicTarget *target, const char *filename, GError **error)
{
    *target = (AtomicTarget){.folder_fd = -1, .fd = -1};
    target->path = path_find(filename, error);
    if (!target->path)
        return false;
    g_autofree char *temporary = temporary_name(target->path);
    g_autofree char *folder = g_path_get_dirname(target->path);
    target->folder_fd = open_above(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
    if (target->folder_fd >= 0)
        target->fd =
            open_above(AT_FDCWD, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, MODE_CREATED);
    if (target->fd < 0)
        return failure_set(error, "Could not create '%s': %s", filename, strerror(errno));
    target->temporary = g_steal_pointer(&temporary);
    signals_watch(target->temporary);
    return permissions_keep(target) ||
           failure_set(error, "Could not create '%s': %s", filename, strerror(errno));
}

bool atomic_target_commit(AtomicTarget *target, GError **error)
{
    g_autofree char *from = g_path_get_basename(target->temporary);
    g_autofree char *to = g_path_get_basename(target->path);

    if (!in_use_check(target->path, error))
        return false;
    if (fsync(target->fd) < 0 || renameat(target->folder_fd, from, target->folder_fd, to) < 0)
        return failure_set(error, "Could not replace '%s': %s", target->path, strerror(errno));
    g_clear_pointer(&target->temporary, g_free);
    signals_forget();
    /* It is there; if this fails, only a crash of the machine could undo it. */
    return fsync(target->folder_fd) == 0 ||
           failure_set(error, "Could not make '%s' durable: %s", target->path, strerror(errno));
}

void atomic_target_clear(AtomicTarget *target)
{
    if (target->temporary) {
        unlink(target->temporary);
        signals_forget();
    }
    if (target->fd >= 0)
        close(target->fd);
    if (target->folder_fd >= 0)
        close(target->folder_fd);
    g_free(target->temporary);
    g_free(target->path);
    *target = (AtomicTarget){.folder_fd = -1, .fd = -1};
}
