/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opts - typed options as `-o name=value,...` gives them, with QEMU's rules.
 *
 * A comma ends a value, two commas stand for one. A name without '=' is a flag: on, or off if it
 * starts with "no" (which is then not part of the name). `id` is skipped. The last of several
 * settings counts.
 */
#ifndef QIC_LIB_OPTS_H
#define QIC_LIB_OPTS_H

#include "failure.h"
#include "value.h"

typedef enum OptType {
    OPT_STRING,
    OPT_BOOL,
    OPT_NUMBER,
    OPT_SIZE,
} OptType;

/* One option that a format knows. Tables end with a row whose name is NULL. */
typedef struct OptRow {
    const char *name;
    OptType type;
    const char *default_text; /* NULL: none */
    const char *help; /* NULL: an option that the reference does not have, and its help neither */
} OptRow;

/* One name=value of an option string, owned by the caller (opt_pair_clear). */
typedef struct OptPair {
    char *name;
    char *text;
    bool is_flag;  /* it had no '=' and no implied name */
    bool is_unset; /* a flag that began with "no" */
} OptPair;

/*
 * Cuts the next pair off *cursor, which must not be at the end of the string, and moves the
 * cursor behind it and its comma. implied_name: what a first value without '=' is called, or NULL.
 */
void opt_pair_next(const char **cursor, const char *implied_name, OptPair *pair);
void opt_pair_clear(OptPair *pair);

/* The warning about a flag without '=', as the reference prints it on standard error. */
void opt_pair_warn(const OptPair *pair, GString *warnings);

/* Is it the flag `help` or `?`? */
bool opt_pair_is_help(const OptPair *pair);

/* Does the flag `help` or `?` occur in the string? */
bool opts_text_wants_help(const char *text);

/*
 * Joins the strings of several -o: appends `more` to *all (NULL at first, freed by the caller).
 * Fails with "Invalid option list: ..." if they could not be cut apart again.
 */
bool opts_text_append(char **all, const char *more, GError **error);

/*
 * The body of `-o help`: one line for each option of the tables, sorted. tables: NULL-terminated;
 * of several rows with one name the first counts.
 */
void opts_help_append(GString *out, const OptRow *const *tables);

/* Parsed options of one set of tables. */
typedef struct Opts Opts;

Opts *opts_new(const OptRow *const *tables);
void opts_free(Opts *opts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Opts, opts_free)

/* Parses a whole string (opts_text_append's result); the error is set in QEMU's words. */
bool opts_parse(Opts *opts, const char *text, GError **error);

/*
 * The same, but each flag without '=' appends a warning (two lines) to warnings, and `help` or `?`
 * ends the parse: false, *help set, no error.
 */
bool opts_parse_warning(Opts *opts, const char *text, GString *warnings, bool *help,
                        GError **error);

/* One setting more, as if parsed. */
bool opts_set(Opts *opts, const char *name, const char *text, GError **error);

/* Removes every setting of that name; its default shows again. */
void opts_unset(Opts *opts, const char *name);

/* Was it set (a default does not count)? Is there an option of that name? */
bool opts_is_set(const Opts *opts, const char *name);
bool opts_knows(const Opts *opts, const char *name);

/* The text as given, or the default, or NULL. */
const char *opts_get(const Opts *opts, const char *name);

/* The value of a number, size or bool (0 or 1) option, set or default, or `otherwise`. */
uint64_t opts_get_number(const Opts *opts, const char *name, uint64_t otherwise);

/*
 * The options in table order as "Formatting ..." prints them: `name=value` with a space between,
 * set ones and those with a default. Empty string if none. The caller frees it.
 */
char *opts_line(const Opts *opts);

/*
 * The same options as a dictionary of typed values (string, bool, uint), for a job.
 * with_defaults: also those that were not set but have a default.
 */
Value *opts_to_dict(const Opts *opts, bool with_defaults);

/* Sizes in option values; their messages differ from those of sizes elsewhere. */
bool opt_size_parse(const char *name, const char *text, uint64_t *bytes, GError **error);

/* on, yes, true, y / off, no, false, n. */
bool opt_bool_parse(const char *name, const char *text, bool *flag, GError **error);

#endif
