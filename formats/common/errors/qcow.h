/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* qcow; see ../error-list.h. */
FMT_ERROR(QCOW_MAGIC, ERROR, "Image not in qcow format")
FMT_ERROR(QCOW_VERSION, ERROR, "qcow (v1) does not support qcow version %u")
FMT_ERROR(QCOW_TRY_QCOW2, HINT, "Try the 'qcow2' driver instead.")
FMT_ERROR(QCOW_TOO_SMALL, ERROR, "Image size is too small (must be at least 2 bytes)")
FMT_ERROR(QCOW_CLUSTER_SIZE, ERROR, "Cluster size must be between 512 and 64k")
FMT_ERROR(QCOW_TABLE_SIZE, ERROR, "L2 table size must be between 512 and 64k")
FMT_ERROR(QCOW_OTHER_ENCRYPTION, ERROR, "Header reported 'aes' encryption format but options specify '%s'")
FMT_ERROR(QCOW_ENCRYPTION_METHOD, ERROR, "invalid encryption method in qcow header")
FMT_ERROR(QCOW_NO_ENCRYPTION, ERROR, "No encryption in image header, but options specified format '%s'")
FMT_ERROR(QCOW_TOO_LARGE, ERROR, "Image too large")
FMT_ERROR(QCOW_BACKING_TOO_LONG, ERROR, "Backing file name too long")
FMT_ERROR(QCOW_ZERO_SIZE, ERROR, "Image size is too small, cannot be zero length")
FMT_ERROR(QCOW_CREATE_ENCRYPTION, ERROR, "Unsupported encryption format")
