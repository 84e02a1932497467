# SPDX-License-Identifier: GPL-2.0-or-later
"""Where images carry ids and times that differ from one run to the next, as (offset, length)."""
import os
import struct

PAGE83 = bytes.fromhex("ab12cabee6b22345" "93efc309e000c746")  # GUID of VHDX's item for the disk's id
METADATA = bytes.fromhex("06a27c8b904ae74bb8fe575f050f886e")[:4]


def unpack(layout, file):
    """Fields at the file's position; zeroes past its end."""
    size = struct.calcsize(layout)
    return struct.unpack(layout, file.read(size).ljust(size, b"\0"))


def vdi_places(_file, _size):
    return [(0x188, 32)]


def vpc_places(file, size):
    """Time, checksum and id of the footer, and of its copy where there is one."""
    file.seek(0)
    starts = [0] if file.read(8) == b"conectix" else []
    return [(start + offset, length) for start in starts + [size - 512]
            for offset, length in ((24, 4), (64, 20))]


def vhdx_places(file, _size):
    """Both headers from checksum to ids, the log of an image that does not need it any more, and
    the disk's id in the metadata."""
    places = [(0x10000 + 4, 44), (0x20000 + 4, 44)]
    for start in (0x10000, 0x20000):
        file.seek(start + 48)
        log_id, length, offset = unpack("<16s4xIQ", file)
        if log_id == bytes(16):
            places.append((offset, length))
    file.seek(0x30000 + 16)
    for _ in range(2):
        guid, offset = unpack("<16sQ8x", file)
        if guid[:4] == METADATA:
            places += metadata_places(file, offset)
    return places


def metadata_places(file, start):
    file.seek(start)
    count, = unpack("<10xH", file)
    file.seek(start + 32)
    for _ in range(count):
        guid, offset, length = unpack("<16sII8x", file)
        if guid == PAGE83:
            return [(start + offset, length)]
    return []


def places(path):
    """By what the file begins or ends with; none for other files."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(0x44)
        file.seek(max(size - 512, 0))
        tail = file.read(8)
        if head[:8] == b"vhdxfile":
            return vhdx_places(file, size)
        if head[0x40:] == b"\x7f\x10\xda\xbe":
            return vdi_places(file, size)
        return vpc_places(file, size) if tail == b"conectix" else []
