/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* DMG; see ../error-list.h. */
FMT_ERROR(DMG_FILE_SIZE, ERROR, "Failed to get file size while reading UDIF trailer: %e")
FMT_ERROR(DMG_TOO_SMALL, ERROR, "dmg file must be at least 512 bytes long")
FMT_ERROR(DMG_READ_TRAILER, ERROR, "Failed while reading UDIF trailer: %e")
FMT_ERROR(DMG_NO_TRAILER, ERROR, "Could not locate UDIF trailer in dmg file")
FMT_ERROR(DMG_SECTORS, ERROR, "sector count %u for chunk %u is larger than max (%u)")
FMT_ERROR(DMG_LENGTH, ERROR, "length %u for chunk %u is larger than max (%u)")
FMT_ERROR(DMG_CHUNK_TYPE, ERROR, "Image contains chunks of unknown type %x, accessing them will result in I/O errors")
