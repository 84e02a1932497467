# SPDX-License-Identifier: GPL-2.0-or-later
"""DMG (UDIF). chunks=KIND,...: raw, zlib, bzip2, adc, lzfse in turn, and zero or ignore where there are only zeroes; chunk=BYTES;
tables=COUNT of block tables; fork=1: tables in a resource fork; shift=BYTES before the data fork.
"""
import base64
import bz2
import itertools
import struct
import zlib

from . import SECTOR, lzfse, pieces, put
from .. import disks

ZERO, RAW, IGNORE, COMMENT, ADC, ZLIB, BZIP2, LZFSE, LAST = (
    0, 1, 2, 0x7ffffffe, 0x80000004, 0x80000005, 0x80000006, 0x80000007, 0xffffffff)


def adc(data):
    """Plain runs, and copies of what came before: far ones, near ones, and those that overlap themselves."""
    out, at, plain = bytearray(), 0, bytearray()
    seen = {}

    def flush():
        for start in range(0, len(plain), 128):
            run = plain[start:start + 128]
            out.append(0x80 | len(run) - 1)
            out.extend(run)
        plain.clear()
    while at < len(data):
        key = data[at:at + 4]
        before = seen.get(key, -1)
        seen[key] = at
        distance, length = at - before, 0
        if before >= 0 and distance <= 1 << 16 and len(key) == 4:
            while length < 67 and at + length < len(data) and data[before + length] == data[at + length]:
                length += 1
        if length < 4:
            plain.append(data[at])
            at += 1
            continue
        flush()
        if distance <= 1024 and length <= 18:
            out += bytes([(length - 3) << 2 | distance - 1 >> 8, distance - 1 & 255])
        else:
            out += bytes([0x40 | length - 4]) + struct.pack(">H", distance - 1)
        at += length
    flush()
    return bytes(out)


CODERS = {"raw": (RAW, lambda data: data), "zlib": (ZLIB, zlib.compress), "bzip2": (BZIP2, bz2.compress), "adc": (ADC, adc),
          "lzfse": (LZFSE, lzfse.encode)}


def table(first, sectors, chunks):
    head = struct.pack(">4sIQQQII", b"mish", 1, first, sectors, 0, 0, 0).ljust(200, b"\0") + struct.pack(">I", len(chunks))
    return head + b"".join(struct.pack(">IIQQQQ", kind, 0, *place) for kind, *place in chunks)


def resources(tables):
    data = b"".join(struct.pack(">I", len(one)) + one for one in tables)
    return struct.pack(">IIII", 256, 256 + len(data), len(data), 0).ljust(256, b"\0") + data


def property_list(tables):
    parts = "".join("<dict><key>Data</key><data>\n" + base64.encodebytes(one).decode() + "</data></dict>" for one in tables)
    return ('<?xml version="1.0"?>\n<plist version="1.0"><dict><key>resource-fork</key><dict><key>blkx</key><array>'
            f"{parts}</array></dict></dict></plist>\n").encode()


def build(folder, name, disk, options):
    kinds = itertools.cycle(options.pop("chunks", "zlib").split(","))
    chunk, count = disks.number(options.pop("chunk", "256K")), int(options.pop("tables", "1"))
    fork, shift = options.pop("fork", ""), disks.number(options.pop("shift", "0"))
    body, chunks, nothing = b"", [], itertools.cycle((ZERO, IGNORE))
    for index, data in pieces(disk, chunk):
        sectors = min(chunk, len(disk) - index * chunk) // SECTOR
        data = data[:sectors * SECTOR]
        kind, coded = (next(nothing), b"") if not any(data) else (None, None)
        if kind is None:
            kind, coder = CODERS[next(kinds)]
            coded = coder(data)
        chunks.append((kind, index * chunk // SECTOR, sectors, shift + len(body), len(coded)))
        body += coded
    tables, share = [], -(-len(chunks) // count)
    for start in range(0, len(chunks), share):
        part = chunks[start:start + share]
        first, end = part[0][1], part[-1][1] + part[-1][2]
        rows = [(kind, at - first, *place) for kind, at, *place in part]
        rows.insert(1, (COMMENT, 0, 0, 0, 0))
        tables.append(table(first, end - first, rows + [(LAST, end - first, 0, 0, 0)]))
    listing = resources(tables) if fork else property_list(tables)
    lead = bytes(shift) + body
    trailer = bytearray(struct.pack(">4sII", b"koly", 4, SECTOR).ljust(SECTOR, b"\0"))
    struct.pack_into(">QQ", trailer, 0x18, 0, len(lead))
    struct.pack_into(">QQ", trailer, 0x28 if fork else 0xd8, len(lead), len(listing))
    struct.pack_into(">Q", trailer, 0x1ec, len(disk) // SECTOR)
    put(folder, name, lead + listing + bytes(trailer))
