/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks and open errors of files; see file-error.h. */
#include "file-error.h"

#include <errno.h>
#include <string.h>

/* The names are those of QEMU's messages. */
static const struct {
    uint64_t bit;
    const char *name;
} permissions[] = {
    {VMM_LOCK_CONSISTENT_READ, "consistent read"},
    {VMM_LOCK_WRITE,           "write"          },
    {VMM_LOCK_WRITE_UNCHANGED, "write unchanged"},
    {VMM_LOCK_RESIZE,          "resize"         },
};

void file_locks_choose(struct vmm_open *request, const FileOpen *open, bool force_share)
{
    /* Creating locks for writing and resizing; others may read nothing of it meanwhile. */
    request->lock = true;
    if (request->create && !open->create_format) {
        request->lock_perm = VMM_LOCK_WRITE | VMM_LOCK_RESIZE;
        request->lock_shared = VMM_LOCK_ALL & ~(uint64_t)VMM_LOCK_RESIZE;
    } else if (request->writable && open->shares_all) {
        request->lock_perm = VMM_LOCK_CONSISTENT_READ | VMM_LOCK_WRITE;
        request->lock_shared = VMM_LOCK_ALL;
    } else if (request->writable) {
        request->lock_perm = VMM_LOCK_CONSISTENT_READ | VMM_LOCK_WRITE | VMM_LOCK_RESIZE;
        request->lock_shared = VMM_LOCK_CONSISTENT_READ | VMM_LOCK_WRITE_UNCHANGED;
    } else if (force_share) {
        request->lock = false;
    } else {
        request->lock_perm = open->no_data ? 0 : VMM_LOCK_CONSISTENT_READ;
        request->lock_shared =
            open->shares_all ? VMM_LOCK_ALL : VMM_LOCK_CONSISTENT_READ | VMM_LOCK_WRITE_UNCHANGED;
    }
}

static const char *permission_name(uint64_t bit)
{
    for (size_t i = 0; i < G_N_ELEMENTS(permissions); i++) {
        if (permissions[i].bit == bit)
            return permissions[i].name;
    }
    return "unknown";
}

/* A lock that is not ours is no surprise: its errno is left out. */
static bool lock_failure(GError **error, const struct vmm_open_result *result)
{
    int byte = (result->lock_shared ? VMM_LOCK_SHARED_BASE : VMM_LOCK_PERM_BASE) +
               __builtin_ctzll(result->lock_bit);

    if (result->status == -EAGAIN)
        return failure_set(error, "Failed to lock byte %d", byte);
    return failure_set(error, "Failed to lock byte %d: %s", byte, strerror(-result->status));
}

bool file_type_failure(GError **error, const FileOpen *open)
{
    if (open->driver && strcmp(open->driver, "file") != 0)
        return failure_set(error,
                           "'%s' driver requires '%s' to be either a character or block device",
                           open->driver, open->filename);
    return failure_set(error, "'file' driver requires '%s' to be a regular file", open->filename);
}

bool file_open_failure(GError **error, const FileOpen *open, const struct vmm_open_result *result)
{
    const char *why = strerror(-result->status);

    switch (result->step) {
    case VMM_OPEN_POLICY:
        return failure_set(error, "Could not open '%s': the open policy forbids it",
                           open->filename);
    case VMM_OPEN_OPEN:
        if (open->direct && result->status == -EINVAL) /* nothing else makes it invalid */
            why = "filesystem does not support O_DIRECT";
        return failure_set(error, "Could not %s '%s': %s", open->create ? "create" : "open",
                           open->filename, why);
    case VMM_OPEN_TYPE:
        return file_type_failure(error, open);
    case VMM_OPEN_LOCK:
        return failure_set(error,
                           "Failed to get %s\"%s\" lock\n"
                           "Is another process using the image [%s]?",
                           result->lock_shared ? "shared " : "", permission_name(result->lock_bit),
                           open->filename);
    case VMM_OPEN_LOCK_SYS:
        return lock_failure(error, result);
    case VMM_OPEN_READ_ONLY:
        return failure_set(error, "The device is not writable: %s", why);
    case VMM_OPEN_SIZE:
        return failure_set(error, "Could not refresh total sector count: %s", why);
    case VMM_OPEN_LIMIT:
        return failure_set(error, "Could not open '%s': too many files", open->filename);
    case VMM_OPEN_OK:
        break;
    }
    return failure_set(error, "Could not open '%s'", open->filename);
}
