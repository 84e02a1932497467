/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: checking, as far as the reference does: to the first table entry that leads nowhere. */
#include "vmdk.h"

static void finding(struct fmt_check *check, enum fmt_error_code code, uint64_t sector)
{
    check->corruptions++;
    check->finding(check->finding_ctx, code, FMT_ARGS(FMT_NUM(sector)));
}

static int sparse_check(struct fmt_image *image, const struct vmdk_extent *extent,
                        uint64_t file_bytes, struct fmt_check *check)
{
    uint64_t bytes = extent->sectors * FMT_SECTOR_BYTES, at = 0;

    while (at < bytes) {
        struct vmdk_cluster cluster;
        uint64_t sector = extent->start_sector + at / FMT_SECTOR_BYTES;
        if (vmdk_cluster_find(image, extent, at, &cluster) < 0) {
            finding(check, FMT_ERR_VMDK_CHECK_TABLES, sector);
            return -FMT_EPERM; /* the reference's own */
        }
        if (cluster.found == VMDK_ALLOCATED && cluster.offset >= file_bytes) {
            finding(check, FMT_ERR_VMDK_CHECK_END, sector);
            return -FMT_EINVAL;
        }
        at += cluster.length;
    }
    return 0;
}

static int extent_check(struct fmt_image *image, const struct vmdk_extent *extent,
                        struct fmt_check *check)
{
    uint64_t file_bytes;

    if (extent->kind == VMDK_ZERO || extent->kind == VMDK_NOACCESS || extent->sectors == 0)
        return 0;
    int r = io_sector_bytes(image->env, extent->device, &file_bytes);
    if (r < 0) {
        finding(check, FMT_ERR_VMDK_CHECK_LENGTH, extent->start_sector);
        return r;
    }
    if (extent->kind != VMDK_FLAT)
        return sparse_check(image, extent, file_bytes, check);
    if (extent->flat_off < file_bytes)
        return 0;
    finding(check, FMT_ERR_VMDK_CHECK_END, extent->start_sector);
    return -FMT_EINVAL;
}

int vmdk_check(struct fmt_image *image, struct fmt_check *check, unsigned fix)
{
    struct vmdk_state *state = image->state;
    int r = fix ? -FMT_ENOTSUP : 0;

    for (uint32_t i = 0; r == 0 && i < state->extents; i++)
        r = extent_check(image, &state->extent[i], check);
    return r;
}
