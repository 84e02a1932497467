# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that mean harm: streams that grow without end, tables that lead to themselves, sizes at the edge of 63 bits."""
import struct
import zlib

from . import pack

COPIED, COMPRESSED = 1 << 63, 1 << 62
SIZE_MAX = (1 << 63) - 512


def qcow2(size, bits, l2, clusters, kind=0, l1=None, l1_entries=None):
    """Header, L1 and L2 table in clusters 0 to 2, then what is given; no refcounts. @l2: entry for each cluster, by its number."""
    cluster = 1 << bits
    per_table = cluster // 8
    tables = -(-size // (cluster * per_table))
    l1_entries = l1_entries or tables
    header = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, bits, size, 0, l1_entries, cluster, 0, 0, 0, 0,
                         8 if kind else 0, 0, 0, 4, 112) + bytes([kind]) + bytes(7)
    table = struct.pack(f">{per_table}Q", *(l2(index) for index in range(per_table)))
    first = struct.pack(">Q", 2 * cluster | COPIED) if l1 is None else l1
    return header.ljust(cluster, b"\0") + first.ljust(-(-len(first) // cluster) * cluster, b"\0") + table + clusters


def overlay(path, below):
    """An empty qcow2 image of 1 MiB over that file, or over none."""
    name = below.encode()
    names_at = 512
    header = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, names_at if name else 0, len(name), 16, 1 << 20, 0, 1, 3 << 16,
                         1 << 16, 1, 0, 0, 0, 0, 0, 4, 104)
    header += struct.pack(">II8s", 0xe2792aca, 5, b"qcow2") if name else b""
    with open(path, "wb") as file:
        file.write(header.ljust(names_at, b"\0") + name)
        for place, data in ((1 << 16, struct.pack(">Q", 2 << 16)), (2 << 16, struct.pack(">5H", 1, 1, 1, 1, 1)),
                            (3 << 16, struct.pack(">Q", 4 << 16 | COPIED))):
            file.seek(place)
            file.write(data)
        file.truncate(5 << 16)


def deflated(data):
    coder = zlib.compressobj(9, zlib.DEFLATED, -12)
    return coder.compress(data) + coder.flush()


def zstd_run(length):
    """A frame of blocks of 128 KiB that repeat one byte."""
    frame = struct.pack("<IBB", 0xfd2fb528, 0, 0x38)
    while length > 0:
        piece = min(length, 128 << 10)
        length -= piece
        frame += struct.pack("<I", piece << 3 | 1 << 1 | (length == 0))[:3] + b"\0"
    return frame


def coded_entry(bits, offset, length):
    """The L2 entry of a compressed cluster at the offset."""
    shift = 62 - (bits - 8)
    sectors = (offset % 512 + length - 1) // 512
    return COMPRESSED | sectors << shift | offset


def qcow2_coded(bits, clusters, stream, kind=0):
    """All clusters are one compressed one."""
    entry = coded_entry(bits, 3 << bits, len(stream))
    return qcow2(clusters << bits, bits, lambda index: entry if index < clusters else 0, stream.ljust(1 << bits, b"\0"), kind)


def stream_vmdk(expanded):
    """A streamOptimized image of 64 KiB whose one grain becomes that many bytes."""
    grain = zlib.compress(bytes(expanded), 9)
    head = struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", 3, 0x30001, 128, 128, 0, 0, 512, 0, 1, 128, 0, b"\n \r\n", 1)
    body = struct.pack("<I", 2).ljust(512, b"\0") + struct.pack("<I", 128).ljust(2048, b"\0")
    data = struct.pack("<QI", 0, len(grain)) + grain
    return head.ljust(512, b"\0") + body.ljust(127 * 512, b"\0") + data.ljust(-(-len(data) // 512) * 512, b"\0")


def dmg(chunk, data):
    """One chunk, then the disk's end."""
    kind, first, sectors, offset, _ = chunk
    return pack.dmg_of([(kind, first, sectors, offset, len(data))], data, sectors)


def cloop(block, blocks, coded):
    """All blocks are one."""
    at = 136 + 8 * (blocks + 1)
    offsets = [at + len(coded) * index for index in range(blocks + 1)]
    return (b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n".ljust(128, b"\0") +
            struct.pack(">II", block, blocks) + struct.pack(f">{blocks + 1}Q", *offsets) + coded * blocks)


def qcow2_tables(l1=None, l2=lambda index: 0, size=16 << 20, **more):
    return qcow2(size, 16, l2, bytes(1 << 16), l1=l1, **more)


def vhd(size, entries, bat):
    from .builders import vhd as made  # pylint: disable=import-outside-toplevel
    foot = made.footer("hostile", size, made.DYNAMIC)
    image = bytearray(foot + made.header(2 << 20, entries, "", []) + bat + foot)
    from . import seal  # pylint: disable=import-outside-toplevel
    seal.vpc(image)
    return bytes(image)


ZEROES_16 = deflated(bytes(1 << 16))
BOMB = bytes(64 << 20)
KINDS = {
    "bomb-qcow2-same": lambda: qcow2_coded(21, 128, deflated(bytes(2 << 20))),
    "bomb-qcow2-same-zstd": lambda: qcow2_coded(21, 128, zstd_run(2 << 20), 1),
    "bomb-qcow2-zlib": lambda: qcow2_coded(16, 64, deflated(BOMB)),
    "bomb-qcow2-zstd": lambda: qcow2_coded(16, 64, zstd_run(1 << 30), 1),
    "bomb-qcow2-short": lambda: qcow2_coded(16, 64, deflated(bytes(60000))),
    "bomb-qcow2-short-zstd": lambda: qcow2_coded(16, 64, zstd_run(60000), 1),
    "bomb-qcow2-cut": lambda: qcow2_coded(16, 64, deflated(bytes(range(256)) * 256)[:-40]),
    "bomb-vmdk": lambda: stream_vmdk(64 << 20),
    "bomb-vmdk-short": lambda: stream_vmdk(60000),
    "bomb-dmg-zlib": lambda: dmg((pack.DMG_ZLIB, 0, 8, 0, 0), zlib.compress(BOMB)),
    "bomb-dmg-bzip2": lambda: dmg((pack.DMG_BZIP2, 0, 8, 0, 0), pack.bz2.compress(BOMB)),
    "bomb-dmg-short": lambda: dmg((pack.DMG_ZLIB, 0, 8, 0, 0), zlib.compress(bytes(4000))),
    "bomb-dmg-sectors": lambda: dmg((pack.DMG_ZLIB, 0, 64 << 11, 0, 0), zlib.compress(BOMB)),
    "bomb-cloop": lambda: cloop(1 << 12, 16, zlib.compress(BOMB)),
    "bomb-cloop-short": lambda: cloop(1 << 12, 16, zlib.compress(bytes(4000))),
    "bomb-cloop-block": lambda: cloop(64 << 20, 4, zlib.compress(BOMB)),
    # The L1 table as an L2 table, L2 tables that lead to each other, clusters that are tables.
    "loop-l1": lambda: qcow2_tables(struct.pack(">Q", 1 << 16 | COPIED)),
    "loop-l2": lambda: qcow2_tables(l2=lambda index: 2 << 16 | COPIED),
    "loop-header": lambda: qcow2_tables(l2=lambda index: COPIED),
    "loop-l1-many": lambda: qcow2_tables(struct.pack(">Q", 2 << 16 | COPIED) * 8192, lambda index: 3 << 16 | COPIED,
                                         4 << 40, l1_entries=8192),
    "huge-qcow2": lambda: qcow2(SIZE_MAX, 21, lambda index: 0, b"", l1=bytes(8), l1_entries=(1 << 22) - 1),
    "huge-qcow2-l1": lambda: qcow2(1 << 61, 21, lambda index: 0, b"", l1=bytes(4 << 20), l1_entries=4 << 20),
    "huge-vhd": lambda: vhd(2040 << 30, 2040 << 9, b"\xff" * 512),
}
