/* SPDX-License-Identifier: GPL-2.0-or-later */
/* getopt-rules - the values that options take and how they go together; see getopt-table.h. */
#include <glib.h>
#include <limits.h>

#include "getopt-table.h"

#define MIX_ACTIONS "Cannot mix '-l', '-a', '-c', '-d'"
#define ONE_NAME "Expecting one image file name"
#define NEEDS_NAME "--image-opts, -f, and -l require a filename argument."
#define BAD_CACHE "Invalid cache option: %s"
#define BAD_SOURCE_CACHE "Invalid source cache option: %s"

const char command_cache_modes[] = "off none directsync writeback unsafe writethrough";

/* clang-format off */
static const CommandValue values[] = {
    {COMMAND_NONE, COMMAND_OPTION_OBJECT, COMMAND_VALUE_OBJECT, false, NULL, 0, 0, NULL},
    {COMMAND_NONE, COMMAND_OPTION_OUTPUT, COMMAND_VALUE_CHOICE, true,
     "--output expects 'human' or 'json' not '%s'", 0, 0, "human json"},
    {COMMAND_NONE, COMMAND_OPTION_PROGRESS_FD, COMMAND_VALUE_COUNT, false, "progress descriptor", 0,
     INT32_MAX, NULL},
    {COMMAND_AMEND, 'o', COMMAND_VALUE_LIST, false, NULL, 0, 0, NULL},
    {COMMAND_BENCH, 'c', COMMAND_VALUE_COUNT, false, "request count", 1, INT32_MAX, NULL},
    {COMMAND_BENCH, 'd', COMMAND_VALUE_COUNT, false, "queue depth", 1, INT32_MAX, NULL},
    {COMMAND_BENCH, 'i', COMMAND_VALUE_CHOICE, false, "Invalid aio option: %s", 0, 0,
     "threads native io_uring"},
    {COMMAND_BENCH, 'o', COMMAND_VALUE_SIZE, false, "offset", 0, INT64_MAX, NULL},
    {COMMAND_BENCH, 's', COMMAND_VALUE_SIZE, false, "buffer size", 1, INT32_MAX, NULL},
    {COMMAND_BENCH, 'S', COMMAND_VALUE_SIZE, false, "step size", 0, INT32_MAX, NULL},
    {COMMAND_BENCH, 't', COMMAND_VALUE_CHOICE, false, "Invalid cache mode", 0, 0,
     command_cache_modes},
    {COMMAND_BENCH, COMMAND_OPTION_PATTERN, COMMAND_VALUE_COUNT, false, "pattern byte", 0,
     UINT8_MAX, NULL},
    {COMMAND_BENCH, COMMAND_OPTION_FLUSH_INTERVAL, COMMAND_VALUE_COUNT, false, "flush interval", 0,
     INT32_MAX, NULL},
    {COMMAND_BITMAP, 'g', COMMAND_VALUE_SIZE, false, "granularity", 0, INT64_MAX, NULL},
    {COMMAND_CHECK, 'r', COMMAND_VALUE_CHOICE, true,
     "--repair (-r) expects 'leaks' or 'all' not '%s'", 0, 0, "leaks all"},
    {COMMAND_COMMIT, 'r', COMMAND_VALUE_SIZE, false, "rate limit", 0, INT64_MAX, NULL},
    {COMMAND_CONVERT, COMMAND_OPTION_CHECKSUM, COMMAND_VALUE_CHOICE, false,
     "--checksum expects 'sha256', 'sha512', 'sha1' or 'md5' not '%s'", 0, 0,
     "sha256 sha512 sha1 md5"},
    {COMMAND_CONVERT, 'l', COMMAND_VALUE_SNAPSHOT, false, NULL, 0, 0, NULL},
    {COMMAND_CONVERT, 'm', COMMAND_VALUE_COUNT, false, "number of coroutines", 1, 16, NULL},
    {COMMAND_CONVERT, 'o', COMMAND_VALUE_LIST, false, NULL, 0, 0, NULL},
    {COMMAND_CONVERT, 'r', COMMAND_VALUE_SIZE, false, "rate limit", 0, INT64_MAX, NULL},
    {COMMAND_CONVERT, 'S', COMMAND_VALUE_SPARSE, false, "buffer size for sparse output", 0,
     INT64_MAX, NULL},
    {COMMAND_CREATE, 'o', COMMAND_VALUE_LIST, false, NULL, 0, 0, NULL},
    {COMMAND_DD, COMMAND_OPERAND_BS, COMMAND_VALUE_SIZE, false, "bs", 1, INT32_MAX, NULL},
    {COMMAND_DD, COMMAND_OPERAND_COUNT, COMMAND_VALUE_COUNT, false, "count", 0, INT64_MAX, NULL},
    {COMMAND_DD, COMMAND_OPERAND_ISIZE, COMMAND_VALUE_SIZE, false, "isize", 0, INT64_MAX, NULL},
    {COMMAND_DD, COMMAND_OPERAND_OSIZE, COMMAND_VALUE_SIZE, false, "osize", 0, INT64_MAX, NULL},
    {COMMAND_DD, 'l', COMMAND_VALUE_SNAPSHOT, false, NULL, 0, 0, NULL},
    {COMMAND_DD, COMMAND_OPERAND_SKIP, COMMAND_VALUE_COUNT, false, "skip", 0, INT64_MAX, NULL},
    {COMMAND_MAP, 's', COMMAND_VALUE_SIZE, false, "start offset", 0, INT64_MAX, NULL},
    {COMMAND_MAP, 'l', COMMAND_VALUE_SIZE, false, "max length", 0, INT64_MAX, NULL},
    {COMMAND_MEASURE, 'l', COMMAND_VALUE_SNAPSHOT, false, NULL, 0, 0, NULL},
    {COMMAND_MEASURE, 'o', COMMAND_VALUE_LIST, false, NULL, 0, 0, NULL},
    {COMMAND_MEASURE, COMMAND_OPTION_SIZE, COMMAND_VALUE_SIZE, false, "image size", 0, INT64_MAX,
     NULL},
    {COMMAND_RESIZE, COMMAND_OPTION_PREALLOCATION, COMMAND_VALUE_CHOICE, false,
     "Invalid preallocation mode '%s'", 0, 0, "off metadata falloc full"},
    {COMMAND_SNAPSHOT, 'l', COMMAND_VALUE_ACTION, true, MIX_ACTIONS, 0, 0, NULL},
    {COMMAND_SNAPSHOT, 'a', COMMAND_VALUE_ACTION, true, MIX_ACTIONS, 0, 0, NULL},
    {COMMAND_SNAPSHOT, 'c', COMMAND_VALUE_ACTION, true, MIX_ACTIONS, 0, 0, NULL},
    {COMMAND_SNAPSHOT, 'd', COMMAND_VALUE_ACTION, true, MIX_ACTIONS, 0, 0, NULL},
};
/* clang-format on */

/* clang-format off */
static const CommandRule rules[] = {
    {COMMAND_AMEND, COMMAND_RULE_NEEDS_EITHER, 'o', 'o', true, 1, "Must specify options (-o)"},
    {COMMAND_AMEND, COMMAND_RULE_HELP, 0, 0, false, 0, NULL},
    {COMMAND_AMEND, COMMAND_RULE_OPERANDS, 1, 1, false, 1, ONE_NAME},
    {COMMAND_AMEND, COMMAND_RULE_CACHE, 't', 0, false, 1, BAD_CACHE},
    {COMMAND_BENCH, COMMAND_RULE_OPERANDS, 1, 1, true, 1, ONE_NAME},
    {COMMAND_BENCH, COMMAND_RULE_NEEDS, COMMAND_OPTION_FLUSH_INTERVAL, 'w', false, 1,
     "--flush-interval is only available in write tests"},
    {COMMAND_BITMAP, COMMAND_RULE_ACTION, 0, 0, false, 1,
     "Need at least one of --add, --remove, --clear, --enable, --disable, or --merge"},
    {COMMAND_BITMAP, COMMAND_RULE_NEEDS, 'g', COMMAND_OPTION_ADD, false, 1,
     "granularity only supported with --add"},
    {COMMAND_BITMAP, COMMAND_RULE_NEEDS, 'F', 'b', false, 1, "-F only supported with -b"},
    {COMMAND_BITMAP, COMMAND_RULE_NEEDS, 'b', COMMAND_OPTION_MERGE, false, 1,
     "Merge bitmap source file only supported with --merge"},
    {COMMAND_BITMAP, COMMAND_RULE_OPERANDS, 2, 2, false, 1, "Expecting filename and bitmap name"},
    {COMMAND_CHECK, COMMAND_RULE_OPERANDS, 1, 1, true, 1, ONE_NAME},
    {COMMAND_CHECK, COMMAND_RULE_CACHE, 'T', 0, false, 1, BAD_SOURCE_CACHE},
    {COMMAND_COMMIT, COMMAND_RULE_OPERANDS, 1, 1, true, 1, ONE_NAME},
    {COMMAND_COMMIT, COMMAND_RULE_CACHE, 't', 0, false, 1, BAD_CACHE},
    {COMMAND_COMPARE, COMMAND_RULE_OPERANDS, 2, 2, true, 1, "Expecting two image file names"},
    {COMMAND_COMPARE, COMMAND_RULE_CACHE, 'T', 0, false, 2, BAD_SOURCE_CACHE},
    {COMMAND_CONVERT, COMMAND_RULE_NEEDS, COMMAND_OPTION_SKIP_BROKEN, COMMAND_OPTION_BITMAPS, false,
     1, "Use of --skip-broken-bitmaps requires --bitmaps"},
    {COMMAND_CONVERT, COMMAND_RULE_CONFLICT, 'c', 'C', false, 1,
     "Cannot enable copy offloading when -c is used"},
    {COMMAND_CONVERT, COMMAND_RULE_CONFLICT, 'S', 'C', false, 1,
     "Cannot enable copy offloading when -S is used"},
    {COMMAND_CONVERT, COMMAND_RULE_CONFLICT, 'C', COMMAND_OPTION_SALVAGE, false, 1,
     "Cannot use copy offloading in salvaging mode"},
    {COMMAND_CONVERT, COMMAND_RULE_NEEDS, COMMAND_OPTION_TARGET_IMAGE_OPTS, 'n', false, 1,
     "--target-image-opts requires use of -n flag"},
    {COMMAND_CONVERT, COMMAND_RULE_CONFLICT, 'n', 'o', false, 1,
     "-o has no effect when skipping image creation"},
    {COMMAND_CONVERT, COMMAND_RULE_NEEDS, COMMAND_OPTION_TARGET_IS_ZERO, 'n', false, 1,
     "--target-is-zero requires use of -n flag"},
    {COMMAND_CONVERT, COMMAND_RULE_CONFLICT, COMMAND_OPTION_ATOMIC, 'n', false, 1,
     "--atomic makes a new image: it cannot be used with -n"},
    {COMMAND_CONVERT, COMMAND_RULE_CHECKSUM, 0, 0, false, 1,
     "--checksum cannot be computed when both -n and -B are used"},
    {COMMAND_CONVERT, COMMAND_RULE_HELP, 0, 0, false, 0, NULL},
    {COMMAND_CONVERT, COMMAND_RULE_OPERANDS, 2, INT_MAX, false, 1, "Must specify image file name"},
    {COMMAND_CONVERT, COMMAND_RULE_CACHE, 'T', 0, false, 1, BAD_SOURCE_CACHE},
    {COMMAND_CREATE, COMMAND_RULE_HELP, 0, 0, false, 0, NULL},
    {COMMAND_CREATE, COMMAND_RULE_OPERANDS, 1, INT_MAX, true, 1, "Expecting image file name"},
    {COMMAND_CREATE, COMMAND_RULE_CREATE_SIZE, 0, 0, false, 1, "image size"},
    {COMMAND_CREATE, COMMAND_RULE_EXCESS, 2, 0, true, 1, "Unexpected argument: %s"},
    {COMMAND_DD, COMMAND_RULE_DD_OPERANDS, 0, 0, false, 1, "unrecognized operand %s"},
    {COMMAND_DD, COMMAND_RULE_DD_FILES, COMMAND_OPERAND_IF, COMMAND_OPERAND_OF, false, 1,
     "Must specify both input and output files"},
    {COMMAND_INFO, COMMAND_RULE_OPERANDS, 1, 1, true, 1, ONE_NAME},
    {COMMAND_MAP, COMMAND_RULE_OPERANDS, 1, 1, true, 1, ONE_NAME},
    {COMMAND_MEASURE, COMMAND_RULE_OPERANDS, 0, 1, false, 1,
     "At most one filename argument is allowed."},
    {COMMAND_MEASURE, COMMAND_RULE_NEEDS_NAME, COMMAND_OPTION_IMAGE_OPTS, 0, false, 1, NEEDS_NAME},
    {COMMAND_MEASURE, COMMAND_RULE_NEEDS_NAME, 'f', 0, false, 1, NEEDS_NAME},
    {COMMAND_MEASURE, COMMAND_RULE_NEEDS_NAME, 'l', 0, false, 1, NEEDS_NAME},
    {COMMAND_MEASURE, COMMAND_RULE_NO_NAME, COMMAND_OPTION_SIZE, 0, false, 1,
     "--size N cannot be used together with a filename."},
    {COMMAND_MEASURE, COMMAND_RULE_NAME_OR, COMMAND_OPTION_SIZE, 0, false, 1,
     "Either --size N or one filename must be specified."},
    {COMMAND_REBASE, COMMAND_RULE_OPERANDS, 1, 1, true, 1, ONE_NAME},
    {COMMAND_REBASE, COMMAND_RULE_NEEDS_EITHER, 'u', 'b', true, 1,
     "Must specify backing file (-b) or use unsafe mode (-u)"},
    {COMMAND_REBASE, COMMAND_RULE_CACHE, 't', 0, false, 1, BAD_CACHE},
    {COMMAND_REBASE, COMMAND_RULE_CACHE, 'T', 0, false, 1, BAD_SOURCE_CACHE},
    {COMMAND_RESIZE, COMMAND_RULE_OPERANDS, 2, 2, true, 1, "Expecting image file name and size"},
    {COMMAND_RESIZE, COMMAND_RULE_RESIZE_SIZE, 0, 0, false, 1, "size"},
    {COMMAND_SNAPSHOT, COMMAND_RULE_OPERANDS, 1, 1, true, 1, ONE_NAME},
};
/* clang-format on */

const CommandValue *command_value_find(CommandId command, int id)
{
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        if (values[i].id == id &&
            (values[i].command == command || values[i].command == COMMAND_NONE)) {
            return &values[i];
        }
    }
    return NULL;
}

const CommandRule *command_rule_at(size_t index)
{
    return index < G_N_ELEMENTS(rules) ? &rules[index] : NULL;
}
