/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of drivers. Order matters only between equal probe scores: the first one wins. */
#include "image.h"

extern const struct fmt_driver fmt_raw_driver;

const struct fmt_driver *const fmt_drivers[] = {
    &fmt_raw_driver,
    NULL,
};
