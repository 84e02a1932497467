/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No heap: codec libraries are given memory by their callers, and find none elsewhere. */
#include <stddef.h>

void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void free(void *block);

void *malloc(size_t bytes)
{
    (void)bytes;
    return NULL;
}

void *calloc(size_t count, size_t bytes)
{
    (void)count;
    (void)bytes;
    return NULL;
}

void free(void *block)
{
    (void)block;
}
