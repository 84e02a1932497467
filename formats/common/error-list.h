/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/*
 * Every error of formats/ and guest-ops/: FMT_ERROR(code, kind, text), one row each.
 *
 * kind: ERROR  a whole message, or the innermost part of one
 *       PREFIX context that a caller puts in front of the message so far
 *       HINT   a line printed behind the message
 * text: %s bytes, %u unsigned, %d signed, %x hexadecimal (with optional 0 and width: %08x), %e
 *       the text of an errno value, %% itself; arguments are taken in order. %r stands for the
 *       host's own account of the last failed OPEN. Rows of a format stay together; new rows go
 *       to the end of their group: nothing depends on the numbers, which are not stable.
 *
 * No include guard: included with different definitions of FMT_ERROR.
 */
/* common */
FMT_ERROR(NOMEM, ERROR, "Cannot allocate memory")
FMT_ERROR(IO, ERROR, "%e")
FMT_ERROR(REFERENCE, ERROR, "%r")
FMT_ERROR(UNKNOWN_DRIVER, ERROR, "Unknown driver '%s'")
FMT_ERROR(NOT_SUPPORTED, ERROR, "Operation not supported")
FMT_ERROR(JOB, ERROR, "the job is not understood")
FMT_ERROR(COULD_NOT_OPEN, PREFIX, "Could not open '%s': ")
FMT_ERROR(IMAGE_READ_FOR_PROBE, ERROR, "Could not read image for determining its format: %e")
FMT_ERROR(BACKING_OPEN, PREFIX, "Could not open backing file: ")
FMT_ERROR(BACKING_DETERMINE_SIZE, ERROR, "Could not get size of '%s'")
FMT_ERROR(BAD_ENUM, ERROR, "Parameter '%s' does not accept value '%s'")
FMT_ERROR(RESIZE_FILE, ERROR, "Could not resize file: %e")
/* raw */
FMT_ERROR(RAW_OFFSET_TOO_LARGE, ERROR, "Offset (%u) cannot be greater than size of the containing file (%d)")
FMT_ERROR(RAW_WINDOW_TOO_LARGE, ERROR, "The sum of offset (%u) and size (%u) has to be smaller or equal to the  actual size of the containing file (%d)")
FMT_ERROR(RAW_SIZE_UNALIGNED, ERROR, "Specified size is not multiple of %u")
/* qcow2 */
/* qcow */
/* qed */
/* vmdk */
/* vdi */
/* vpc */
/* vhdx */
/* parallels */
/* luks and other encryption */
/* bochs, cloop, dmg */
/* guest-ops */
FMT_ERROR(CHAIN_TOO_DEEP, ERROR, "Backing chain has more than %u images")
