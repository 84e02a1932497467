/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage - what --help and --version print, byte for byte as the reference does. */
#ifndef QIC_LIB_USAGE_H
#define QIC_LIB_USAGE_H

#include <glib.h>
#include <stdbool.h>

/* The two lines of `qemu-img --version`. */
void usage_version_append(GString *out);

/* `qemu-img --help`. */
void usage_append(GString *out);

/* `qemu-img COMMAND --help`; false if there is no such command. */
bool usage_command_append(GString *out, const char *command);

#endif
