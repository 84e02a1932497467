/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks and open errors of files; see file-error.h. */
#include "file-error.h"

#include <string.h>

/* Block permissions as QEMU numbers them; the names are those of its messages. */
enum {
    PERM_CONSISTENT_READ = 1,
    PERM_WRITE = 2,
    PERM_WRITE_UNCHANGED = 4,
    PERM_RESIZE = 8,
    PERM_ALL = 15,
};

static const struct {
    uint64_t bit;
    const char *name;
} permissions[] = {
    {PERM_CONSISTENT_READ, "consistent read"},
    {PERM_WRITE,           "write"          },
    {PERM_WRITE_UNCHANGED, "write unchanged"},
    {PERM_RESIZE,          "resize"         },
};

void file_locks_choose(struct vmm_open *request, bool force_share)
{
    /* Creating locks for writing and resizing; others may read nothing of it meanwhile. */
    request->lock = true;
    if (request->create) {
        request->lock_perm = PERM_WRITE | PERM_RESIZE;
        request->lock_shared = PERM_ALL & ~(uint64_t)PERM_RESIZE;
    } else if (request->writable) {
        request->lock_perm = PERM_CONSISTENT_READ | PERM_WRITE | PERM_RESIZE;
        request->lock_shared = PERM_CONSISTENT_READ | PERM_WRITE_UNCHANGED;
    } else if (force_share) {
        request->lock = false;
    } else {
        request->lock_perm = PERM_CONSISTENT_READ;
        request->lock_shared = PERM_CONSISTENT_READ | PERM_WRITE_UNCHANGED;
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

bool file_open_failure(GError **error, const FileOpen *open, const struct vmm_open_result *result)
{
    const char *why = strerror(-result->status);

    switch (result->step) {
    case VMM_OPEN_POLICY:
        return failure_set(error, "Could not open '%s': the open policy forbids it",
                           open->filename);
    case VMM_OPEN_OPEN:
        return failure_set(error, "Could not %s '%s': %s", open->create ? "create" : "open",
                           open->filename, why);
    case VMM_OPEN_TYPE:
        return failure_set(error, "'file' driver requires '%s' to be a regular file",
                           open->filename);
    case VMM_OPEN_LOCK:
        return failure_set(error,
                           "Failed to get %s\"%s\" lock\n"
                           "Is another process using the image [%s]?",
                           result->lock_shared ? "shared " : "", permission_name(result->lock_bit),
                           open->filename);
    case VMM_OPEN_LOCK_SYS:
        return failure_set(error, "Failed to lock byte: %s", why);
    case VMM_OPEN_SIZE:
        return failure_set(error, "Could not get the size of '%s': %s", open->filename, why);
    case VMM_OPEN_LIMIT:
        return failure_set(error, "Could not open '%s': too many files", open->filename);
    case VMM_OPEN_OK:
        break;
    }
    return failure_set(error, "Could not open '%s'", open->filename);
}
