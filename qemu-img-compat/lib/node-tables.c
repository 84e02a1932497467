/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node-tables - see node-tables.h. These options have no help. */
#include "node-tables.h"

#include "drivers.h"

const OptRow node_common_rows[] = {
    {"node-name",      OPT_STRING, NULL, NULL},
    {"driver",         OPT_STRING, NULL, NULL},
    {"cache.direct",   OPT_BOOL,   NULL, NULL},
    {"cache.no-flush", OPT_BOOL,   NULL, NULL},
    {"active",         OPT_BOOL,   NULL, NULL},
    {"read-only",      OPT_BOOL,   NULL, NULL},
    {"auto-read-only", OPT_BOOL,   NULL, NULL},
    {"detect-zeroes",  OPT_STRING, NULL, NULL},
    {"discard",        OPT_STRING, NULL, NULL},
    {"force-share",    OPT_BOOL,   NULL, NULL},
    {NULL,             OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_none[] = {
    {NULL, OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_file[] = {
    {"filename",              OPT_STRING, NULL, NULL},
    {"aio",                   OPT_STRING, NULL, NULL},
    {"aio-max-batch",         OPT_NUMBER, NULL, NULL},
    {"locking",               OPT_STRING, NULL, NULL},
    {"pr-manager",            OPT_STRING, NULL, NULL},
    {"drop-cache",            OPT_BOOL,   NULL, NULL},
    {"x-check-cache-dropped", OPT_BOOL,   NULL, NULL},
    {NULL,                    OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_raw[] = {
    {"offset", OPT_SIZE,   NULL, NULL},
    {"size",   OPT_SIZE,   NULL, NULL},
    {NULL,     OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_qcow2[] = {
    {"lazy-refcounts",                 OPT_BOOL,   NULL, NULL},
    {"pass-discard-request",           OPT_BOOL,   NULL, NULL},
    {"pass-discard-snapshot",          OPT_BOOL,   NULL, NULL},
    {"pass-discard-other",             OPT_BOOL,   NULL, NULL},
    {"discard-no-unref",               OPT_BOOL,   NULL, NULL},
    {"overlap-check",                  OPT_STRING, NULL, NULL},
    {"overlap-check.template",         OPT_STRING, NULL, NULL},
    {"overlap-check.main-header",      OPT_BOOL,   NULL, NULL},
    {"overlap-check.active-l1",        OPT_BOOL,   NULL, NULL},
    {"overlap-check.active-l2",        OPT_BOOL,   NULL, NULL},
    {"overlap-check.refcount-table",   OPT_BOOL,   NULL, NULL},
    {"overlap-check.refcount-block",   OPT_BOOL,   NULL, NULL},
    {"overlap-check.snapshot-table",   OPT_BOOL,   NULL, NULL},
    {"overlap-check.inactive-l1",      OPT_BOOL,   NULL, NULL},
    {"overlap-check.inactive-l2",      OPT_BOOL,   NULL, NULL},
    {"overlap-check.bitmap-directory", OPT_BOOL,   NULL, NULL},
    {"cache-size",                     OPT_SIZE,   NULL, NULL},
    {"l2-cache-size",                  OPT_SIZE,   NULL, NULL},
    {"l2-cache-entry-size",            OPT_SIZE,   NULL, NULL},
    {"refcount-cache-size",            OPT_SIZE,   NULL, NULL},
    {"cache-clean-interval",           OPT_NUMBER, NULL, NULL},
    {"encrypt.format",                 OPT_STRING, NULL, NULL},
    {"encrypt.key-secret",             OPT_STRING, NULL, NULL},
    {NULL,                             OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_qcow[] = {
    {"encrypt.format",     OPT_STRING, NULL, NULL},
    {"encrypt.key-secret", OPT_STRING, NULL, NULL},
    {NULL,                 OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_luks[] = {
    {"key-secret", OPT_STRING, NULL, NULL},
    {NULL,         OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_vpc[] = {
    {"force_size_calc", OPT_STRING, NULL, NULL},
    {NULL,              OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_parallels[] = {
    {"prealloc-size", OPT_SIZE,   NULL, NULL},
    {"prealloc-mode", OPT_STRING, NULL, NULL},
    {NULL,            OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_null[] = {
    {"size",        OPT_SIZE,   NULL, NULL},
    {"latency-ns",  OPT_NUMBER, NULL, NULL},
    {"read-zeroes", OPT_BOOL,   NULL, NULL},
    {NULL,          OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_blkdebug[] = {
    {"config",         OPT_STRING, NULL, NULL},
    {"x-image",        OPT_STRING, NULL, NULL},
    {"align",          OPT_SIZE,   NULL, NULL},
    {"max-transfer",   OPT_SIZE,   NULL, NULL},
    {"opt-write-zero", OPT_SIZE,   NULL, NULL},
    {"max-write-zero", OPT_SIZE,   NULL, NULL},
    {"opt-discard",    OPT_SIZE,   NULL, NULL},
    {"max-discard",    OPT_SIZE,   NULL, NULL},
    {NULL,             OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_blkverify[] = {
    {"x-raw",   OPT_STRING, NULL, NULL},
    {"x-image", OPT_STRING, NULL, NULL},
    {NULL,      OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_quorum[] = {
    {"vote-threshold",    OPT_NUMBER, NULL, NULL},
    {"blkverify",         OPT_BOOL,   NULL, NULL},
    {"rewrite-corrupted", OPT_BOOL,   NULL, NULL},
    {"read-pattern",      OPT_STRING, NULL, NULL},
    {NULL,                OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_throttle[] = {
    {"throttle-group", OPT_STRING, NULL, NULL},
    {NULL,             OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_copy_on_read[] = {
    {"bottom", OPT_STRING, NULL, NULL},
    {NULL,     OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_preallocate[] = {
    {"prealloc-align", OPT_SIZE,   NULL, NULL},
    {"prealloc-size",  OPT_SIZE,   NULL, NULL},
    {NULL,             OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_blklogwrites[] = {
    {"log-append",                OPT_BOOL,   NULL, NULL},
    {"log-sector-size",           OPT_SIZE,   NULL, NULL},
    {"log-super-update-interval", OPT_NUMBER, NULL, NULL},
    {NULL,                        OPT_STRING, NULL, NULL},
};

static const OptRow node_rows_replication[] = {
    {"mode",   OPT_STRING, NULL, NULL},
    {"top-id", OPT_STRING, NULL, NULL},
    {NULL,     OPT_STRING, NULL, NULL},
};

/* What blkdebug has beside its table. */
#define BLKDEBUG_MORE "image image. inject-error. set-state. take-child-perms. unshare-child-perms."

static const NodeTable node_tables[] = {
    {"blkdebug",        node_rows_blkdebug,     BLKDEBUG_MORE              },
    {"blkverify",       node_rows_blkverify,    "raw raw. test test."      },
    {"quorum",          node_rows_quorum,       "children children."       },
    {"blklogwrites",    node_rows_blklogwrites, "file log log."            },
    {"compress",        node_rows_none,         "file"                     },
    {"copy-on-read",    node_rows_copy_on_read, "file"                     },
    {"preallocate",     node_rows_preallocate,  "file"                     },
    {"replication",     node_rows_replication,  "file"                     },
    {"snapshot-access", node_rows_none,         "file"                     },
    {"throttle",        node_rows_throttle,     "file"                     },
    {"bochs",           node_rows_none,         "file"                     },
    {"cloop",           node_rows_none,         "file"                     },
    {"dmg",             node_rows_none,         "file"                     },
    {"file",            node_rows_file,         NULL                       },
    {"host_cdrom",      node_rows_file,         NULL                       },
    {"host_device",     node_rows_file,         NULL                       },
    {"luks",            node_rows_luks,         "file header header."      },
    {"null-aio",        node_rows_null,         NULL                       },
    {"null-co",         node_rows_null,         NULL                       },
    {"parallels",       node_rows_parallels,    "file"                     },
    {"qcow",            node_rows_qcow,         "file"                     },
    {"qcow2",           node_rows_qcow2,        "file data-file data-file."},
    {"qed",             node_rows_none,         "file"                     },
    {"raw",             node_rows_raw,          "file"                     },
    {"vdi",             node_rows_none,         "file"                     },
    {"vhdx",            node_rows_none,         "file"                     },
    {"vmdk",            node_rows_none,         "file"                     },
    {"vpc",             node_rows_vpc,          "file"                     },
};

#define BAD_VALUE "invalid parameter value: %s"
#define BAD_OVERLAP                                                                                \
    "Unsupported value '%s' for qcow2 option 'overlap-check'. Allowed are any of the following: "  \
    "none, constant, cached, all"

/* clang-format off */
static const NodeChoice node_choices[] = {
    {NULL, "discard", "ignore off unmap on", "Invalid discard option"},
    {NULL, "detect-zeroes", "off on unmap", BAD_VALUE},
    {"file", "aio", "threads native io_uring", BAD_VALUE},
    {"file", "locking", "auto on off", BAD_VALUE},
    {"qcow2", "overlap-check", "none constant cached all", BAD_OVERLAP},
    {"qcow2", "overlap-check.template", "none constant cached all", BAD_OVERLAP},
    {"vpc", "force_size_calc", "current_size chs", "Invalid size calculation mode: '%s'"},
    {"parallels", "prealloc-mode", "falloc truncate", BAD_VALUE},
    {"host_device", "aio", "threads native io_uring", BAD_VALUE},
    {"host_device", "locking", "auto on off", BAD_VALUE},
    {"host_cdrom", "aio", "threads native io_uring", BAD_VALUE},
    {"host_cdrom", "locking", "auto on off", BAD_VALUE},
};
/* clang-format on */

const NodeTable *node_table_find(const char *driver)
{
    for (size_t i = 0; i < G_N_ELEMENTS(node_tables); i++) {
        if (g_str_equal(node_tables[i].driver, driver)) {
            return &node_tables[i];
        }
    }
    return NULL;
}

const NodeChoice *node_choice_at(size_t index)
{
    return index < G_N_ELEMENTS(node_choices) ? &node_choices[index] : NULL;
}
