/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object-types - see object-types.h. */
#include "object-types.h"

#include "drivers.h"

static const ObjectProperty properties_authz_list[] = {
    {"policy", OBJECT_CHOICE, false, "QAuthZListPolicy", "deny allow"},
    {"rules",  OBJECT_ANY,    false, "QAuthZListRule",   NULL        },
    {NULL,     OBJECT_ANY,    false, NULL,               NULL        },
};

static const ObjectProperty properties_authz_list_file[] = {
    {"filename", OBJECT_STRING, false, "string", NULL},
    {"refresh",  OBJECT_BOOL,   false, "bool",   NULL},
    {NULL,       OBJECT_ANY,    false, NULL,     NULL},
};

static const ObjectProperty properties_authz_simple[] = {
    {"identity", OBJECT_STRING, false, "string", NULL},
    {NULL,       OBJECT_ANY,    false, NULL,     NULL},
};

static const ObjectProperty properties_main_loop[] = {
    {"aio-max-batch",   OBJECT_INT, false, "int", NULL},
    {"thread-pool-max", OBJECT_INT, false, "int", NULL},
    {"thread-pool-min", OBJECT_INT, false, "int", NULL},
    {NULL,              OBJECT_ANY, false, NULL,  NULL},
};

static const ObjectProperty properties_pr_manager_helper[] = {
    {"path", OBJECT_STRING, true,  "string", NULL},
    {NULL,   OBJECT_ANY,    false, NULL,     NULL},
};

static const ObjectProperty properties_secret[] = {
    {"data",   OBJECT_STRING, false, "string",              NULL        },
    {"file",   OBJECT_STRING, false, "string",              NULL        },
    {"format", OBJECT_CHOICE, false, "QCryptoSecretFormat", "raw base64"},
    {"iv",     OBJECT_STRING, false, "string",              NULL        },
    {"keyid",  OBJECT_STRING, false, "string",              NULL        },
    {NULL,     OBJECT_ANY,    false, NULL,                  NULL        },
};

static const ObjectProperty properties_secret_keyring[] = {
    {"format", OBJECT_CHOICE, false, "QCryptoSecretFormat", "raw base64"},
    {"iv",     OBJECT_STRING, false, "string",              NULL        },
    {"keyid",  OBJECT_STRING, false, "string",              NULL        },
    {"serial", OBJECT_INT,    true,  "int32_t",             NULL        },
    {NULL,     OBJECT_ANY,    false, NULL,                  NULL        },
};

static const ObjectProperty properties_thread_context[] = {
    {"cpu-affinity",  OBJECT_ANY, false, "int", NULL},
    {"node-affinity", OBJECT_ANY, false, "int", NULL},
    {NULL,            OBJECT_ANY, false, NULL,  NULL},
};

static const ObjectProperty properties_throttle_group[] = {
    {"limits",                  OBJECT_ANY, false, "ThrottleLimits", NULL},
    {"x-bps-read-max-length",   OBJECT_INT, false, "int",            NULL},
    {"x-bps-read-max",          OBJECT_INT, false, "int",            NULL},
    {"x-bps-read",              OBJECT_INT, false, "int",            NULL},
    {"x-bps-total-max-length",  OBJECT_INT, false, "int",            NULL},
    {"x-bps-total-max",         OBJECT_INT, false, "int",            NULL},
    {"x-bps-total",             OBJECT_INT, false, "int",            NULL},
    {"x-bps-write-max-length",  OBJECT_INT, false, "int",            NULL},
    {"x-bps-write-max",         OBJECT_INT, false, "int",            NULL},
    {"x-bps-write",             OBJECT_INT, false, "int",            NULL},
    {"x-iops-read-max-length",  OBJECT_INT, false, "int",            NULL},
    {"x-iops-read-max",         OBJECT_INT, false, "int",            NULL},
    {"x-iops-read",             OBJECT_INT, false, "int",            NULL},
    {"x-iops-size",             OBJECT_INT, false, "int",            NULL},
    {"x-iops-total-max-length", OBJECT_INT, false, "int",            NULL},
    {"x-iops-total-max",        OBJECT_INT, false, "int",            NULL},
    {"x-iops-total",            OBJECT_INT, false, "int",            NULL},
    {"x-iops-write-max-length", OBJECT_INT, false, "int",            NULL},
    {"x-iops-write-max",        OBJECT_INT, false, "int",            NULL},
    {"x-iops-write",            OBJECT_INT, false, "int",            NULL},
    {NULL,                      OBJECT_ANY, false, NULL,             NULL},
};

static const ObjectProperty properties_tls_creds_anon[] = {
    {"dir",         OBJECT_STRING, false, "string",                  NULL           },
    {"endpoint",    OBJECT_CHOICE, false, "QCryptoTLSCredsEndpoint", "client server"},
    {"priority",    OBJECT_STRING, false, "string",                  NULL           },
    {"verify-peer", OBJECT_BOOL,   false, "bool",                    NULL           },
    {NULL,          OBJECT_ANY,    false, NULL,                      NULL           },
};

static const ObjectProperty properties_tls_creds_psk[] = {
    {"dir",         OBJECT_STRING, false, "string",                  NULL           },
    {"endpoint",    OBJECT_CHOICE, false, "QCryptoTLSCredsEndpoint", "client server"},
    {"priority",    OBJECT_STRING, false, "string",                  NULL           },
    {"username",    OBJECT_STRING, false, "string",                  NULL           },
    {"verify-peer", OBJECT_BOOL,   false, "bool",                    NULL           },
    {NULL,          OBJECT_ANY,    false, NULL,                      NULL           },
};

static const ObjectProperty properties_tls_creds_x509[] = {
    {"dir",          OBJECT_STRING, false, "string",                  NULL           },
    {"endpoint",     OBJECT_CHOICE, false, "QCryptoTLSCredsEndpoint", "client server"},
    {"passwordid",   OBJECT_STRING, false, "string",                  NULL           },
    {"priority",     OBJECT_STRING, false, "string",                  NULL           },
    {"sanity-check", OBJECT_BOOL,   false, "bool",                    NULL           },
    {"verify-peer",  OBJECT_BOOL,   false, "bool",                    NULL           },
    {NULL,           OBJECT_ANY,    false, NULL,                      NULL           },
};

/* Sorted as help lists them. */
static const ObjectType object_types[] = {
    {"authz-list",        properties_authz_list,        false},
    {"authz-list-file",   properties_authz_list_file,   true },
    {"authz-simple",      properties_authz_simple,      false},
    {"main-loop",         properties_main_loop,         false},
    {"pr-manager-helper", properties_pr_manager_helper, false},
    {"secret",            properties_secret,            false},
    {"secret_keyring",    properties_secret_keyring,    false},
    {"thread-context",    properties_thread_context,    false},
    {"throttle-group",    properties_throttle_group,    false},
    {"tls-creds-anon",    properties_tls_creds_anon,    false},
    {"tls-creds-psk",     properties_tls_creds_psk,     false},
    {"tls-creds-x509",    properties_tls_creds_x509,    false},
};

/* Types for other programs of QEMU's. */
static const char object_foreign_types[] =
    "acpi-generic-initiator acpi-generic-port authz-listfile authz-pam can-bus can-host-socketcan "
    "colo-compare cryptodev-backend cryptodev-backend-builtin cryptodev-backend-lkcf "
    "cryptodev-vhost-user dbus-vmstate filter-buffer filter-dump filter-mirror filter-redirector "
    "filter-replay filter-rewriter input-barrier input-linux iommufd iothread memory-backend-epc "
    "memory-backend-file memory-backend-memfd memory-backend-ram memory-backend-shm pef-guest "
    "qtest rng-builtin rng-egd rng-random sev-guest sev-snp-guest s390-pv-guest "
    "tls-cipher-suites x-remote-object x-vfio-user-server";

const ObjectType *object_type_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(object_types); i++) {
        if (g_str_equal(object_types[i].name, name)) {
            return &object_types[i];
        }
    }
    return NULL;
}

bool object_type_is_foreign(const char *name)
{
    return driver_list_has(object_foreign_types, name);
}

void object_types_help_append(GString *out)
{
    g_string_append(out, "List of user creatable objects:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(object_types); i++) {
        g_string_append_printf(out, "  %s\n", object_types[i].name);
    }
}

void object_type_help_append(GString *out, const ObjectType *type)
{
    g_string_append_printf(out, "%s options:\n", type->name);
    for (const ObjectProperty *row = type->properties; row->name; row++) {
        g_string_append_printf(out, "  %s=<%s>\n", row->name, row->type_name);
    }
}
