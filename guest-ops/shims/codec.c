/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What codec libraries ask of the C library besides memory and strings: there is no environment
 * and nowhere to print to. */
#include <stddef.h>

_Noreturn void abort(void);
char *getenv(const char *name);
char *secure_getenv(const char *name);
int __fprintf_chk(void *stream, int flag, const char *format, ...);
size_t fwrite(const void *data, size_t size, size_t count, void *stream);

extern void *stderr;
void *stderr;

_Noreturn void abort(void)
{
    __builtin_trap();
}

char *getenv(const char *name)
{
    (void)name;
    return NULL;
}

char *secure_getenv(const char *name)
{
    (void)name;
    return NULL;
}

int __fprintf_chk(void *stream, int flag, const char *format, ...)
{
    (void)stream;
    (void)flag;
    (void)format;
    return 0;
}

size_t fwrite(const void *data, size_t size, size_t count, void *stream)
{
    (void)data;
    (void)size;
    (void)stream;
    return count;
}
