/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of parents as Windows writes them into VHD and VHDX images: UTF-16, drives, backslashes. */
#ifndef FORMATS_COMMON_WINNAME_H
#define FORMATS_COMMON_WINNAME_H

#include "arena.h"
#include "bytes.h"

enum { WINNAME_UNITS_MAX = 4096 }; /* UTF-16 code units in one name, at most */

/*
 * @units UTF-16 code units as UTF-8, up to the first NUL, in the arena. Lone surrogates become
 * U+FFFD. Empty bytes if the arena is exhausted or @units exceeds WINNAME_UNITS_MAX.
 */
struct fmt_bytes winname_from_utf16(struct fmt_arena *arena, const uint8_t *text, size_t units,
                                    bool big_endian);
/*
 * UTF-8 as UTF-16 code units at @to; returns their number, at most @room. Malformed bytes become
 * U+FFFD. SIZE_MAX if @room is too small.
 */
size_t winname_to_utf16(struct fmt_bytes name, uint8_t *to, size_t room, bool big_endian);

/*
 * A name on this system: slashes for backslashes, no "./" in front. Where the name begins with a
 * drive or a server, which mean nothing here, its last component is left: a file beside the child.
 */
struct fmt_bytes winname_localize(struct fmt_arena *arena, struct fmt_bytes name);
/* The other way: backslashes for slashes, ".\" in front of a relative name. */
struct fmt_bytes winname_foreign(struct fmt_arena *arena, struct fmt_bytes name);
/* What is behind the last slash. */
struct fmt_bytes winname_base(struct fmt_bytes name);

#endif
