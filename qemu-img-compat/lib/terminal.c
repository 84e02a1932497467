/* SPDX-License-Identifier: GPL-2.0-or-later */
/* terminal - see terminal.h. */
#include "terminal.h"

#include <unistd.h>

/* Length of the character at `at` if a terminal only shows it, else 0. */
static size_t shown_length(const char *at, const char *end)
{
    gunichar c = g_utf8_get_char_validated(at, end - at);

    if (c == (gunichar)-1 || c == (gunichar)-2 || *at == '\0') {
        return 0;
    }
    if (c == '\n' || c == '\t' || !g_unichar_iscntrl(c)) {
        return (size_t)(g_utf8_next_char(at) - at);
    }
    return 0;
}

char *terminal_visible(const char *text, size_t length)
{
    GString *visible = g_string_sized_new(length);
    const char *end = text + length;

    for (const char *at = text; at < end;) {
        size_t shown = shown_length(at, end);
        if (shown) {
            g_string_append_len(visible, at, (gssize)shown);
            at += shown;
        } else {
            g_string_append_printf(visible, "\\x%02x", (unsigned char)*at++);
        }
    }
    return g_string_free(visible, FALSE);
}

void terminal_write(FILE *stream, const char *text, size_t length)
{
    if (length == 0) {
        return;
    }
    if (!isatty(fileno(stream))) {
        fwrite(text, 1, length, stream);
        return;
    }
    g_autofree char *visible = terminal_visible(text, length);
    fputs(visible, stream);
}
