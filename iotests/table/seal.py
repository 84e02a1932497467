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
