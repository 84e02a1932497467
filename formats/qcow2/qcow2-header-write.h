/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing the header cluster of a qcow2 file. */
#ifndef FORMATS_QCOW2_HEADER_WRITE_H
#define FORMATS_QCOW2_HEADER_WRITE_H

#include "qcow2.h"

/* What lies behind the header's fields, in the first cluster. Empty texts are left out. */
struct qcow2_header_texts {
    struct fmt_bytes backing_name;
    struct fmt_bytes backing_format;
    struct fmt_bytes data_file;
    struct fmt_bytes unknown_fields; /* behind the header's fields, kept as they are */
    struct fmt_bytes unknown;        /* whole extensions that are kept likewise */
};

/*
 * Lay out the header cluster at @cluster (state->cluster_bytes, zeroed): fields, extensions, names
 * of features, the backing file's name. Sets header.backing_off and header.backing_bytes. Returns
 * 0, or -FMT_ENOSPC when it does not fit.
 */
int qcow2_header_layout(struct qcow2_state *state, const struct qcow2_header_texts *texts,
                        uint8_t *cluster);

/* ---- qcow2-header-update.c ---- */

/* Write the header cluster of an opened image anew, as its state and facts are now. Extensions and
 * fields that are not known stay. Returns 0 or a negative errno. */
int qcow2_header_update(struct fmt_image *image);

#endif
