/* SPDX-License-Identifier: GPL-2.0-or-later */
/* failure - see failure.h. */
#include "failure.h"

G_DEFINE_QUARK(qemu - img - compat - failure, failure)

bool failure_set(GError **error, const char *format, ...)
{
    va_list arguments;

    if (error) {
        va_start(arguments, format);
        *error = g_error_new_valist(FAILURE, 0, format, arguments);
        va_end(arguments);
    }
    return false;
}

void failure_hint(GError **error, const char *text)
{
    if (error && *error) {
        char *message = g_strdup_printf("%s\n%s", (*error)->message, text);

        g_free((*error)->message);
        (*error)->message = message;
    }
}
