# SPDX-License-Identifier: GPL-2.0-or-later
"""VHD: dynamic and differencing images (Virtual Hard Disk Image Format Specification 1.0).

block=BYTES; parent=FILE: a child of that image, whose sectors' bitmaps say what is its own; locator=KIND...: how it names
the parent, W2ru, W2ku (absolute), or name alone; foreign=1: the parent's path as another system writes it.
"""
import hashlib
import os
import struct

from . import SECTOR, pieces, put, under
from .. import disks, seal

NOWHERE = 0xffffffff
DYNAMIC, DIFFERENCING = 3, 4
HEADER_OFF, BAT_OFF = SECTOR, 1536
TIME = 700000000


def identity(name):
    return hashlib.md5(name.encode()).digest()


def footer(name, size, kind):
    # Creator "win " with this geometry: the current size counts.
    return struct.pack(">8sIIQI4sI4sQQHBBII16sB", b"conectix", 2, 0x10000, HEADER_OFF, TIME, b"win ", 0x50003, b"Wi2k",
                       size, size, 0xffff, 16, 255, kind, 0, identity(name), 0).ljust(SECTOR, b"\0")


def locators(folder, parent, kinds, foreign):
    """[(code, text)]"""
    names = {"W2ru": (".\\" + parent) if foreign else "./" + parent, "W2ku": os.path.join(folder, parent)}
    return [(kind.encode(), names[kind].encode("utf-16-le")) for kind in kinds if kind != "name"]


def header(block, entries, parent, places):
    head = struct.pack(">8sQQIIII16sI4x", b"cxsparse", (1 << 64) - 1, BAT_OFF, 0x10000, entries, block, 0,
                       identity(parent) if parent else bytes(16), TIME if parent else 0)
    head += parent.encode("utf-16-be").ljust(512, b"\0")
    for code, offset, length in places:
        head += struct.pack(">4sIIIQ", code, SECTOR, length, 0, offset)
    return head.ljust(1024, b"\0")


def bitmap(bits, length):
    data = bytearray(length)
    for sector, bit in enumerate(bits):
        data[sector // 8] |= bit << (7 - sector % 8)
    return bytes(data)


def build(folder, name, disk, options):
    block = disks.number(options.pop("block", "2M"))
    parent = options.pop("parent", "")
    kinds = options.pop("locator", "W2ru,W2ku").split(",")
    foreign = options.pop("foreign", "") != ""
    differs = under(disk)[1] if parent else None
    entries = -(-len(disk) // block)
    bitmap_bytes = -(-block // SECTOR // 8 // SECTOR) * SECTOR
    texts = locators(folder, parent, kinds, foreign) if parent else []
    at = BAT_OFF + -(-entries * 4 // SECTOR) * SECTOR
    places, tail = [], b""
    for code, text in texts:
        places.append((code, at + len(tail), len(text)))
        tail += text.ljust(-(-len(text) // SECTOR) * SECTOR, b"\0")
    bat, body = [], b""
    for index, data in pieces(disk, block):
        sectors = block // SECTOR
        bits = differs[index * sectors:(index + 1) * sectors] if parent else [any(data)] * sectors
        if not any(bits):
            bat.append(NOWHERE)
            continue
        bat.append((at + len(tail) + len(body)) // SECTOR)
        # What is the parent's must not be looked at here.
        own = b"".join(data[i * SECTOR:(i + 1) * SECTOR] if bit else b"\xee" * SECTOR for i, bit in enumerate(bits))
        body += bitmap(bits, bitmap_bytes) + own.ljust(block, b"\xee")
    foot = footer(name, len(disk), DIFFERENCING if parent else DYNAMIC)
    table = struct.pack(f">{entries}I", *bat).ljust(at - BAT_OFF, b"\xff")
    image = bytearray(foot + header(block, entries, parent, places) + table + tail + body + foot)
    seal.vpc(image)
    put(folder, name, image)
