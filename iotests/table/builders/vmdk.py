# SPDX-License-Identifier: GPL-2.0-or-later
"""VMDK: a descriptor with extents of all kinds (Virtual Disk Format 5.0; COWD and SESPARSE as ESX writes them).

extents=KIND[:BYTES[:ACCESS]],...: flat, sparse, zeroed (grains that are known to be zero), cowd, sesparse, zero; the last one takes
what is left. stream=1: one streamOptimized image instead, its tables behind the data, found by the footer; its grains in
mixed order. grain=SECTORS; shift=SECTORS where the data of flat extents begins.
"""
import random
import struct
import zlib

from . import SECTOR, pieces, put
from .. import disks

ENTRIES = 512
FLAG_NEWLINE, FLAG_ZEROED, FLAG_COMPRESSED, FLAG_MARKERS = 1, 4, 1 << 16, 1 << 17
MARK_TABLE, MARK_DIRECTORY, MARK_FOOTER = 1, 2, 3
IN_FOOTER = (1 << 64) - 1
COWD_TABLE, SE_TABLE_SECTORS, SE_GRAIN = 4096, 64, 8
SE_ALLOCATED, SE_ZERO, SE_UNMAPPED = 3, 2, 1


def sectors(length):
    return -(-length // SECTOR)


def padded(data):
    return data.ljust(sectors(len(data)) * SECTOR, b"\0")


def hosted_header(disk, grain, version, flags, directory, data, descriptor=(0, 0), compression=0):
    return struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", version, flags, sectors(len(disk)), grain, *descriptor, ENTRIES, 0,
                       directory, data, 0, b"\n \r\n", compression).ljust(SECTOR, b"\0")


def hosted(disk, grain, zeroed):
    """Grains in mixed order; those of zeroes are left out, or marked."""
    table_bytes = grain * SECTOR * ENTRIES
    tables = -(-len(disk) // table_bytes)
    directory_at, tables_at = 1, 1 + sectors(4 * tables)
    data_at = tables_at + tables * ENTRIES * 4 // SECTOR
    entries, body = [0] * (tables * ENTRIES), b""
    order = list(pieces(disk, grain * SECTOR))
    random.Random(1).shuffle(order)
    for index, data in order:
        if any(data):
            entries[index] = data_at + len(body) // SECTOR
            body += data
        elif zeroed:
            entries[index] = 1
    directory = [tables_at + i * ENTRIES * 4 // SECTOR for i in range(tables)]
    head = hosted_header(disk, grain, 2 if zeroed else 1, FLAG_NEWLINE | (FLAG_ZEROED if zeroed else 0), directory_at, data_at)
    return head + padded(struct.pack(f"<{tables}I", *directory)) + struct.pack(f"<{len(entries)}I", *entries) + body


def cowd(disk, grain):
    table_bytes = grain * SECTOR * COWD_TABLE
    tables = -(-len(disk) // table_bytes)
    data_at = 4 + sectors(4 * tables) + tables * COWD_TABLE * 4 // SECTOR
    entries, body = [0] * (tables * COWD_TABLE), b""
    for index, data in pieces(disk, grain * SECTOR):
        if any(data):
            entries[index] = data_at + len(body) // SECTOR
            body += data
    directory = [4 + sectors(4 * tables) + i * COWD_TABLE * 4 // SECTOR for i in range(tables)]
    head = struct.pack("<4s7I", b"COWD", 1, 3, sectors(len(disk)), grain, 4, tables, data_at + len(body) // SECTOR)
    return head.ljust(4 * SECTOR, b"\0") + padded(struct.pack(f"<{tables}I", *directory)) + \
        struct.pack(f"<{len(entries)}I", *entries) + body


def se_entry(kind, number):
    return kind << 60 | (number & 0xfff) << 48 | number >> 12


def sesparse(disk, _grain):
    per_table = SE_TABLE_SECTORS * SECTOR // 8
    tables = -(-len(disk) // (per_table * SE_GRAIN * SECTOR))
    directory_at = 8
    directory_sectors = sectors(8 * tables)
    tables_at = directory_at + directory_sectors
    grains_at = tables_at + tables * SE_TABLE_SECTORS
    entries, body, kinds = [0] * (tables * per_table), b"", (0, SE_ZERO, SE_UNMAPPED)
    for index, data in pieces(disk, SE_GRAIN * SECTOR):
        if any(data):
            entries[index] = se_entry(SE_ALLOCATED, len(body) // SECTOR // SE_GRAIN)
            body += data
        else:
            entries[index] = se_entry(kinds[index % len(kinds)], 0)
    head = [0] * 26
    for field, value in ((0, 0xcafebabe), (1, 0x200000001), (2, sectors(len(disk))), (3, SE_GRAIN), (4, SE_TABLE_SECTORS),
                         (10, 1), (11, 1), (16, directory_at), (17, directory_sectors), (18, tables_at),
                         (19, tables * SE_TABLE_SECTORS), (24, grains_at), (25, len(body) // SECTOR)):
        head[field] = value
    lead = struct.pack("<26Q", *head).ljust(SECTOR, b"\0") + struct.pack("<Q", 0xcafecafe)
    directory = [1 << 60 | i for i in range(tables)]
    return lead.ljust(directory_at * SECTOR, b"\0") + padded(struct.pack(f"<{tables}Q", *directory)) + \
        struct.pack(f"<{len(entries)}Q", *entries) + body


def marker(count, kind):
    return struct.pack("<QII", count, 0, kind).ljust(SECTOR, b"\0")


def stream(disk, grain, name):
    """Grains with markers, tables, directory, footer, end."""
    text = descriptor("streamOptimized", [f'RW {sectors(len(disk))} SPARSE "{name}"'])
    lead_sectors = 128
    tables = -(-len(disk) // (grain * SECTOR * ENTRIES))
    entries, body = [0] * (tables * ENTRIES), b""
    order = [(index, data) for index, data in pieces(disk, grain * SECTOR) if any(data)]
    random.Random(2).shuffle(order)
    for index, data in order:
        entries[index] = lead_sectors + len(body) // SECTOR
        coded = zlib.compress(data, index % 10)
        body += padded(struct.pack("<QI", index * grain, len(coded)) + coded)
    directory = []
    for table in range(tables):
        body += marker(ENTRIES * 4 // SECTOR, MARK_TABLE)
        directory.append(lead_sectors + len(body) // SECTOR)
        body += struct.pack(f"<{ENTRIES}I", *entries[table * ENTRIES:(table + 1) * ENTRIES])
    table = padded(struct.pack(f"<{tables}I", *directory))
    body += marker(sectors(len(table)), MARK_DIRECTORY)
    directory_at = lead_sectors + len(body) // SECTOR
    body += table

    def head(place):
        return hosted_header(disk, grain, 3, FLAG_NEWLINE | FLAG_COMPRESSED | FLAG_MARKERS, place, lead_sectors, (1, 20), 1)
    body += marker(1, MARK_FOOTER) + head(directory_at) + bytes(SECTOR)
    return (head(IN_FOOTER) + text).ljust(lead_sectors * SECTOR, b"\0") + body


def descriptor(kind, lines):
    return ("# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
            f'createType="{kind}"\n\n# Extent description\n' + "\n".join(lines) + "\n\n# The Disk Data Base\n#DDB\n\n"
            'ddb.adapterType = "ide"\n').encode()


BUILDERS = {"sparse": lambda disk, grain: hosted(disk, grain, False), "zeroed": lambda disk, grain: hosted(disk, grain, True),
            "cowd": cowd, "sesparse": sesparse}
WORDS = {"sparse": "SPARSE", "zeroed": "SPARSE", "cowd": "VMFSSPARSE", "sesparse": "SESPARSE"}
TYPES = {"cowd": "vmfsSparse", "sesparse": "seSparse", "vmfs": "vmfs"}


def extent(folder, name, kind, data, grain, shift):
    """The file and what the descriptor says of it, but for the access."""
    count = sectors(len(data))
    if kind == "zero":
        return f"{count} ZERO"
    if kind in ("flat", "vmfs"):
        put(folder, name, b"\xee" * (shift * SECTOR) + data)
        return f'{count} FLAT "{name}" {shift}' if kind == "flat" else f'{count} VMFS "{name}"'
    put(folder, name, BUILDERS[kind](data, grain))
    return f'{count} {WORDS[kind]} "{name}"'


def build(folder, name, disk, options):
    grain, shift = int(options.pop("grain", "128")), int(options.pop("shift", "0"))
    if options.pop("stream", ""):
        put(folder, name, stream(disk, grain, name))
        return
    lines, at, kinds = [], 0, []
    for number, word in enumerate(options.pop("extents").split(",")):
        kind, size, access = (word.split(":") + ["", ""])[:3]
        length = disks.number(size) if size else len(disk) - at
        lines.append((access or "RW") + " " + extent(folder, f"{name[:-5]}-{number}.vmdk", kind, disk[at:at + length], grain, shift))
        kinds.append(kind)
        at += length
    put(folder, name, descriptor(TYPES.get(kinds[0], "twoGbMaxExtentSparse"), lines))
