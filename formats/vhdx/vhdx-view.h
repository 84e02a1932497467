/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX: the file as it is once its log has been replayed, without a change to it.
 *
 * What is kept is where in the log each changed sector lies. The driver reads all metadata, and
 * what vhdx_map() calls CODED, by the view's environment instead of the image's own; data that the
 * log does not change stays where it lies.
 */
#ifndef FORMATS_VHDX_VHDX_VIEW_H
#define FORMATS_VHDX_VHDX_VIEW_H

#include "vhdx-log.h"

enum {
    /* Larger logs are not replayed in memory; those of Hyper-V have 1 MiB. */
    VHDX_VIEW_LOG_BYTES_MAX = 64 << 20,
    VHDX_VIEW_CHANGES_MAX = 64 << 10,
};

struct vhdx_view;

/*
 * Make the view of what @sequence changes, in memory that stays; @log becomes part of it. From then
 * on state->view and state->env are set. The sequence has at most VHDX_VIEW_CHANGES_MAX
 * descriptors. Returns 0 or a negative errno.
 */
int vhdx_view_make(struct vhdx_log *log, const struct vhdx_log_sequence *sequence);
/* What a DATA extent of the file is in the view, as far as that is one thing: maybe shorter, and
 * maybe CODED, to be read by the view's environment, or ZERO. */
void vhdx_view_extent(const struct vhdx_view *view, struct fmt_extent *extent);

#endif
