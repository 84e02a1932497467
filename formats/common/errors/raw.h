/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* raw, and nodes of several files (blkverify, quorum); see ../error-list.h. */
FMT_ERROR(RAW_OFFSET_TOO_LARGE, ERROR, "Offset (%u) cannot be greater than size of the containing file (%d)")
FMT_ERROR(RAW_WINDOW_TOO_LARGE, ERROR, "The sum of offset (%u) and size (%u) has to be smaller or equal to the  actual size of the containing file (%d)")
FMT_ERROR(RAW_SIZE_UNALIGNED, ERROR, "Specified size is not multiple of %u")
FMT_ERROR(BLKVERIFY_MISMATCH, ERROR, "blkverify: read offset=%u bytes=%u contents mismatch at offset %u")
FMT_ERROR(QUORUM_CHILDREN, ERROR, "A quorum of more than %u children is not supported")
