/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cache-mode - see cache-mode.h. */
#include "cache-mode.h"

#include <glib.h>

static const CacheMode cache_modes[] = {
    {"off",          true,  false, false},
    {"none",         true,  false, false},
    {"directsync",   true,  false, true },
    {"writeback",    false, false, false},
    {"unsafe",       false, true,  false},
    {"writethrough", false, false, true },
};

const CacheMode *cache_mode_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cache_modes); i++) {
        if (g_str_equal(cache_modes[i].name, name)) {
            return &cache_modes[i];
        }
    }
    return NULL;
}
