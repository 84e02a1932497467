/* SPDX-License-Identifier: GPL-2.0-or-later */
/* option-tables - see option-tables.h. The order of the rows is the order of printing. */
#include "option-tables.h"

static const OptRow options_create_raw[] = {
    {"size", OPT_SIZE,   NULL, "Virtual disk size"},
    {NULL,   OPT_STRING, NULL, NULL               },
};

/* clang-format off */
static const OptRow options_create_qcow2[] = {
    {"encryption", OPT_BOOL, NULL,
     "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)"},
    {"encrypt.format", OPT_STRING, NULL, "Encrypt the image, format choices: 'aes', 'luks'"},
    {"encrypt.key-secret", OPT_STRING, NULL,
     "ID of secret providing qcow AES key or LUKS passphrase"},
    {"encrypt.cipher-alg", OPT_STRING, NULL, "Name of encryption cipher algorithm"},
    {"encrypt.cipher-mode", OPT_STRING, NULL, "Name of encryption cipher mode"},
    {"encrypt.ivgen-alg", OPT_STRING, NULL, "Name of IV generator algorithm"},
    {"encrypt.ivgen-hash-alg", OPT_STRING, NULL, "Name of IV generator hash algorithm"},
    {"encrypt.hash-alg", OPT_STRING, NULL, "Name of encryption hash algorithm"},
    {"encrypt.iter-time", OPT_NUMBER, NULL, "Time to spend in PBKDF in milliseconds"},
    {"cluster_size", OPT_SIZE, "65536", "qcow2 cluster size"},
    {"extended_l2", OPT_BOOL, "off", "Extended L2 tables"},
    {"preallocation", OPT_STRING, NULL,
     "Preallocation mode (allowed values: off, metadata, falloc, full)"},
    {"compression_type", OPT_STRING, "zlib",
     "Compression method used for image cluster compression"},
    {"compression_level", OPT_NUMBER, NULL, NULL}, /* not the reference's */
    {"size", OPT_SIZE, NULL, "Virtual disk size"},
    {"compat", OPT_STRING, NULL, "Compatibility level (v2 [0.10] or v3 [1.1])"},
    {"backing_file", OPT_STRING, NULL, "File name of a base image"},
    {"backing_fmt", OPT_STRING, NULL, "Image format of the base image"},
    {"data_file", OPT_STRING, NULL, "File name of an external data file"},
    {"data_file_raw", OPT_BOOL, NULL, "The external data file must stay valid as a raw image"},
    {"lazy_refcounts", OPT_BOOL, "off", "Postpone refcount updates"},
    {"refcount_bits", OPT_NUMBER, "16", "Width of a reference count entry in bits"},
    {NULL, OPT_STRING, NULL, NULL},
};
/* clang-format on */

static const OptRow options_create_qcow[] = {
    {"size",               OPT_SIZE,   NULL, "Virtual disk size"                       },
    {"backing_file",       OPT_STRING, NULL, "File name of a base image"               },
    {"backing_fmt",        OPT_STRING, NULL, "Format of the backing image"             },
    {"encryption",         OPT_BOOL,   NULL,
     "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)"},
    {"encrypt.format",     OPT_STRING, NULL, "Encrypt the image, format choices: 'aes'"},
    {"encrypt.key-secret", OPT_STRING, NULL,
     "ID of the secret that provides the AES encryption key"                           },
    {NULL,                 OPT_STRING, NULL, NULL                                      },
};

static const OptRow options_create_qed[] = {
    {"size",         OPT_SIZE,   NULL,    "Virtual disk size"             },
    {"backing_file", OPT_STRING, NULL,    "File name of a base image"     },
    {"backing_fmt",  OPT_STRING, NULL,    "Image format of the base image"},
    {"cluster_size", OPT_SIZE,   "65536", "Cluster size (in bytes)"       },
    {"table_size",   OPT_SIZE,   NULL,    "L1/L2 table size (in clusters)"},
    {NULL,           OPT_STRING, NULL,    NULL                            },
};

static const OptRow options_create_vmdk[] = {
    {"size",         OPT_SIZE,   NULL,        "Virtual disk size"                        },
    {"adapter_type", OPT_STRING, NULL,
     "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or legacyESX"},
    {"backing_file", OPT_STRING, NULL,        "File name of a base image"                },
    {"backing_fmt",  OPT_STRING, NULL,        "Must be 'vmdk' if present"                },
    {"compat6",      OPT_BOOL,   "off",       "VMDK version 6 image"                     },
    {"hwversion",    OPT_STRING, "undefined", "VMDK hardware version"                    },
    {"toolsversion", OPT_STRING, NULL,        "VMware guest tools version"               },
    {"subformat",    OPT_STRING, NULL,
     "VMDK flat extent format, can be one of {monolithicSparse (default) | monolithicFlat | "
     "twoGbMaxExtentSparse | twoGbMaxExtentFlat | streamOptimized} "                     },
    {"zeroed_grain", OPT_BOOL,   NULL,
     "Enable efficient zero writes using the zeroed-grain GTE feature"                   },
    {NULL,           OPT_STRING, NULL,        NULL                                       },
};

static const OptRow options_create_vdi[] = {
    {"size",   OPT_SIZE,   NULL,  "Virtual disk size"               },
    {"static", OPT_BOOL,   "off", "VDI static (pre-allocated) image"},
    {NULL,     OPT_STRING, NULL,  NULL                              },
};

static const OptRow options_create_vpc[] = {
    {"size",       OPT_SIZE,   NULL, "Virtual disk size"                                   },
    {"subformat",  OPT_STRING, NULL,
     "Type of virtual hard disk format. Supported formats are {dynamic (default) | fixed} "},
    {"force_size", OPT_BOOL,   NULL,
     "Force disk size calculation to use the actual size specified, rather than using the nearest "
     "CHS-based calculation"                                                               },
    {NULL,         OPT_STRING, NULL, NULL                                                  },
};

static const OptRow options_create_vhdx[] = {
    {"size",             OPT_SIZE,   NULL,      "Virtual disk size; max of 64TB." },
    {"log_size",         OPT_SIZE,   "1048576", "Log size; min 1MB."              },
    {"block_size",       OPT_SIZE,   "0",
     "Block Size; min 1MB, max 256MB. 0 means auto-calculate based on image size."},
    {"subformat",        OPT_STRING, NULL,
     "VHDX format type, can be either 'dynamic' or 'fixed'. Default is 'dynamic'."},
    {"block_state_zero", OPT_BOOL,   NULL,
     "Force use of payload blocks of type 'ZERO'. Non-standard, but default.  Do not set to 'off' "
     "when using 'qemu-img convert' with subformat=dynamic."                      },
    {NULL,               OPT_STRING, NULL,      NULL                              },
};

static const OptRow options_create_parallels[] = {
    {"size",         OPT_SIZE,   NULL,      "Virtual disk size"           },
    {"cluster_size", OPT_SIZE,   "1048576", "Parallels image cluster size"},
    {NULL,           OPT_STRING, NULL,      NULL                          },
};

static const OptRow options_create_luks[] = {
    {"size",            OPT_SIZE,   NULL, "Virtual disk size"                                    },
    {"key-secret",      OPT_STRING, NULL, "ID of the secret that provides the keyslot passphrase"},
    {"cipher-alg",      OPT_STRING, NULL, "Name of encryption cipher algorithm"                  },
    {"cipher-mode",     OPT_STRING, NULL, "Name of encryption cipher mode"                       },
    {"ivgen-alg",       OPT_STRING, NULL, "Name of IV generator algorithm"                       },
    {"ivgen-hash-alg",  OPT_STRING, NULL, "Name of IV generator hash algorithm"                  },
    {"hash-alg",        OPT_STRING, NULL, "Name of encryption hash algorithm"                    },
    {"iter-time",       OPT_NUMBER, NULL, "Time to spend in PBKDF in milliseconds"               },
    {"detached-header", OPT_BOOL,   NULL, "Create a detached LUKS header"                        },
    {NULL,              OPT_STRING, NULL, NULL                                                   },
};

/* clang-format off */
static const OptRow options_create_file[] = {
    {"size", OPT_SIZE, NULL, "Virtual disk size"},
    {"nocow", OPT_BOOL, NULL, "Turn off copy-on-write (valid only on btrfs)"},
    {"preallocation", OPT_STRING, NULL, "Preallocation mode (allowed values: off, falloc, full)"},
    {"extent_size_hint", OPT_SIZE, NULL, "Extent size hint for the image file, 0 to disable"},
    {NULL, OPT_STRING, NULL, NULL},
};
/* clang-format on */

static const OptRow options_create_simple[] = {
    {"size",          OPT_SIZE,   NULL, "Virtual disk size"                       },
    {"preallocation", OPT_STRING, NULL, "Preallocation mode (allowed values: off)"},
    {NULL,            OPT_STRING, NULL, NULL                                      },
};

static const OptRow options_create_rbd[] = {
    {"size",               OPT_SIZE,   NULL, "Virtual disk size"                                 },
    {"cluster_size",       OPT_SIZE,   NULL, "RBD object size"                                   },
    {"password-secret",    OPT_STRING, NULL, "ID of secret providing the password"               },
    {"encrypt.format",     OPT_STRING, NULL, "Encrypt the image, format choices: 'luks', 'luks2'"},
    {"encrypt.cipher-alg", OPT_STRING, NULL,
     "Name of encryption cipher algorithm (allowed values: aes-128, aes-256)"                    },
    {"encrypt.key-secret", OPT_STRING, NULL, "ID of secret providing LUKS passphrase"            },
    {NULL,                 OPT_STRING, NULL, NULL                                                },
};

static const OptRow options_create_gluster[] = {
    {"size",          OPT_SIZE,   NULL, "Virtual disk size"                                     },
    {"preallocation", OPT_STRING, NULL, "Preallocation mode (allowed values: off, falloc, full)"},
    {"debug",         OPT_NUMBER, NULL, "Gluster log level, valid range is 0-9"                 },
    {"logfile",       OPT_STRING, NULL, "Logfile path of libgfapi"                              },
    {NULL,            OPT_STRING, NULL, NULL                                                    },
};

/* clang-format off */
static const OptRow options_amend_qcow2[] = {
    {"encrypt.state", OPT_STRING, NULL, "Select new state of affected keyslots (active/inactive)"},
    {"encrypt.keyslot", OPT_NUMBER, NULL, "Select a single keyslot to modify explicitly"},
    {"encrypt.old-secret", OPT_STRING, NULL, "Select all keyslots that match this password"},
    {"encrypt.new-secret", OPT_STRING, NULL,
     "New secret to set in the matching keyslots. Empty string to erase"},
    {"encrypt.iter-time", OPT_NUMBER, NULL, "Time to spend in PBKDF in milliseconds"},
    {"size", OPT_SIZE, NULL, "Virtual disk size"},
    {"compat", OPT_STRING, NULL, "Compatibility level (v2 [0.10] or v3 [1.1])"},
    {"backing_file", OPT_STRING, NULL, "File name of a base image"},
    {"backing_fmt", OPT_STRING, NULL, "Image format of the base image"},
    {"data_file", OPT_STRING, NULL, "File name of an external data file"},
    {"data_file_raw", OPT_BOOL, NULL, "The external data file must stay valid as a raw image"},
    {"lazy_refcounts", OPT_BOOL, "off", "Postpone refcount updates"},
    {"refcount_bits", OPT_NUMBER, "16", "Width of a reference count entry in bits"},
    {NULL, OPT_STRING, NULL, NULL},
};
/* clang-format on */

static const OptRow options_amend_luks[] = {
    {"state",      OPT_STRING, NULL, "Select new state of affected keyslots (active/inactive)"},
    {"keyslot",    OPT_NUMBER, NULL, "Select a single keyslot to modify explicitly"           },
    {"old-secret", OPT_STRING, NULL, "Select all keyslots that match this password"           },
    {"new-secret", OPT_STRING, NULL,
     "New secret to set in the matching keyslots. Empty string to erase"                      },
    {"iter-time",  OPT_NUMBER, NULL, "Time to spend in PBKDF in milliseconds"                 },
    {NULL,         OPT_STRING, NULL, NULL                                                     },
};

typedef struct OptionTable {
    const char *driver;
    const OptRow *rows;
} OptionTable;

static const OptionTable create_tables[] = {
    {"raw",         options_create_raw      },
    {"qcow2",       options_create_qcow2    },
    {"qcow",        options_create_qcow     },
    {"qed",         options_create_qed      },
    {"vmdk",        options_create_vmdk     },
    {"vdi",         options_create_vdi      },
    {"vpc",         options_create_vpc      },
    {"vhdx",        options_create_vhdx     },
    {"parallels",   options_create_parallels},
    {"luks",        options_create_luks     },
    {"file",        options_create_file     },
    {"rbd",         options_create_rbd      },
    {"gluster",     options_create_gluster  },
    {"host_device", options_create_simple   },
    {"host_cdrom",  options_create_simple   },
    {"nvme",        options_create_simple   },
    {"nbd",         options_create_simple   },
    {"iscsi",       options_create_simple   },
    {"iser",        options_create_simple   },
    {"ssh",         options_create_raw      },
    {"nfs",         options_create_raw      },
};

static const OptRow options_extension_vpc[] = {
    {NULL, OPT_STRING, NULL, NULL},
};

static const OptRow options_extension_vhdx[] = {
    {"logical_sector_size", OPT_SIZE,   NULL, NULL},
    {NULL,                  OPT_STRING, NULL, NULL},
};

static const OptRow options_differencing_vpc[] = {
    {"backing_file", OPT_STRING, NULL, NULL},
    {"backing_fmt",  OPT_STRING, NULL, NULL},
    {NULL,           OPT_STRING, NULL, NULL},
};

static const OptRow options_differencing_vhdx[] = {
    {"logical_sector_size", OPT_SIZE,   NULL, NULL},
    {"backing_file",        OPT_STRING, NULL, NULL},
    {"backing_fmt",         OPT_STRING, NULL, NULL},
    {NULL,                  OPT_STRING, NULL, NULL},
};

static const OptionTable extension_tables[] = {
    {"vpc",  options_extension_vpc },
    {"vhdx", options_extension_vhdx},
};

static const OptionTable differencing_tables[] = {
    {"vpc",  options_differencing_vpc },
    {"vhdx", options_differencing_vhdx},
};

static const OptionTable amend_tables[] = {
    {"qcow2", options_amend_qcow2},
    {"luks",  options_amend_luks },
};

static const OptRow *option_table_find(const OptionTable *tables, size_t count, const char *driver)
{
    for (size_t i = 0; i < count; i++) {
        if (g_str_equal(tables[i].driver, driver)) {
            return tables[i].rows;
        }
    }
    return NULL;
}

const OptRow *option_table_create(const char *driver)
{
    return option_table_find(create_tables, G_N_ELEMENTS(create_tables), driver);
}

const OptRow *option_table_amend(const char *driver)
{
    return option_table_find(amend_tables, G_N_ELEMENTS(amend_tables), driver);
}

/* Does the option string, in the end, ask for a differencing image? */
static bool wants_differencing(const char *text)
{
    bool wants = false;

    for (const char *cursor = text; cursor && *cursor;) {
        OptPair pair;
        opt_pair_next(&cursor, NULL, &pair);
        if (g_strcmp0(pair.name, "subformat") == 0) {
            wants = g_strcmp0(pair.text, "differencing") == 0;
        }
        opt_pair_clear(&pair);
    }
    return wants;
}

const OptRow *option_table_extension(const char *driver, const char *text)
{
    if (wants_differencing(text)) {
        return option_table_find(differencing_tables, G_N_ELEMENTS(differencing_tables), driver);
    }
    return option_table_find(extension_tables, G_N_ELEMENTS(extension_tables), driver);
}
