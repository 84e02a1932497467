/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one caller of format drivers: find, probe, open, and pass requests on, checked.
 */
#ifndef FORMATS_IMAGE_H
#define FORMATS_IMAGE_H

#include "common/open.h"

/* All drivers, in the reference's order of probing; NULL-terminated (drivers.c). */
extern const struct fmt_driver *const fmt_drivers[];

/* The driver called @name, or NULL. */
const struct fmt_driver *fmt_driver_find(struct fmt_bytes name);

/* The driver that is surest about the first bytes of @device (raw, if none is). Returns 0, or a
 * negative errno with FMT_ERR_IMAGE_READ_FOR_PROBE recorded. */
int fmt_probe(struct fmt_env *env, uint32_t device, struct fmt_bytes filename,
              const struct fmt_driver **driver);

/* Checked calls of the driver's callbacks; -FMT_ENOTSUP where there is none. */
int fmt_image_info(struct fmt_image *image, const struct fmt_info *out);
int fmt_image_snapshot(struct fmt_image *image, uint32_t index, struct fmt_snapshot *out);
int fmt_image_snapshot_load(struct fmt_image *image, uint32_t index);
int fmt_image_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                  struct fmt_extent *out);
/* Read this layer's bytes [offset, offset + length), which map() said are DATA or CODED. */
int fmt_image_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length);
/* Writing, to images opened with FMT_OPEN_WRITABLE; see the callbacks in format.h. */
int fmt_image_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                       struct fmt_extent *out);
int fmt_image_write(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length);
int fmt_image_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length,
                           bool may_unmap);
int fmt_image_write_compressed(struct fmt_image *image, uint64_t offset, const void *buffer,
                               size_t length);
/* What compress() has made of the whole cluster at @offset. */
int fmt_image_write_coded(struct fmt_image *image, uint64_t offset, const void *coded,
                          size_t bytes);
/* Nothing to do is no error: all that was written is in the files. */
int fmt_image_finish(struct fmt_image *image);

/* Count and report what is wrong with the image; @fix is FMT_FIX_*. */
int fmt_image_check(struct fmt_image *image, struct fmt_check *check, unsigned fix);

#endif
