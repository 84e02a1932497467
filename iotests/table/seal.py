# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes checksums right again after a field was changed: VHD and VHDX."""
import functools
import struct

CRC32C = 0x82f63b78
VHDX_PARTS = ((64 << 10, 4 << 10), (128 << 10, 4 << 10), (192 << 10, 64 << 10), (256 << 10, 64 << 10))


@functools.lru_cache(maxsize=None)
def crc_row(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (CRC32C if byte & 1 else 0)
    return byte


@functools.lru_cache(maxsize=64)
def crc32c(data):
    rows = [crc_row(byte) for byte in range(256)]
    crc = 0xffffffff
    for byte in data:
        crc = rows[(crc ^ byte) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


def vhdx(data):
    for offset, length in VHDX_PARTS:
        struct.pack_into("<I", data, offset + 4, 0)
        struct.pack_into("<I", data, offset + 4, crc32c(bytes(data[offset:offset + length])))


def sum_seal(data, offset, length, place):
    struct.pack_into(">I", data, offset + place, 0)
    total = sum(data[offset:offset + length])
    struct.pack_into(">I", data, offset + place, ~total & 0xffffffff)


def vpc(data):
    sum_seal(data, 0, 512, 64)
    sum_seal(data, 512, 1024, 36)
    sum_seal(data, len(data) - 512, 512, 64)


HEAD_BYTES = 320 << 10
KINDS = {"vhdx": (vhdx, HEAD_BYTES), "vpc": (vpc, None)}


def seal(kind, path):
    change, length = KINDS[kind]
    with open(path, "r+b") as file:
        data = bytearray(file.read() if length is None else file.read(length))
        change(data)
        file.seek(0)
        file.write(data)


VHDX_LOG_OFF, VHDX_SECTOR = 1 << 20, 4 << 10
VHDX_HEADERS = (64 << 10, 128 << 10)
VHDX_BAT_OFF = 2 << 20


def vhdx_log(path, fault=""):
    """Gives an image whose log is empty a log of one entry, which would write to the block table.

    fault: what is wrong with it: crc, sequence, guid, length, descriptor, data, tail.
    """
    guid = bytes(range(16))
    data = b"\xaa" * (VHDX_SECTOR - 12)
    sequence = 7
    descriptor = struct.pack("<4s4s8sQQ", b"desc" if fault != "descriptor" else b"none", b"\0" * 4, b"\0" * 8,
                             VHDX_BAT_OFF, sequence)
    length = 2 * VHDX_SECTOR if fault != "length" else 2 * VHDX_SECTOR + 1
    size = 8 << 20
    head = struct.pack("<4sIIIQII16sQQ", b"loge", 0, length, VHDX_SECTOR if fault == "tail" else 0, sequence, 1, 0,
                       guid, size, size)
    sector = struct.pack("<4sI", b"data" if fault != "data" else b"none", 0) + data + struct.pack(
        "<I", sequence if fault != "sequence" else sequence + 1)
    entry = bytearray((head + descriptor).ljust(VHDX_SECTOR, b"\0") + sector)
    if fault != "crc":
        struct.pack_into("<I", entry, 4, crc32c(bytes(entry)))
    with open(path, "r+b") as file:
        file.seek(VHDX_LOG_OFF)
        file.write(entry)
        for offset in VHDX_HEADERS:
            file.seek(offset + 48)
            file.write(guid if fault != "guid" else guid[::-1])
    seal("vhdx", path)
