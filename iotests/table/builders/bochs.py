# SPDX-License-Identifier: GPL-2.0-or-later
"""Bochs: growing disks. version=1 or 2; extent=BYTES; extents lie in mixed order, each with a bitmap of its sectors."""
import random
import struct

from . import SECTOR, pieces, put
from .. import disks

NOWHERE = 0xffffffff


def build(folder, name, disk, options):
    version, extent = int(options.pop("version", "2")), disks.number(options.pop("extent", "64K"))
    bitmap_bytes = -(-extent // SECTOR // 8 // SECTOR) * SECTOR
    order = [(index, data) for index, data in pieces(disk, extent) if any(data)]
    random.Random(3).shuffle(order)
    entries = -(-len(disk) // extent)
    catalog, body = [NOWHERE] * entries, b""
    for place, (index, data) in enumerate(order):
        catalog[index] = place
        sectors = [data[at:at + SECTOR] for at in range(0, extent, SECTOR)]
        bitmap = bytearray(bitmap_bytes)
        for number, sector in enumerate(sectors):
            bitmap[number // 8] |= any(sector) << number % 8
        # What the bitmap does not have must not be looked at.
        body += bytes(bitmap) + b"".join(sector if any(sector) else b"\xee" * SECTOR for sector in sectors)
    head = struct.pack("<32s16s16sIIIII", b"Bochs Virtual HD Image", b"Redolog", b"Growing", version << 16, SECTOR, entries,
                       bitmap_bytes, extent)
    head += struct.pack("<IQ", 0, len(disk)) if version == 2 else struct.pack("<Q", len(disk))
    put(folder, name, head.ljust(SECTOR, b"\0") + struct.pack(f"<{entries}I", *catalog) + body)
