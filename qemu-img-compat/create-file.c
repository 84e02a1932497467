/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making the files of a new image; see create-file.h. */
#include "create-file.h"

#include <errno.h>
#include <string.h>

#include "lib/name.h"
#include "lib/option-tables.h"

/* The text of an option of the file's, or NULL if it is not set or is the format's own. */
static const char *file_option(const CreateFile *file, const char *name)
{
    for (const OptRow *row = file->format_rows; row && row->name; row++) {
        if (strcmp(row->name, name) == 0)
            return NULL;
    }
    return opts_is_set(file->opts, name) ? opts_get(file->opts, name) : NULL;
}

static bool preallocation_check(const char *mode, int *status, GError **error)
{
    static const char *const modes[] = {"off", "metadata", "falloc", "full", NULL};

    *status = -EINVAL;
    return !mode || g_strv_contains(modes, mode) ||
           failure_set(error, "invalid parameter value: %s", mode);
}

/*
 * The reference empties the file under the locks of creating, and only then asks for those of an
 * image: if somebody else is in the way of the latter, the contents are lost all the same.
 */
static bool new_file_open(Session *session, FileOpen *open, uint32_t *device, int *status,
                          GError **error)
{
    GError *ignored = NULL;
    int other_status;

    if (session_file_open(session, open, device, status, error))
        return true;
    if (!open->create_format || *status != -EAGAIN)
        return false;
    open->create_format = false;
    if (session_file_open(session, open, device, &other_status, &ignored)) {
        *status = -EBUSY;
        return false;
    }
    *status = other_status;
    g_clear_error(error);
    g_propagate_error(error, ignored);
    return false;
}

static bool regular_open(const CreateFile *file, const char *preallocation, Session *session,
                         uint32_t *device, int *status, GError **error)
{
    const char *path =
        g_str_has_prefix(file->name, "file:") ? file->name + strlen("file:") : file->name;
    const char *hint = file_option(file, "extent_size_hint");
    FileOpen open = {
        .filename = path,
        .named_by_user = true,
        .create = true,
        .create_format = file->is_reopened,
        .no_copy_on_write = file_option(file, "nocow") && opts_get_number(file->opts, "nocow", 0),
        .extent_size_bytes =
            hint ? opts_get_number(file->opts, "extent_size_hint", 0) : EXTENT_SIZE_DEFAULT,
        .extent_size_demanded = hint != NULL,
    };

    if (open.extent_size_bytes > UINT32_MAX)
        return failure_set(error, "Extent size hint is too large");
    if (!new_file_open(session, &open, device, status, error))
        return false;
    *status = -ENOTSUP;
    return file->guest_sizes || g_strcmp0(preallocation, "metadata") != 0 ||
           failure_set(error, "Unsupported preallocation mode: %s", preallocation);
}

/* A device is not made: it must be there. */
static bool device_open(const CreateFile *file, const Driver *protocol, const char *preallocation,
                        Session *session, uint32_t *device, int *status, GError **error)
{
    g_autofree char *prefix = g_strconcat(protocol->name, ":", NULL);
    g_autofree char *path = name_prefix_strip(file->name, prefix);
    FileOpen open = {.filename = path,
                     .driver = protocol->name,
                     .named_by_user = true,
                     .writable = true,
                     .shares_all = file->guest_sizes}; /* raw: there is no metadata */

    *status = -ENOTSUP;
    if (preallocation && strcmp(preallocation, "off") != 0)
        return failure_set(error, "Unsupported preallocation mode '%s'", preallocation);
    if (session_file_open(session, &open, device, status, error))
        return true;
    g_prefix_error(error,
                   "Protocol driver '%s' does not support creating new images, so an existing "
                   "image must be selected as the target; however, opening the given target as "
                   "an existing image failed: ",
                   protocol->name);
    return false;
}

bool create_file_open(const CreateFile *file, Session *session, uint32_t *device, int *status,
                      GError **error)
{
    const char *preallocation =
        file->guest_preallocates ? NULL : file_option(file, "preallocation");
    const Driver *protocol =
        file->protocol ? file->protocol : name_protocol_find(file->name, error);

    *status = -EINVAL;
    if (!protocol || !preallocation_check(preallocation, status, error))
        return false;
    if (strcmp(protocol->name, "file") == 0)
        return regular_open(file, preallocation, session, device, status, error);
    if (protocol->kind == DRIVER_FILE)
        return device_open(file, protocol, preallocation, session, device, status, error);
    return failure_set(error,
                       option_table_create(protocol->name)
                           ? "Driver '%s' is not supported by qemu-img-compat yet"
                           : "Driver '%s' does not support image creation",
                       protocol->name);
}

bool create_file_is_extent(const char *image, const char *name)
{
    const char *folder = strrchr(image, '/');
    const char *base = folder ? folder + 1 : image;
    const char *dot = strrchr(base, '.');
    size_t before = dot ? (size_t)(dot - image) : strlen(image), after = strlen(image) - before;
    size_t length = strlen(name);

    if (length <= before + after || strncmp(name, image, before) != 0 ||
        strcmp(name + length - after, image + before) != 0)
        return false;
    const char *added = name + before;
    size_t added_length = length - before - after;
    if (added_length == strlen("-flat") && strncmp(added, "-flat", added_length) == 0)
        return true;
    return added_length >= strlen("-s001") && added[0] == '-' &&
           (added[1] == 's' || added[1] == 'f') &&
           strspn(added + 2, "0123456789") >= added_length - 2;
}
