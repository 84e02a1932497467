/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening one image: for operations, and for drivers that have to look at another image. */
#ifndef FORMATS_COMMON_OPEN_H
#define FORMATS_COMMON_OPEN_H

#include "format.h"

struct fmt_image_spec {
    const struct fmt_driver *driver; /* NULL: probe */
    uint32_t device;
    uint32_t flags;
    struct fmt_bytes filename;
    struct fmt_bytes probe_name; /* what probing goes by beside the first bytes; may be empty */
    const struct fmt_options *options; /* may be NULL */
    struct fmt_child *child;           /* further files that the node names; become the image's */
    uint32_t child_count;
};

/* Open one image (without its backing file). On failure the driver has recorded the error. */
int fmt_image_open(struct fmt_env *env, const struct fmt_image_spec *spec,
                   struct fmt_image **image);

#endif
