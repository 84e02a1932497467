/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings - what the system's administrator and the caller choose beside the command line.
 *
 * SETTINGS_FILE has lines "NAME = VALUE"; empty lines and those that begin with '#' are skipped.
 * The environment variable QEMU_IMG_COMPAT_NAME, if it is set and not empty, comes before the
 * file. What is not understood is an error: a policy with a typing error must not become none.
 */
#ifndef QIC_LIB_SETTINGS_H
#define QIC_LIB_SETTINGS_H

#include "failure.h"

#define SETTINGS_FILE "/etc/qemu-img-compat.conf"

typedef enum SettingName { SETTING_ENGINE, SETTING_POLICY, SETTINGS } SettingName;

/* For each setting the position of its value in the order auto, kvm, process or parity,
 * contained, strict: the first is the default. */
typedef struct Settings {
    int value[SETTINGS];
} Settings;

/* Take the lines of `text`, which came from the file `name`. */
bool settings_parse(Settings *settings, const char *text, const char *name, GError **error);

/* Read the file, if it is there, and the environment. */
bool settings_read(Settings *settings, const char *file, GError **error);

#endif
