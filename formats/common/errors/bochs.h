/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* Bochs; see ../error-list.h. */
FMT_ERROR(BOCHS_MAGIC, ERROR, "Image not in Bochs format")
FMT_ERROR(BOCHS_CATALOG_LARGE, ERROR, "Catalog size is too large")
FMT_ERROR(BOCHS_CATALOG_SMALL, ERROR, "Catalog size is too small for this disk size")
FMT_ERROR(BOCHS_EXTENT_SMALL, ERROR, "Extent size must be at least 512")
FMT_ERROR(BOCHS_EXTENT_POWER, ERROR, "Extent size %u is not a power of two")
FMT_ERROR(BOCHS_EXTENT_LARGE, ERROR, "Extent size %u is too large")
