# SPDX-License-Identifier: GPL-2.0-or-later
"""cloop: version 2. block=BYTES; level=0 to 9."""
import struct
import zlib

from . import pieces, put
from .. import disks

SCRIPT = b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n"


def build(folder, name, disk, options):
    block, level = disks.number(options.pop("block", "64K")), int(options.pop("level", "6"))
    blocks = [zlib.compress(data, level) for _, data in pieces(disk, block)]
    offsets = [136 + 8 * (len(blocks) + 1)]
    for data in blocks:
        offsets.append(offsets[-1] + len(data))
    put(folder, name, SCRIPT.ljust(128, b"\0") + struct.pack(">II", block, len(blocks)) +
        struct.pack(f">{len(offsets)}Q", *offsets) + b"".join(blocks))
