# SPDX-License-Identifier: GPL-2.0-or-later
"""VHD: "Virtual Hard Disk Image Format Specification", version 1.0, Microsoft, 2006."""
import struct

from . import Lint, overlaps

SECTOR = 512
FOOTER = struct.Struct(">8sIIQI4sI4sQQHBBII16sB427s")
HEADER = struct.Struct(">8sQQIIII16sI4s512s192s256s")
NONE = 0xffffffffffffffff
UNUSED = 0xffffffff
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
FEATURES_RESERVED, FEATURES_TEMPORARY = 2, 1
GEOMETRY_SECTORS_MAX = 65535 * 16 * 255


def checksum(data, field):
    """One's complement of the sum of all bytes but the field's own."""
    return ~(sum(data) - sum(data[field:field + 4])) & 0xffffffff


def geometry(sectors):
    """The appendix: cylinders, heads and sectors per track."""
    sectors = min(sectors, GEOMETRY_SECTORS_MAX)
    if sectors >= 65535 * 16 * 63:
        track, heads = 255, 16
        return sectors // track // heads, heads, track
    track = 17
    cylinder_heads = sectors // track
    heads = max(4, (cylinder_heads + 1023) // 1024)
    if cylinder_heads >= heads * 1024 or heads > 16:
        track, heads = 31, 16
        cylinder_heads = sectors // track
    if cylinder_heads >= heads * 1024:
        track, heads = 63, 16
        cylinder_heads = sectors // track
    return cylinder_heads // heads, heads, track


def footer_check(lint, data, name):
    """One copy of the footer; returns its fields."""
    (cookie, features, version, data_off, _, _, _, host, original, current, cylinders, heads, track, kind, check, uuid,
     saved, reserved) = FOOTER.unpack(data)
    lint.demand(cookie == b"conectix", f"{name}: the cookie is {cookie}")
    lint.demand(features & ~FEATURES_TEMPORARY == FEATURES_RESERVED, f"{name}: features {features:#x}")
    lint.demand(version == 0x00010000, f"{name}: file format version {version:#x}")
    lint.demand(kind in (FIXED, DYNAMIC, DIFFERENCING), f"{name}: disk type {kind}")
    lint.demand((data_off == NONE) == (kind == FIXED), f"{name}: data offset {data_off:#x} of disk type {kind}")
    lint.demand(host in (b"Wi2k", b"Mac "), f"{name}: creator host OS {host}")
    lint.demand(check == checksum(data, 64), f"{name}: checksum {check:#x}")
    lint.demand(current % SECTOR == 0 and current > 0, f"{name}: current size {current}")
    lint.demand(original % SECTOR == 0 and original > 0, f"{name}: original size {original}")
    lint.demand((cylinders, heads, track) == geometry(current // SECTOR),
                f"{name}: geometry {cylinders}/{heads}/{track} of {current // SECTOR} sectors")
    lint.demand(any(uuid), f"{name}: no unique id")
    lint.demand(saved in (0, 1), f"{name}: saved state {saved}")
    lint.demand(not any(reserved), f"{name}: reserved bytes")
    return kind, data_off, current, uuid


def header_check(lint, data, current):
    """The dynamic disk header; returns where the BAT is, its entries and the size of a block."""
    cookie, data_off, table_off, version, entries, block, check, _, _, reserved, _, _, tail = HEADER.unpack(data)
    lint.demand(cookie == b"cxsparse", f"header: the cookie is {cookie}")
    lint.demand(data_off == NONE, f"header: data offset {data_off:#x}")
    lint.demand(version == 0x00010000, f"header: version {version:#x}")
    lint.demand(check == checksum(data, 36), f"header: checksum {check:#x}")
    lint.demand(block >= SECTOR and block & (block - 1) == 0, f"header: blocks of {block} bytes")
    lint.demand(entries == -(-current // max(block, 1)), f"header: {entries} table entries for {current} bytes")
    lint.demand(table_off % SECTOR == 0, f"header: table at {table_off}")
    lint.demand(not any(reserved) and not any(tail), "header: reserved bytes")
    return table_off, entries, max(block, SECTOR)


def parents_check(lint, data, kind):
    """The header's fields that only differencing disks have."""
    _, _, _, _, _, _, _, uuid, stamp, _, name, locators, _ = HEADER.unpack(data)
    if kind == DIFFERENCING:
        lint.demand(any(uuid), "header: no parent unique id")
        return
    lint.demand(not any(uuid) and stamp == 0 and not any(name) and not any(locators), "header: a parent")


def blocks_check(lint, table_off, entries, block, taken):
    """The BAT, and the blocks with their bitmaps."""
    bitmap = -(-block // SECTOR // 8 // SECTOR) * SECTOR
    room = -(-entries * 4 // SECTOR) * SECTOR
    table = struct.unpack(f">{room // 4}I", lint.at(table_off, room))
    taken.append((table_off, table_off + room, "table"))
    for index, entry in enumerate(table[:entries]):
        if entry == UNUSED:
            continue
        start = entry * SECTOR
        taken.append((start, start + bitmap + block, f"block {index}"))
        lint.demand(start + bitmap + block <= len(lint.data) - SECTOR, f"block {index} reaches behind the data")
        bits = lint.at(start, min(block // SECTOR // 8, bitmap))
        lint.demand(any(bits), f"block {index} has no sectors")
    lint.demand(all(entry == UNUSED for entry in table[entries:]), "table: entries behind the last one are used")


def check(data):
    """All findings about a file."""
    lint = Lint(data)
    if not lint.demand(len(data) >= SECTOR and len(data) % SECTOR == 0, f"{len(data)} bytes"):
        return lint.findings
    footer = data[-SECTOR:]
    kind, data_off, current, _ = footer_check(lint, footer, "footer")
    taken = [(len(data) - SECTOR, len(data), "footer")]
    if kind == FIXED:
        lint.demand(len(data) == current + SECTOR, f"{len(data)} bytes for a disk of {current}")
        return lint.findings
    lint.demand(data[:SECTOR] == footer, "the footer's copy differs")
    if not lint.demand(data_off % SECTOR == 0 and data_off + HEADER.size <= len(data), f"header at {data_off}"):
        return lint.findings
    taken += [(0, SECTOR, "footer's copy"), (data_off, data_off + HEADER.size, "header")]
    header = data[data_off:data_off + HEADER.size]
    table_off, entries, block = header_check(lint, header, current)
    parents_check(lint, header, kind)
    if entries < 1 << 24 and table_off < len(data):
        blocks_check(lint, table_off, entries, block, taken)
    lint.findings += overlaps(taken)
    return lint.findings


def fields(data):
    """Places where a changed byte must be found: name and offset."""
    dynamic = data[:8] == b"conectix"
    end = len(data) - SECTOR
    found = [(f"footer.{name}", end + at) for name, at in
             (("cookie", 0), ("features", 11), ("version", 13), ("data_offset", 16), ("host", 36), ("original", 47),
              ("current", 55), ("cylinders", 57), ("heads", 58), ("track", 59), ("type", 63), ("checksum", 64),
              ("saved", 84), ("reserved", 300))]
    if dynamic:
        found += [("copy", 70)] + [(f"header.{name}", 512 + at) for name, at in
                                   (("cookie", 0), ("data", 8), ("table", 23), ("version", 25), ("entries", 31),
                                    ("block", 35), ("checksum", 36), ("parent", 40), ("stamp", 56), ("reserved", 60),
                                    ("name", 64), ("locator", 576), ("tail", 800))]
        found += [("table entry", 1536 + 1), ("entry behind the last", 1536 + 511)]
    return found


def seal(data):
    """Make the checksums right again."""
    data = bytearray(data)
    places = [(len(data) - SECTOR, SECTOR, 64)]
    if data[:7] == b"conecti" or data[512:520] == b"cxsparse":
        places += [(0, SECTOR, 64), (512, HEADER.size, 36)]
    for offset, length, field in places:
        value = checksum(data[offset:offset + length], field)
        data[offset + field:offset + field + 4] = struct.pack(">I", value)
    return bytes(data)
