/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing an image's file: new clusters go behind the last one, and read as zeroes. */
#ifndef FORMATS_COMMON_APPEND_H
#define FORMATS_COMMON_APPEND_H

#include "format.h"

struct fmt_append {
    uint64_t end_off;    /* behind the last byte in use */
    uint64_t file_bytes; /* the file's length: bytes from end_off up to here are left over */
    bool ready;
    uint8_t *copy_buffer; /* of fmt_backing_copy(), once needed */
};

/* Begin at @end_off, or at the file's end (in whole sectors) if that is @end_off UINT64_MAX; later
 * calls do nothing. Returns 0 or a negative errno. */
int fmt_append_begin(struct fmt_env *env, uint32_t device, struct fmt_append *append,
                     uint64_t end_off);
/* Take @bytes bytes at the next multiple of @align_bytes; what is left over there is zeroed.
 * Nothing else is written: the file grows with the data, or in the end. */
int fmt_append_take(struct fmt_env *env, uint32_t device, struct fmt_append *append, uint64_t bytes,
                    uint64_t align_bytes, uint64_t *offset);
/* Make the file reach to the end of what was taken. */
int fmt_append_finish(struct fmt_env *env, uint32_t device, const struct fmt_append *append);

/* A driver's write(), by its allocate(). */
int fmt_allocated_write(struct fmt_image *image, uint64_t offset, const void *buffer,
                        size_t length);
/* Called by an allocate() before it lets a table lead to a new place for @length bytes: where these
 * are known already (fmt_allocated_write()), they are written to it. Returns 0 or a negative errno:
 * then the table must stay as it is. */
int fmt_allocated_fill(struct fmt_image *image, uint32_t device, uint64_t device_off,
                       uint64_t length);
/* A driver's write_zeroes(): zeroes data that is there, and covers what a backing file has. */
int fmt_allocated_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length,
                               bool may_unmap);
/* Bytes of the layers below @image; zeroes where there are none. */
int fmt_backing_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);
/* Bytes [from, to) of the layers below @image to @device at @device_off; nothing if there are none:
 * new space reads as zeroes already. */
int fmt_backing_copy(struct fmt_image *image, struct fmt_append *append, uint64_t from, uint64_t to,
                     uint32_t device, uint64_t device_off);

#endif
