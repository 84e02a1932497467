/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forgetting keys: every buffer that held one is wiped before it is given up. */
#ifndef FORMATS_CRYPTO_WIPE_H
#define FORMATS_CRYPTO_WIPE_H

#include <stddef.h>
#include <string.h>

/* Zero @bytes bytes; compilers may not leave it out. */
static inline void crypto_wipe(void *data, size_t bytes)
{
    memset(data, 0, bytes);
    __asm__ volatile("" : : "r"(data) : "memory");
}

#endif
