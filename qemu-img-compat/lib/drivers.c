/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drivers - see drivers.h. */
#include "drivers.h"

#include <string.h>

#define CURL_STRONG                                                                                \
    "url sslverify cookie cookie-secret username password-secret proxy-username "                  \
    "proxy-password-secret"
#define BLKIO_STRONG "path"

/* Sorted by name, as --help lists them. */
/* clang-format off */
static const Driver drivers[] = {
    {"blkdebug", DRIVER_INTERNAL, false, false, "blkdebug",
     "config inject-error. set-state. align max-transfer opt-write-zero max-write-zero opt-discard "
     "max-discard"},
    {"blklogwrites", DRIVER_FILTER, false, false, NULL, "log-append log-sector-size"},
    {"blkverify", DRIVER_INTERNAL, false, false, "blkverify", NULL},
    {"bochs", DRIVER_FORMAT, false, false, NULL, NULL},
    {"cloop", DRIVER_FORMAT, false, false, NULL, NULL},
    {"compress", DRIVER_FILTER, false, false, NULL, NULL},
    {"copy-before-write", DRIVER_FILTER, false, false, NULL, NULL},
    {"copy-on-read", DRIVER_FILTER, false, false, NULL, NULL},
    {"dmg", DRIVER_FORMAT, false, false, NULL, NULL},
    {"file", DRIVER_FILE, false, true, "file", NULL},
    {"ftp", DRIVER_NETWORK, false, false, "ftp", CURL_STRONG},
    {"ftps", DRIVER_NETWORK, false, false, "ftps", CURL_STRONG},
    {"gluster", DRIVER_NETWORK, false, false, "gluster gluster+tcp gluster+unix",
     "volume path server."},
    {"host_cdrom", DRIVER_FILE, false, true, "host_cdrom", NULL},
    {"host_device", DRIVER_FILE, false, true, "host_device", NULL},
    {"http", DRIVER_NETWORK, false, false, "http", CURL_STRONG},
    {"https", DRIVER_NETWORK, false, false, "https", CURL_STRONG},
    {"io_uring", DRIVER_NETWORK, false, true, "io_uring", BLKIO_STRONG},
    {"iscsi", DRIVER_NETWORK, false, false, "iscsi",
     "transport portal target user password password-secret lun initiator-name header-digest"},
    {"iser", DRIVER_NETWORK, false, false, "iser",
     "transport portal target user password password-secret lun initiator-name header-digest"},
    {"luks", DRIVER_FORMAT, false, false, NULL, "key-secret"},
    {"nbd", DRIVER_NETWORK, false, false, "nbd nbd+tcp nbd+unix",
     "path host port export tls-creds tls-hostname server."},
    {"nfs", DRIVER_NETWORK, false, false, "nfs", "path user group server."},
    {"null-aio", DRIVER_INTERNAL, false, false, "null-aio", "size read-zeroes"},
    {"null-co", DRIVER_INTERNAL, false, false, "null-co", "size read-zeroes"},
    {"nvme", DRIVER_NETWORK, false, false, "nvme", "device namespace"},
    {"nvme-io_uring", DRIVER_NETWORK, false, false, "nvme-io_uring", BLKIO_STRONG},
    {"parallels", DRIVER_FORMAT, true, false, NULL, NULL},
    {"preallocate", DRIVER_FILTER, false, false, NULL, NULL},
    {"qcow", DRIVER_FORMAT, true, false, NULL, "encrypt.key-secret"},
    {"qcow2", DRIVER_FORMAT, true, false, NULL, "encrypt.key-secret"},
    {"qed", DRIVER_FORMAT, true, false, NULL, NULL},
    {"quorum", DRIVER_OTHER, false, false, NULL,
     "vote-threshold blkverify rewrite-corrupted read-pattern"},
    {"raw", DRIVER_FORMAT, false, false, NULL, "offset size"},
    {"rbd", DRIVER_NETWORK, false, false, "rbd",
     "pool namespace image conf snapshot user server. password-secret"},
    {"replication", DRIVER_FILTER, false, false, NULL, "mode top-id"},
    {"snapshot-access", DRIVER_FILTER, false, false, NULL, NULL},
    {"ssh", DRIVER_NETWORK, false, false, "ssh", "host port path user host_key_check server."},
    {"throttle", DRIVER_FILTER, false, false, NULL, "throttle-group"},
    {"vdi", DRIVER_FORMAT, false, false, NULL, NULL},
    {"vhdx", DRIVER_FORMAT, false, false, NULL, NULL},
    {"virtio-blk-vfio-pci", DRIVER_NETWORK, false, false, "virtio-blk-vfio-pci", BLKIO_STRONG},
    {"virtio-blk-vhost-user", DRIVER_NETWORK, false, false, "virtio-blk-vhost-user", BLKIO_STRONG},
    {"virtio-blk-vhost-vdpa", DRIVER_NETWORK, false, false, "virtio-blk-vhost-vdpa", BLKIO_STRONG},
    {"vmdk", DRIVER_FORMAT, true, false, NULL, NULL},
    {"vpc", DRIVER_FORMAT, false, false, NULL, "force_size_calc"},
    {"vvfat", DRIVER_INTERNAL, false, false, "fat", "dir fat-type floppy label rw"},
};
/* clang-format on */

const Driver *driver_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (g_str_equal(drivers[i].name, name)) {
            return &drivers[i];
        }
    }
    return NULL;
}

bool driver_is_named(const char *name)
{
    /* QAPI's list has one that no qemu-img can open, and lacks one that it can. */
    return g_str_equal(name, "blkreplay") || (driver_find(name) && !g_str_equal(name, "iser"));
}

bool driver_list_has(const char *list, const char *word)
{
    size_t length = strlen(word);

    while (list && *list) {
        size_t item = strcspn(list, " ");

        if (item == length && !memcmp(list, word, length)) {
            return true;
        }
        if (item && list[item - 1] == '.' && item <= length && !memcmp(list, word, item)) {
            return true;
        }
        list += item + (list[item] == ' ');
    }
    return false;
}

const Driver *driver_find_by_prefix(const char *prefix)
{
    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (driver_list_has(drivers[i].prefixes, prefix)) {
            return &drivers[i];
        }
    }
    return NULL;
}

bool driver_is_protocol(const Driver *driver)
{
    return driver->prefixes != NULL;
}

const char *driver_listed_at(size_t index)
{
    return index < G_N_ELEMENTS(drivers) ? drivers[index].name : NULL;
}
