/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libbz2's functions on files lie beside those on memory, and have to be linked with them. They
 * are never called, and would find no file. */
#include <stddef.h>

_Noreturn void exit(int status);
int fclose(void *stream);
void *fdopen(int fd, const char *mode);
int ferror(void *stream);
int fflush(void *stream);
int fgetc(void *stream);
void *fopen64(const char *path, const char *mode);
int fputc(int c, void *stream);
size_t fread(void *to, size_t size, size_t count, void *stream);
int ungetc(int c, void *stream);
const unsigned short **__ctype_b_loc(void);

enum { END_OF_FILE = -1 };

extern void *stdin, *stdout;
void *stdin, *stdout;

/* Also where libbz2 finds itself broken. */
_Noreturn void exit(int status)
{
    (void)status;
    __builtin_trap();
}

int fclose(void *stream)
{
    (void)stream;
    return END_OF_FILE;
}

void *fdopen(int fd, const char *mode)
{
    (void)fd;
    (void)mode;
    return NULL;
}

int ferror(void *stream)
{
    (void)stream;
    return 1;
}

int fflush(void *stream)
{
    (void)stream;
    return END_OF_FILE;
}

int fgetc(void *stream)
{
    (void)stream;
    return END_OF_FILE;
}

void *fopen64(const char *path, const char *mode)
{
    (void)path;
    (void)mode;
    return NULL;
}

int fputc(int c, void *stream)
{
    (void)c;
    (void)stream;
    return END_OF_FILE;
}

size_t fread(void *to, size_t size, size_t count, void *stream)
{
    (void)to;
    (void)size;
    (void)count;
    (void)stream;
    return 0;
}

int ungetc(int c, void *stream)
{
    (void)c;
    (void)stream;
    return END_OF_FILE;
}

const unsigned short **__ctype_b_loc(void)
{
    return NULL;
}
