/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* cloop; see ../error-list.h. */
FMT_ERROR(CLOOP_BLOCK_UNALIGNED, ERROR, "block_size %u must be a multiple of 512")
FMT_ERROR(CLOOP_BLOCK_ZERO, ERROR, "block_size cannot be zero")
FMT_ERROR(CLOOP_BLOCK_LARGE, ERROR, "block_size %u must be %u MB or less")
FMT_ERROR(CLOOP_BLOCKS, ERROR, "n_blocks %u must be %u or less")
FMT_ERROR(CLOOP_TABLE, ERROR, "Could not allocate offsets table")
FMT_ERROR(CLOOP_TOO_MANY, ERROR, "image requires too many offsets, try increasing block size")
FMT_ERROR(CLOOP_ORDER, ERROR, "offsets not monotonically increasing at index %u, image file is corrupt")
FMT_ERROR(CLOOP_LENGTH, ERROR, "invalid compressed block size at index %u, image file is corrupt")
