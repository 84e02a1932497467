/* SPDX-License-Identifier: GPL-2.0-or-later */
/* name - see name.h. */
#include "name.h"

#include <fcntl.h>
#include <linux/cdrom.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAME_PROTOCOL_MAX_BYTES = 127, /* a longer prefix is cut in the message */
};

bool name_has_protocol(const char *name)
{
    return name[strcspn(name, ":/")] == ':';
}

/* A block device that answers as a CD-ROM drive. */
static bool name_is_cdrom(const char *name)
{
    int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool is_cdrom;

    if (fd < 0) {
        return false;
    }
    is_cdrom = ioctl(fd, CDROM_DRIVE_STATUS, CDSL_CURRENT) >= 0;
    close(fd);
    return is_cdrom;
}

const Driver *name_device_find(const char *name)
{
    struct stat status;

    if (stat(name, &status) < 0) {
        return g_str_has_prefix(name, "/dev/cdrom") ? driver_find("host_device") : NULL;
    }
    if (S_ISBLK(status.st_mode) && name_is_cdrom(name)) {
        return driver_find("host_cdrom");
    }
    if (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode) ||
        g_str_has_prefix(name, "/dev/cdrom")) {
        return driver_find("host_device");
    }
    return NULL;
}

const Driver *name_protocol_find(const char *name, GError **error)
{
    const Driver *driver = name_device_find(name);
    g_autofree char *prefix = NULL;

    if (driver) {
        return driver;
    }
    if (!name_has_protocol(name)) {
        return driver_find("file");
    }
    prefix = g_strndup(name, MIN(strcspn(name, ":"), NAME_PROTOCOL_MAX_BYTES));
    driver = driver_find_by_prefix(prefix);
    if (!driver) {
        failure_set(error, "Unknown protocol '%s'", prefix);
    }
    return driver;
}

char *name_prefix_strip(const char *name, const char *prefix)
{
    if (!g_str_has_prefix(name, prefix)) {
        return g_strdup(name);
    }
    name += strlen(prefix);
    return g_strconcat(name_has_protocol(name) ? "./" : "", name, NULL);
}

char *name_combine(const char *base, const char *name)
{
    const char *folder_end = base;
    const char *slash = strrchr(base, '/');

    if (*name == '/') {
        return g_strdup(name);
    }
    if (name_has_protocol(base)) {
        folder_end = strchr(base, ':') + 1;
    }
    if (slash && slash + 1 > folder_end) {
        folder_end = slash + 1;
    }
    return g_strdup_printf("%.*s%s", (int)(folder_end - base), base, name);
}

char *name_backing_full(const char *overlay, const char *backing, GError **error)
{
    if (!*backing) {
        return NULL;
    }
    if (name_has_protocol(backing) || *backing == '/') {
        return g_strdup(backing);
    }
    if (!*overlay || g_str_has_prefix(overlay, "json:")) {
        failure_set(error, "Cannot use relative backing file names for '%s'", overlay);
        return NULL;
    }
    return name_combine(overlay, backing);
}
