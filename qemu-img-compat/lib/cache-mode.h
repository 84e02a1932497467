/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cache-mode - what the words of -t and -T mean. */
#ifndef QIC_LIB_CACHE_MODE_H
#define QIC_LIB_CACHE_MODE_H

#include <stdbool.h>

typedef struct CacheMode {
    const char *name;
    bool direct;       /* bypasses the host's page cache */
    bool no_flush;     /* flushes are ignored */
    bool writethrough; /* every write is flushed */
} CacheMode;

/* The mode of that name, or NULL. */
const CacheMode *cache_mode_find(const char *name);

#endif
