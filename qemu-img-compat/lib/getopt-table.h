/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * getopt-table - which options each command takes, what their values may be, and what must or
 * must not stand together. An option is known by its id: its letter, or a COMMAND_OPTION_*.
 */
#ifndef QIC_LIB_GETOPT_TABLE_H
#define QIC_LIB_GETOPT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CommandId {
    COMMAND_NONE, /* the options before the command's name */
    COMMAND_AMEND,
    COMMAND_BENCH,
    COMMAND_BITMAP,
    COMMAND_CHECK,
    COMMAND_COMMIT,
    COMMAND_COMPARE,
    COMMAND_CONVERT,
    COMMAND_CREATE,
    COMMAND_DD,
    COMMAND_INFO,
    COMMAND_MAP,
    COMMAND_MEASURE,
    COMMAND_REBASE,
    COMMAND_RESIZE,
    COMMAND_SNAPSHOT,
} CommandId;

/* Options that have no letter. */
typedef enum CommandOptionId {
    COMMAND_OPTION_OUTPUT = 256,
    COMMAND_OPTION_OBJECT,
    COMMAND_OPTION_IMAGE_OPTS,
    COMMAND_OPTION_TARGET_IMAGE_OPTS,
    COMMAND_OPTION_PATTERN,
    COMMAND_OPTION_FLUSH_INTERVAL,
    COMMAND_OPTION_NO_DRAIN,
    COMMAND_OPTION_SIZE,
    COMMAND_OPTION_PREALLOCATION,
    COMMAND_OPTION_SHRINK,
    COMMAND_OPTION_SALVAGE,
    COMMAND_OPTION_TARGET_IS_ZERO,
    COMMAND_OPTION_ADD,
    COMMAND_OPTION_REMOVE,
    COMMAND_OPTION_CLEAR,
    COMMAND_OPTION_ENABLE,
    COMMAND_OPTION_DISABLE,
    COMMAND_OPTION_MERGE,
    COMMAND_OPTION_BITMAPS,
    COMMAND_OPTION_SKIP_BROKEN,
    COMMAND_OPTION_FORCE,
    /* of our own */
    COMMAND_OPTION_PROGRESS_FD,
    COMMAND_OPTION_CHECKSUM,
    COMMAND_OPTION_NO_HOLES,
    COMMAND_OPTION_ATOMIC,
    /* dd's operands bs=, count=, if=, of=, skip=; the sizes that create and resize are given */
    COMMAND_OPERAND_BS,
    COMMAND_OPERAND_COUNT,
    COMMAND_OPERAND_IF,
    COMMAND_OPERAND_OF,
    COMMAND_OPERAND_SKIP,
    COMMAND_OPERAND_SIZE,
    COMMAND_OPERAND_ISIZE, /* dd's, of our own */
    COMMAND_OPERAND_OSIZE,
} CommandOptionId;

/* A long name. Its argument, if any, is mandatory. */
typedef struct GetoptLong {
    const char *name;
    int id;
    bool has_argument;
} GetoptLong;

/* What happens with operands (arguments that are no options). */
typedef enum GetoptOrder {
    GETOPT_PERMUTE,  /* options may follow operands (unless POSIXLY_CORRECT is set) */
    GETOPT_STOP,     /* the first operand ends the options */
    GETOPT_IN_ORDER, /* operands are seen where they stand */
} GetoptOrder;

typedef struct Command {
    const char *name;
    CommandId id;
    GetoptOrder order;
    const char *letters;     /* as getopt(3) has them: "f:" takes an argument */
    const GetoptLong *longs; /* ends with a NULL name */
    const GetoptLong *newer; /* of later releases, and our own: taken if spelt out in full;
                                may be NULL */
} Command;

/* The command of that name, or NULL. */
const Command *command_find(const char *name);

/* The options before the command. */
extern const Command command_standard;

/* How a value is checked as soon as it is seen. */
typedef enum CommandValueKind {
    COMMAND_VALUE_SIZE,     /* bytes, with suffix */
    COMMAND_VALUE_COUNT,    /* a plain number */
    COMMAND_VALUE_CHOICE,   /* one of the words; its number is the word's position */
    COMMAND_VALUE_LIST,     /* -o: joined with the ones before */
    COMMAND_VALUE_OBJECT,   /* --object */
    COMMAND_VALUE_SNAPSHOT, /* -l of convert and measure */
    COMMAND_VALUE_SPARSE,   /* -S */
    COMMAND_VALUE_ACTION,   /* of snapshot: only one of them */
} CommandValueKind;

typedef struct CommandValue {
    CommandId command; /* COMMAND_NONE: of every command */
    int id;
    CommandValueKind kind;
    bool hint;        /* "Try 'qemu-img COMMAND --help'..." follows the message */
    const char *what; /* how messages call it; of CHOICE and ACTION the message, %s is the value */
    int64_t min, max;
    const char *words; /* of CHOICE: the allowed ones, space-separated */
} CommandValue;

/* The check for that option, or NULL. */
const CommandValue *command_value_find(CommandId command, int id);

/* The words of cache modes (-t, -T), space-separated. */
extern const char command_cache_modes[];

/* A check after parsing. They are made in the order of the table; the first that fails ends all. */
typedef enum CommandRuleKind {
    COMMAND_RULE_OPERANDS,     /* the number of operands is within [first, second] */
    COMMAND_RULE_EXCESS,       /* at most `first` operands; %s is the next one */
    COMMAND_RULE_CONFLICT,     /* options `first` and `second` exclude each other */
    COMMAND_RULE_NEEDS,        /* option `first` needs option `second` */
    COMMAND_RULE_NEEDS_EITHER, /* one of the options `first` and `second` must be there */
    COMMAND_RULE_NEEDS_NAME,   /* option `first` needs an operand */
    COMMAND_RULE_NO_NAME,      /* option `first` excludes operands */
    COMMAND_RULE_NAME_OR,      /* an operand or option `first` must be there */
    COMMAND_RULE_ACTION,       /* one of bitmap's actions must be there */
    COMMAND_RULE_CHECKSUM,     /* --checksum excludes -n together with -B */
    COMMAND_RULE_CACHE,        /* option `first` is a cache mode; %s is the value */
    COMMAND_RULE_HELP,         /* -o help: prints the options and ends */
    COMMAND_RULE_CREATE_SIZE,  /* the second operand, if any, is an image size */
    COMMAND_RULE_RESIZE_SIZE,  /* the second operand is a size, perhaps with + or - before it */
    COMMAND_RULE_DD_FILES,     /* both are named, or one may be left out */
    COMMAND_RULE_DD_OPERANDS,  /* the operands are NAME=VALUE with known names */
} CommandRuleKind;

typedef struct CommandRule {
    CommandId command;
    CommandRuleKind kind;
    int first;
    int second;
    bool hint;
    int status; /* what the program exits with if it fails */
    const char *message;
} CommandRule;

/* The index-th rule of all commands, NULL behind the last. */
const CommandRule *command_rule_at(size_t index);

#endif
