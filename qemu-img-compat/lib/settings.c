/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings - see settings.h. */
#include "settings.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *const engines[] = {"auto", "kvm", "process", NULL};
static const char *const policies[] = {"parity", "contained", "strict", NULL};

static const struct {
    const char *name;
    const char *variable;
    const char *const *values;
    const char *values_text;
} rows[SETTINGS] = {
    [SETTING_ENGINE] = {"engine", "QEMU_IMG_COMPAT_ENGINE", engines,  "auto, kvm, process"       },
    [SETTING_POLICY] = {"policy", "QEMU_IMG_COMPAT_POLICY", policies, "parity, contained, strict"},
};

/* The value's position, or -1. */
static int value_find(SettingName setting, const char *text)
{
    for (int i = 0; rows[setting].values[i]; i++) {
        if (strcmp(text, rows[setting].values[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static bool line_parse(Settings *settings, char *line, const char *name, unsigned number,
                       GError **error)
{
    g_strstrip(line); /* moves the text */
    char *value = strchr(line, '=');
    if (*line == '\0' || *line == '#') {
        return true;
    }
    if (!value) {
        return failure_set(error, "%s:%u: not of the form NAME = VALUE", name, number);
    }
    *value++ = '\0';
    g_strchomp(line);
    g_strstrip(value);
    for (SettingName i = 0; i < SETTINGS; i++) {
        if (strcmp(line, rows[i].name) == 0) {
            settings->value[i] = value_find(i, value);
            return settings->value[i] >= 0 || failure_set(error, "%s:%u: '%s' must be one of %s",
                                                          name, number, line, rows[i].values_text);
        }
    }
    return failure_set(error, "%s:%u: unknown setting '%s'", name, number, line);
}

bool settings_parse(Settings *settings, const char *text, const char *name, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (unsigned i = 0; lines[i]; i++) {
        if (!line_parse(settings, lines[i], name, i + 1, error)) {
            return false;
        }
    }
    return true;
}

bool settings_read(Settings *settings, const char *file, GError **error)
{
    g_autofree char *text = NULL;
    GError *failure = NULL;

    memset(settings, 0, sizeof(*settings));
    /* GLib's account of a missing file, the usual case, would take longer than all else here. */
    if (access(file, F_OK) < 0 && errno == ENOENT) {
        text = NULL;
    } else if (g_file_get_contents(file, &text, NULL, &failure)) {
        if (!settings_parse(settings, text, file, error)) {
            return false;
        }
    } else if (!g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_propagate_error(error, failure);
        return false;
    }
    g_clear_error(&failure);
    for (SettingName i = 0; i < SETTINGS; i++) {
        const char *value = g_getenv(rows[i].variable);
        if (!value || !*value) {
            continue;
        }
        settings->value[i] = value_find(i, value);
        if (settings->value[i] < 0) {
            return failure_set(error, "%s must be one of %s", rows[i].variable,
                               rows[i].values_text);
        }
    }
    return true;
}
