/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of drivers. Order matters only between equal probe scores: the first one wins. */
#include "image.h"

extern const struct fmt_driver fmt_raw_driver;
extern const struct fmt_driver fmt_bochs_driver;
extern const struct fmt_driver fmt_cloop_driver;
extern const struct fmt_driver fmt_dmg_driver;
extern const struct fmt_driver fmt_blkdebug_driver;
extern const struct fmt_driver fmt_blklogwrites_driver;
extern const struct fmt_driver fmt_blkverify_driver;
extern const struct fmt_driver fmt_replication_driver;
extern const struct fmt_driver fmt_snapshot_access_driver;
extern const struct fmt_driver fmt_quorum_driver;
extern const struct fmt_driver fmt_compress_driver;
extern const struct fmt_driver fmt_file_driver;
extern const struct fmt_driver fmt_host_cdrom_driver;
extern const struct fmt_driver fmt_host_device_driver;
extern const struct fmt_driver fmt_null_aio_driver;
extern const struct fmt_driver fmt_null_co_driver;
extern const struct fmt_driver fmt_preallocate_driver;
extern const struct fmt_driver fmt_throttle_driver;
extern const struct fmt_driver fmt_luks_driver;
extern const struct fmt_driver fmt_parallels_driver;
extern const struct fmt_driver fmt_qcow_driver;
extern const struct fmt_driver fmt_qcow2_driver;
extern const struct fmt_driver fmt_qed_driver;
extern const struct fmt_driver fmt_vdi_driver;
extern const struct fmt_driver fmt_vhdx_driver;
extern const struct fmt_driver fmt_vmdk_driver;
extern const struct fmt_driver fmt_vpc_driver;

/* One a line, so that two people can add one each. */
/* clang-format off */
const struct fmt_driver *const fmt_drivers[] = {
    &fmt_raw_driver,
    &fmt_bochs_driver,
    &fmt_dmg_driver, /* before cloop: both may be as little sure */
    &fmt_cloop_driver,
    &fmt_luks_driver,
    &fmt_parallels_driver,
    &fmt_qcow_driver,
    &fmt_qcow2_driver,
    &fmt_qed_driver,
    &fmt_vdi_driver,
    &fmt_vhdx_driver,
    &fmt_vmdk_driver,
    &fmt_vpc_driver,
    &fmt_blkdebug_driver,
    &fmt_blklogwrites_driver,
    &fmt_blkverify_driver,
    &fmt_compress_driver,
    &fmt_file_driver,
    &fmt_host_cdrom_driver,
    &fmt_host_device_driver,
    &fmt_null_aio_driver,
    &fmt_null_co_driver,
    &fmt_preallocate_driver,
    &fmt_quorum_driver,
    &fmt_replication_driver,
    &fmt_snapshot_access_driver,
    &fmt_throttle_driver,
    NULL,
};
/* clang-format on */
