# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of formats that the reference reads and cannot make, built by hand."""
import base64
import bz2
import struct
import zlib

SECTOR = 512
DMG_ZERO, DMG_RAW, DMG_IGNORE = 0, 1, 2
DMG_COMMENT, DMG_ZLIB, DMG_BZIP2, DMG_LZMA, DMG_LAST = (
    0x7ffffffe, 0x80000005, 0x80000006, 0x80000008, 0xffffffff)


def bochs(version=2):
    """A growing disk of 1 MiB with two of its extents there, in part."""
    disk, extent, bitmap = 1 << 20, 4096, 512
    stored = {0: b"A" * 512, 5: b"B" * 1000}
    header = struct.pack("<32s16s16sIIIII", b"Bochs Virtual HD Image", b"Redolog", b"Growing",
                         version << 16, SECTOR, disk // extent, bitmap, extent)
    header += struct.pack("<IQ", 0, disk) if version == 2 else struct.pack("<Q", disk)
    catalog = [0xffffffff] * (disk // extent)
    body = b""
    for place, (index, data) in enumerate(stored.items()):
        catalog[index] = place
        sectors = (len(data) + SECTOR - 1) // SECTOR
        body += bytes([(1 << sectors) - 1]).ljust(bitmap, b"\0") + data.ljust(extent, b"\0")
    return header.ljust(SECTOR, b"\0") + struct.pack(f"<{len(catalog)}I", *catalog) + body


def cloop():
    """Three blocks of 4 KiB."""
    script = (b"#!/bin/sh\n#V2.0 Format\n"
              b"modprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n")
    blocks = [zlib.compress(data) for data in (b"x" * 4096, bytes(4096), bytes(range(256)) * 16)]
    offsets = [136 + 8 * (len(blocks) + 1)]
    for block in blocks:
        offsets.append(offsets[-1] + len(block))
    return (script.ljust(128, b"\0") + struct.pack(">II", 4096, len(blocks)) +
            struct.pack(f">{len(offsets)}Q", *offsets) + b"".join(blocks))


def mish(chunks):
    """A block table."""
    head = struct.pack(">IIQQQI", 0x6d697368, 1, 0, 0, 0, 0).ljust(204, b"\0")
    return head + b"".join(struct.pack(">IIQQQQ", kind, 0, *place) for kind, *place in chunks)


def dmg(*more, fork=False):
    """Chunks of 4 KiB: zlib, bzip2, plain, zeroes, left out; and more."""
    data, chunks = b"", []
    for kind, coded in ((DMG_ZLIB, zlib.compress(b"Z" * 4096)), (DMG_BZIP2, bz2.compress(b"B" * 4096)),
                        (DMG_RAW, b"R" * 4096), (DMG_ZERO, b""), (DMG_IGNORE, b"")):
        chunks.append((kind, 8 * len(chunks), 8, len(data), len(coded)))
        data += coded
    chunks.append((DMG_COMMENT, 0, 0, 0, 0))
    chunks += more
    chunks.append((DMG_LAST, 40, 0, 0, 0))
    return dmg_of(chunks, data, 40, fork)


def dmg_of(chunks, data, sectors, fork=False):
    """Chunks and their data as an image of so many sectors."""
    table = mish(chunks)
    if fork:
        resource = struct.pack(">I", len(table)) + table
        tables = struct.pack(">IIII", 16, 16 + len(resource), len(resource), 0) + resource
    else:
        tables = (b'<?xml version="1.0"?>\n<plist><dict><key>blkx</key><array><dict>'
                  b"<key>Data</key><data>\n" + base64.encodebytes(table) +
                  b"</data></dict></array></dict></plist>\n")
    place = (len(data), len(tables))
    trailer = bytearray(b"koly".ljust(SECTOR, b"\0"))
    struct.pack_into(">QQ", trailer, 0x28 if fork else 0xd8, *place)
    struct.pack_into(">Q", trailer, 0x1ec, sectors)
    return data + tables + bytes(trailer)


KINDS = {
    "bochs": bochs,
    "bochs-v1": lambda: bochs(1),
    "cloop": cloop,
    "dmg": dmg,
    "dmg-fork": lambda: dmg(fork=True),
    "dmg-types": lambda: dmg((DMG_LZMA, 40, 8, 0, 10), (77, 48, 8, 0, 10)),
    "dmg-sectors": lambda: dmg((DMG_RAW, 40, (64 << 11) + 1, 0, 10)),
    "dmg-length": lambda: dmg((DMG_ZERO, 40, 1 << 40, 0, 0), (DMG_ZLIB, 48, 8, 0, (64 << 20) + 1)),
    "dmg-large-zero": lambda: dmg((DMG_ZERO, 40, 1 << 60, 0, 0)),
}


def write(kind, path):
    from . import hostile  # which is made of these
    with open(path, "wb") as file:
        file.write((KINDS | hostile.KINDS)[kind]())
