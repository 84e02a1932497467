/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * getopt-table - the options of every command; see getopt-table.h. The order of the long names is
 * the order in which an ambiguous abbreviation lists them.
 */
#include "getopt-table.h"

#include <glib.h>

static const GetoptLong longs_standard[] = {
    {"help",    'h', false},
    {"version", 'V', false},
    {"trace",   'T', true },
    {NULL,      0,   false},
};

const Command command_standard = {"", COMMAND_NONE, GETOPT_STOP, "hVT:", longs_standard, NULL};

static const GetoptLong longs_amend[] = {
    {"help",       'h',                       false},
    {"quiet",      'q',                       false},
    {"progress",   'p',                       false},
    {"object",     COMMAND_OPTION_OBJECT,     true },
    {"format",     'f',                       true },
    {"cache",      't',                       true },
    {"options",    'o',                       true },
    {"image-opts", COMMAND_OPTION_IMAGE_OPTS, false},
    {"force",      COMMAND_OPTION_FORCE,      false},
    {NULL,         0,                         false},
};

static const GetoptLong longs_bench[] = {
    {"help",           'h',                           false},
    {"format",         'f',                           true },
    {"image-opts",     COMMAND_OPTION_IMAGE_OPTS,     false},
    {"cache",          't',                           true },
    {"count",          'c',                           true },
    {"depth",          'd',                           true },
    {"offset",         'o',                           true },
    {"buffer-size",    's',                           true },
    {"step-size",      'S',                           true },
    {"aio",            'i',                           true },
    {"native",         'n',                           false},
    {"write",          'w',                           false},
    {"pattern",        COMMAND_OPTION_PATTERN,        true },
    {"flush-interval", COMMAND_OPTION_FLUSH_INTERVAL, true },
    {"no-drain",       COMMAND_OPTION_NO_DRAIN,       false},
    {"force-share",    'U',                           false},
    {NULL,             0,                             false},
};

static const GetoptLong newer_bench[] = {
    {"quiet",  'q',                   false},
    {"object", COMMAND_OPTION_OBJECT, true },
    {NULL,     0,                     false},
};

static const GetoptLong longs_bitmap[] = {
    {"help",          'h',                       false},
    {"object",        COMMAND_OPTION_OBJECT,     true },
    {"image-opts",    COMMAND_OPTION_IMAGE_OPTS, false},
    {"add",           COMMAND_OPTION_ADD,        false},
    {"remove",        COMMAND_OPTION_REMOVE,     false},
    {"clear",         COMMAND_OPTION_CLEAR,      false},
    {"enable",        COMMAND_OPTION_ENABLE,     false},
    {"disable",       COMMAND_OPTION_DISABLE,    false},
    {"merge",         COMMAND_OPTION_MERGE,      true },
    {"granularity",   'g',                       true },
    {"source-file",   'b',                       true },
    {"source-format", 'F',                       true },
    {NULL,            0,                         false},
};

static const GetoptLong newer_bitmap[] = {
    {"format", 'f', true },
    {NULL,     0,   false},
};

static const GetoptLong longs_check[] = {
    {"help",        'h',                       false},
    {"quiet",       'q',                       false},
    {"format",      'f',                       true },
    {"cache",       'T',                       true },
    {"repair",      'r',                       true },
    {"output",      COMMAND_OPTION_OUTPUT,     true },
    {"object",      COMMAND_OPTION_OBJECT,     true },
    {"image-opts",  COMMAND_OPTION_IMAGE_OPTS, false},
    {"force-share", 'U',                       false},
    {NULL,          0,                         false},
};

static const GetoptLong longs_commit[] = {
    {"help",       'h',                       false},
    {"quiet",      'q',                       false},
    {"object",     COMMAND_OPTION_OBJECT,     true },
    {"format",     'f',                       true },
    {"image-opts", COMMAND_OPTION_IMAGE_OPTS, false},
    {"cache",      't',                       true },
    {"drop",       'd',                       false},
    {"base",       'b',                       true },
    {"progress",   'p',                       false},
    {"rate",       'r',                       true },
    {NULL,         0,                         false},
};

static const GetoptLong newer_commit[] = {
    {"rate-limit", 'r', true },
    {NULL,         0,   false},
};

static const GetoptLong longs_compare[] = {
    {"help",         'h',                       false},
    {"quiet",        'q',                       false},
    {"object",       COMMAND_OPTION_OBJECT,     true },
    {"cache",        'T',                       true },
    {"image-opts",   COMMAND_OPTION_IMAGE_OPTS, false},
    {"a-format",     'f',                       true },
    {"left-format",  'f',                       true },
    {"b-format",     'F',                       true },
    {"right-format", 'F',                       true },
    {"force-share",  'U',                       false},
    {"strict",       's',                       false},
    {"progress",     'p',                       false},
    {NULL,           0,                         false},
};

static const GetoptLong newer_compare[] = {
    {"progress-fd", COMMAND_OPTION_PROGRESS_FD, true },
    {"no-holes",    COMMAND_OPTION_NO_HOLES,    false},
    {NULL,          0,                          false},
};

static const GetoptLong longs_convert[] = {
    {"help",                  'h',                              false},
    {"quiet",                 'q',                              false},
    {"object",                COMMAND_OPTION_OBJECT,            true },
    {"image-opts",            COMMAND_OPTION_IMAGE_OPTS,        false},
    {"source-image-opts",     COMMAND_OPTION_IMAGE_OPTS,        false},
    {"source-format",         'f',                              true },
    {"source-cache",          'T',                              true },
    {"snapshot",              'l',                              true },
    {"sparse-size",           'S',                              true },
    {"output-format",         'O',                              true },
    {"options",               'o',                              true },
    {"output-cache",          't',                              true },
    {"backing",               'B',                              true },
    {"backing-format",        'F',                              true },
    {"force-share",           'U',                              false},
    {"target-image-opts",     COMMAND_OPTION_TARGET_IMAGE_OPTS, false},
    {"salvage",               COMMAND_OPTION_SALVAGE,           false},
    {"target-is-zero",        COMMAND_OPTION_TARGET_IS_ZERO,    false},
    {"bitmaps",               COMMAND_OPTION_BITMAPS,           false},
    {"skip-broken-bitmaps",   COMMAND_OPTION_SKIP_BROKEN,       false},
    {"rate",                  'r',                              true },
    {"parallel",              'm',                              true },
    {"oob-writes",            'W',                              false},
    {"copy-range-offloading", 'C',                              false},
    {NULL,                    0,                                false},
};

static const GetoptLong newer_convert[] = {
    {"progress",        'p',                        false},
    {"source-snapshot", 'l',                        true },
    {"target-format",   'O',                        true },
    {"target-options",  'o',                        true },
    {"target-cache",    't',                        true },
    {"compress",        'c',                        false},
    {"no-create",       'n',                        false},
    {"rate-limit",      'r',                        true },
    {"progress-fd",     COMMAND_OPTION_PROGRESS_FD, true },
    {"no-holes",        COMMAND_OPTION_NO_HOLES,    false},
    {"atomic",          COMMAND_OPTION_ATOMIC,      false},
    {"checksum",        COMMAND_OPTION_CHECKSUM,    true },
    {NULL,              0,                          false},
};

static const GetoptLong longs_create[] = {
    {"help",           'h',                   false},
    {"quiet",          'q',                   false},
    {"object",         COMMAND_OPTION_OBJECT, true },
    {"format",         'f',                   true },
    {"backing",        'b',                   true },
    {"backing-format", 'F',                   true },
    {"backing-unsafe", 'u',                   false},
    {"options",        'o',                   true },
    {NULL,             0,                     false},
};

static const GetoptLong longs_dd[] = {
    {"help",          'h',                       false},
    {"object",        COMMAND_OPTION_OBJECT,     true },
    {"format",        'f',                       true },
    {"output-format", 'O',                       true },
    {"image-opts",    COMMAND_OPTION_IMAGE_OPTS, false},
    {"force-share",   'U',                       false},
    {NULL,            0,                         false},
};

static const GetoptLong newer_dd[] = {
    {"progress-fd", COMMAND_OPTION_PROGRESS_FD, true },
    {NULL,          0,                          false},
};

static const GetoptLong longs_info[] = {
    {"help",          'h',                       false},
    {"format",        'f',                       true },
    {"output",        COMMAND_OPTION_OUTPUT,     true },
    {"backing-chain", 'b',                       false},
    {"object",        COMMAND_OPTION_OBJECT,     true },
    {"image-opts",    COMMAND_OPTION_IMAGE_OPTS, false},
    {"force-share",   'U',                       false},
    {NULL,            0,                         false},
};

static const GetoptLong longs_map[] = {
    {"help",         'h',                       false},
    {"format",       'f',                       true },
    {"output",       COMMAND_OPTION_OUTPUT,     true },
    {"object",       COMMAND_OPTION_OBJECT,     true },
    {"image-opts",   COMMAND_OPTION_IMAGE_OPTS, false},
    {"force-share",  'U',                       false},
    {"start-offset", 's',                       true },
    {"max-length",   'l',                       true },
    {NULL,           0,                         false},
};

static const GetoptLong longs_measure[] = {
    {"help",          'h',                       false},
    {"target-format", 'O',                       true },
    {"format",        'f',                       true },
    {"image-opts",    COMMAND_OPTION_IMAGE_OPTS, false},
    {"options",       'o',                       true },
    {"snapshot",      'l',                       true },
    {"object",        COMMAND_OPTION_OBJECT,     true },
    {"output",        COMMAND_OPTION_OUTPUT,     true },
    {"size",          COMMAND_OPTION_SIZE,       true },
    {"force-share",   'U',                       false},
    {NULL,            0,                         false},
};

static const GetoptLong longs_rebase[] = {
    {"help",           'h',                       false},
    {"quiet",          'q',                       false},
    {"progress",       'p',                       false},
    {"object",         COMMAND_OPTION_OBJECT,     true },
    {"image-opts",     COMMAND_OPTION_IMAGE_OPTS, false},
    {"force-share",    'U',                       false},
    {"format",         'f',                       true },
    {"cache",          't',                       true },
    {"compress",       'c',                       false},
    {"backing",        'b',                       true },
    {"backing-format", 'F',                       true },
    {"backing-cache",  'T',                       true },
    {"backing-unsafe", 'u',                       false},
    {NULL,             0,                         false},
};

static const GetoptLong longs_resize[] = {
    {"help",          'h',                          false},
    {"quiet",         'q',                          false},
    {"object",        COMMAND_OPTION_OBJECT,        true },
    {"format",        'f',                          true },
    {"image-opts",    COMMAND_OPTION_IMAGE_OPTS,    false},
    {"preallocation", COMMAND_OPTION_PREALLOCATION, true },
    {"shrink",        COMMAND_OPTION_SHRINK,        false},
    {NULL,            0,                            false},
};

/* --apply, --create and --delete take the name that their help promises, as later releases do. */
static const GetoptLong longs_snapshot[] = {
    {"help",        'h',                       false},
    {"quiet",       'q',                       false},
    {"object",      COMMAND_OPTION_OBJECT,     true },
    {"format",      'f',                       true },
    {"image-opts",  COMMAND_OPTION_IMAGE_OPTS, false},
    {"force-share", 'U',                       false},
    {"list",        'l',                       false},
    {"apply",       'a',                       true },
    {"create",      'c',                       true },
    {"delete",      'd',                       true },
    {NULL,          0,                         false},
};

/* clang-format off */
static const Command commands[] = {
    {"amend", COMMAND_AMEND, GETOPT_PERMUTE, "ho:f:t:pq", longs_amend, NULL},
    {"bench", COMMAND_BENCH, GETOPT_PERMUTE, "hc:d:f:ni:o:qs:S:t:wU", longs_bench, newer_bench},
    {"bitmap", COMMAND_BITMAP, GETOPT_PERMUTE, "b:f:F:g:h", longs_bitmap, newer_bitmap},
    {"check", COMMAND_CHECK, GETOPT_PERMUTE, "hf:r:T:qU", longs_check, NULL},
    {"commit", COMMAND_COMMIT, GETOPT_PERMUTE, "f:ht:b:dpqr:", longs_commit, newer_commit},
    {"compare", COMMAND_COMPARE, GETOPT_PERMUTE, "hf:F:T:pqsU", longs_compare,
     newer_compare},
    {"convert", COMMAND_CONVERT, GETOPT_PERMUTE, "hf:O:B:CcF:o:l:S:pt:T:qnm:WUr:", longs_convert,
     newer_convert},
    {"create", COMMAND_CREATE, GETOPT_PERMUTE, "F:b:f:ho:qu", longs_create, NULL},
    {"dd", COMMAND_DD, GETOPT_PERMUTE, "hf:O:Unl:", longs_dd, newer_dd},
    {"info", COMMAND_INFO, GETOPT_PERMUTE, "f:hbU", longs_info, NULL},
    {"map", COMMAND_MAP, GETOPT_PERMUTE, "f:s:l:hU", longs_map, NULL},
    {"measure", COMMAND_MEASURE, GETOPT_PERMUTE, "hf:O:o:l:U", longs_measure, NULL},
    {"rebase", COMMAND_REBASE, GETOPT_PERMUTE, "hf:F:b:upt:T:qUc", longs_rebase, NULL},
    {"resize", COMMAND_RESIZE, GETOPT_IN_ORDER, "f:hq", longs_resize, NULL},
    {"snapshot", COMMAND_SNAPSHOT, GETOPT_PERMUTE, "la:c:d:f:hqU", longs_snapshot, NULL},
};
/* clang-format on */

const Command *command_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (g_str_equal(commands[i].name, name)) {
            return &commands[i];
        }
    }
    return NULL;
}
