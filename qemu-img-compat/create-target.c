/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The new image and its files; see create-target.h. */
#include "create-target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "create-file.h"
#include "lib/drivers.h"
#include "lib/name.h"
#include "lib/option-tables.h"

bool create_target_prepare(CreateTarget *target, const char *option_list, GError **error)
{
    if (!driver_find(target->format))
        return failure_set(error, "Unknown file format '%s'", target->format);
    const Driver *protocol = name_protocol_find(target->filename, error);
    if (!protocol)
        return false;
    const OptRow *rows = option_table_create(target->format);
    const OptRow *protocol_rows = option_table_create(protocol->name);
    if (!rows)
        return failure_set(error, "Format driver '%s' does not support image creation",
                           target->format);
    if (!protocol_rows)
        return failure_set(error, "Protocol driver '%s' does not support image creation",
                           protocol->name);
    const OptRow *tables[] = {rows, protocol_rows,
                              option_table_extension(target->format, option_list), NULL};
    target->opts = opts_new(tables);
    if (option_list && !opts_parse(target->opts, option_list, error))
        return false;
    if (opts_is_set(target->opts, "data_file"))
        target->data_file = name_prefix_strip(opts_get(target->opts, "data_file"), "file:");
    return true;
}

void create_target_clear(CreateTarget *target)
{
    if (target->opts)
        opts_free(target->opts);
    g_free(target->data_file);
}

bool create_target_backing_set(CreateTarget *target, const char *file, const char *format,
                               GError **error)
{
    if (file && !opts_set(target->opts, "backing_file", file, NULL))
        return failure_set(error, "Backing file not supported for file format '%s'",
                           target->format);
    if (format && !opts_set(target->opts, "backing_fmt", format, NULL))
        return failure_set(error, "Backing file format not supported for file format '%s'",
                           target->format);
    return true;
}

/* A file as a format of its own is written as raw. */
static const char *guest_format(const CreateTarget *target)
{
    const Driver *driver = driver_find(target->format);
    return driver->kind == DRIVER_FILE ? "raw" : target->format;
}

/* Of the words for true and false only "on" and "off" mean them here: others stay words. */
static void encryption_put(const CreateTarget *target, Value *options)
{
    const char *text =
        opts_is_set(target->opts, "encryption") ? opts_get(target->opts, "encryption") : NULL;

    if (text && strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
        value_dict_put_string(options, "encryption", text);
}

Value *create_target_describe(const CreateTarget *target)
{
    Value *job = value_new_dict();
    Value *options = opts_to_dict(target->opts, true);
    const char *file = opts_get(target->opts, "backing_file");
    const char *format = opts_get(target->opts, "backing_fmt");

    value_dict_put_string(job, "format", guest_format(target));
    value_dict_put_string(job, "filename", target->filename);
    if (file)
        value_dict_put_string(job, "backing-name", file);
    if (format)
        value_dict_put_string(job, "backing-format", format);
    if (format && !driver_is_named(format))
        value_dict_put_bool(job, "backing-format-unknown", true);
    if (target->data_file)
        value_dict_put_string(options, "data_file", target->data_file);
    encryption_put(target, options);
    value_dict_put(job, "options", options);
    return job;
}

bool create_target_is_single(const CreateTarget *target)
{
    static const char *const single[] = {"monolithicSparse", "streamOptimized", NULL};
    const char *subformat =
        strcmp(target->format, "vmdk") == 0 ? opts_get(target->opts, "subformat") : NULL;

    return !target->data_file && (!subformat || g_strv_contains(single, subformat));
}

/* The path under which the image's file is created. */
static const char *file_name(const CreateTarget *target)
{
    return target->written_as ? target->written_as : target->filename;
}

void create_target_expect(const CreateTarget *target, Session *session)
{
    session_file_expect(session, file_name(target));
    session_file_expect(session, target->data_file);
}

/* The image's file, or a further one of its files. */
static bool image_file_open(CreateTarget *target, const char *name, Session *session,
                            uint32_t *device, int *status, GError **error)
{
    const Driver *format = driver_find(target->format);
    const char *backing_format = opts_get(target->opts, "backing_fmt");
    bool is_protocol = driver_is_protocol(format);

    if (strcmp(target->format, "qcow") == 0 && backing_format && !driver_find(backing_format))
        return failure_set(error, "unrecognized backing format '%s'", backing_format);
    bool is_image = strcmp(name, target->filename) == 0;
    CreateFile file = {.name = is_image ? file_name(target) : name,
                       .protocol = is_protocol ? format : NULL,
                       .opts = target->opts,
                       .format_rows = is_protocol ? NULL : option_table_create(target->format),
                       .guest_sizes = strcmp(guest_format(target), "raw") == 0,
                       .guest_preallocates = strcmp(guest_format(target), "luks") == 0,
                       .is_reopened = strcmp(target->format, "qcow2") == 0};

    bool opened = create_file_open(&file, session, device, status, error);
    if (opened && !target->target_opened)
        target->target_device = *device;
    target->target_opened = opened || *status == -EBUSY;
    return opened;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat a_stat, b_stat;

    return stat(a, &a_stat) == 0 && stat(b, &b_stat) == 0 && a_stat.st_dev == b_stat.st_dev &&
           a_stat.st_ino == b_stat.st_ino;
}

static bool data_file_open(CreateTarget *target, Session *session, uint32_t *device, int *status,
                           GError **error)
{
    CreateFile file = {.name = target->data_file,
                       .opts = target->opts,
                       .format_rows = option_table_create(target->format)};

    /* The reference's own two openings of the file are in each other's way. */
    if (is_same_file(target->data_file, target->filename)) {
        target->data_file_opened = true;
        return failure_set(error,
                           "Failed to get shared \"resize\" lock\n"
                           "Is another process using the image [%s]?",
                           target->data_file);
    }
    target->data_file_opened = create_file_open(&file, session, device, status, error);
    return target->data_file_opened;
}

bool create_target_owns(const CreateTarget *target, const char *name)
{
    return strcmp(name, target->filename) == 0 || g_strcmp0(name, target->data_file) == 0 ||
           (strcmp(target->format, "vmdk") == 0 && create_file_is_extent(target->filename, name));
}

bool create_target_open(CreateTarget *target, const char *name, Session *session, uint32_t *device,
                        int *status, GError **error)
{
    bool is_target = strcmp(name, target->filename) == 0;

    if (!create_target_owns(target, name)) {
        *status = -EPERM; /* a guest may not make files that the command line does not name */
        return failure_set(error, "The file '%s' is not named on the command line", name);
    }
    if (g_strcmp0(name, target->data_file) == 0 && (!is_target || target->target_opened))
        return data_file_open(target, session, device, status, error);
    return image_file_open(target, name, session, device, status, error);
}

static void file_remove(const char *name)
{
    const char *path = g_str_has_prefix(name, "file:") ? name + strlen("file:") : name;
    const Driver *protocol = name_protocol_find(name, NULL);
    struct stat st;

    if (!protocol || strcmp(protocol->name, "file") != 0)
        return;
    if (stat(path, &st) < 0)
        fprintf(stderr, "qemu-img: %s is not a regular file: %s\n", path, strerror(ENOENT));
    else if (S_ISREG(st.st_mode) && unlink(path) < 0)
        fprintf(stderr, "qemu-img: Error when deleting file %s: %s\n", path, strerror(errno));
}

void create_target_remove(const CreateTarget *target)
{
    static const char *const removed[] = {"qcow2", "luks", NULL};

    if (!g_strv_contains(removed, target->format))
        return;
    if (target->target_opened)
        file_remove(target->filename);
    if (target->data_file_opened)
        file_remove(target->data_file);
}
