/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/*
 * Every error of formats/ and guest-ops/: FMT_ERROR(code, kind, text), one row each, in a file for
 * each format.
 *
 * kind: ERROR  a whole message, or the innermost part of one
 *       PREFIX context that a caller puts in front of the message so far
 *       HINT   a line printed behind the message
 * text: %s bytes, %u unsigned, %d signed, %x hexadecimal (with optional 0 and width: %08x; %#x puts
 *       0x in front), %e the text of an errno value, %% itself; arguments are taken in order. %r
 *       stands for the host's own account of the last failed OPEN.
 *
 * Codes are numbered in the order of the rows; nothing depends on the numbers but that guest and
 * host are built from the same list.
 * No include guards: included with different definitions of FMT_ERROR.
 */
#include "errors/common.h"
#include "errors/raw.h"
#include "errors/qcow2.h"
#include "errors/qcow.h"
#include "errors/qed.h"
#include "errors/vmdk.h"
#include "errors/vdi.h"
#include "errors/vpc.h"
#include "errors/vhdx.h"
#include "errors/parallels.h"
#include "errors/crypto.h"
#include "errors/bochs.h"
#include "errors/cloop.h"
#include "errors/dmg.h"
#include "errors/guest-ops.h"
