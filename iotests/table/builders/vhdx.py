# SPDX-License-Identifier: GPL-2.0-or-later
"""VHDX: blocks of all states, differencing images, logs ([MS-VHDX] 1.0 and 2.0).

block=BYTES; sector=512 or 4096; zero=STATE for blocks of zeroes: 0 not present, 1 undefined, 2 zero, 3 unmapped, or "all"
in turn; parent=FILE: a child, with sector bitmaps; log=WORDS: the block table lies in a log that has not been written
yet: "plain", "wrap" (around the end of the ring), "zero" (a zero descriptor clears what is wrong there), "tables" (so do
regions and metadata), "data" (and sectors of blocks), "torn" (an entry was begun after that).
"""
import hashlib
import itertools
import struct
import uuid

from . import SECTOR, pieces, put, under
from .. import disks, seal

KIB, MIB = 1 << 10, 1 << 20
LOG_OFF, BAT_OFF, METADATA_OFF, BLOCKS_OFF = MIB, 2 * MIB, 3 * MIB, 4 * MIB
CHUNK_SECTORS = 1 << 23
LOG_SECTOR = 4 * KIB
FULLY, PARTIALLY = 6, 7
REGIONS = (("2DC27766-F623-4200-9D64-115E9BFD4A08", BAT_OFF), ("8B7CA206-4790-4B9A-B8FE-575F050F886E", METADATA_OFF))
PARAMETERS, DISK_SIZE, PAGE83, LOGICAL, PHYSICAL, LOCATOR = (uuid.UUID(text).bytes_le for text in (
    "CAA16737-FA36-4D43-B3B6-33F0AA44E76B", "2FA54224-CD1B-4876-B211-5DBED83BF4B8",
    "BECA12AB-B2E6-4523-93EF-C309E000C746", "8141BF1D-A96F-4709-BA47-F233A8FAAB5F",
    "CDA348C7-445D-4471-9CC9-E9885251C556", "A8D35F2D-B30B-454D-ABF7-D3D84834AB0C"))
LOCATOR_VHDX = uuid.UUID("B04AEFB7-D19E-4A81-B789-25B8E9445913").bytes_le


def identity(name):
    return hashlib.md5(name.encode()).digest()


def header(name, sequence, log_guid):
    return struct.pack("<4sIQ16s16s16sHHIQ", b"head", 0, sequence, identity(name + " file"), identity(name), log_guid, 0, 1,
                       MIB, LOG_OFF)


def regions():
    table = struct.pack("<4sIII", b"regi", 0, len(REGIONS), 0)
    for text, offset in REGIONS:
        table += struct.pack("<16sQII", uuid.UUID(text).bytes_le, offset, MIB, 1)
    return table


def locator(parent):
    pairs = (("parent_linkage", "{" + str(uuid.UUID(bytes_le=identity(parent))) + "}"), ("relative_path", ".\\" + parent))
    texts, table = b"", b""
    base = 20 + 12 * len(pairs)
    for key, value in pairs:
        key, value = key.encode("utf-16-le"), value.encode("utf-16-le")
        table += struct.pack("<IIHH", base + len(texts), base + len(texts) + len(key), len(key), len(value))
        texts += key + value
    return LOCATOR_VHDX + struct.pack("<HH", 0, len(pairs)) + table + texts


def metadata(size, block, sector, parent):
    items = [(PARAMETERS, 4, struct.pack("<II", block, 2 if parent else 0)), (DISK_SIZE, 6, struct.pack("<Q", size)),
             (PAGE83, 6, identity("disk")), (LOGICAL, 6, struct.pack("<I", sector)), (PHYSICAL, 6, struct.pack("<I", 4096))]
    if parent:
        items.append((LOCATOR, 4, locator(parent)))
    table, data = struct.pack("<8sHH20x", b"metadata", 0, len(items)), b""
    for guid, flags, value in items:
        table += struct.pack("<16sIIII", guid, 64 * KIB + len(data), len(value), flags, 0)
        data += value
    return table.ljust(64 * KIB, b"\0") + data


class Blocks:
    """The blocks and bitmaps, as they are put one behind the other."""

    def __init__(self):
        self.data = []
        self.end = BLOCKS_OFF

    def add(self, data, state):
        entry = self.end | state
        self.data.append(data)
        self.end += len(data)
        return entry


def bitmap(bits):
    data = bytearray(MIB)
    for index, bit in enumerate(bits):
        data[index // 8] |= bit << index % 8
    return bytes(data)


def layout(disk, block, sector, zero, parent):
    """(block table, blocks): bitmaps come before the blocks of their chunk."""
    chunk = CHUNK_SECTORS * sector // block
    differs = under(disk)[1] if parent else None
    states = itertools.cycle((0, 1, 2, 3) if zero == "all" else (int(zero),))
    blocks, bat, bits = Blocks(), [], []
    for index, data in pieces(disk, block):
        if parent:
            step = sector // SECTOR
            own = differs[index * block // SECTOR:(index + 1) * block // SECTOR]
            own = [any(own[i:i + step]) for i in range(0, block // SECTOR, step)]
            bits += own
            bat.append(0 if not any(own) else blocks.add(data, FULLY if index % 5 == 4 else PARTIALLY))
        else:
            bat.append(blocks.add(data, FULLY) if any(data) else next(states))
        if len(bat) % (chunk + 1) == chunk:
            bat.append(0)
    if parent:
        bat += [0] * (chunk - len(bat) % (chunk + 1))
        bat.append(blocks.add(bitmap(bits), FULLY))
    return bat, blocks


def log_entry(sequence, guid, tail, size, changes):
    """changes: (offset, 4 KiB) to be written, or (offset, a number) of zeroes."""
    descriptors, sectors = b"", b""
    for offset, data in changes:
        if isinstance(data, int):
            descriptors += struct.pack("<4sIQQQ", b"zero", 0, data, offset, sequence)
        else:
            descriptors += struct.pack("<4s4s8sQQ", b"desc", data[-4:], data[:8], offset, sequence)
            sectors += struct.pack("<4sI", b"data", sequence >> 32) + data[8:-4] + struct.pack("<I", sequence & 0xffffffff)
    lead = (64 + len(descriptors) + LOG_SECTOR - 1) // LOG_SECTOR * LOG_SECTOR
    head = struct.pack("<4sIIIQII16sQQ", b"loge", 0, lead + len(sectors), tail, sequence, len(changes), 0, guid, size, size)
    entry = bytearray((head + descriptors).ljust(lead, b"\0") + sectors)
    struct.pack_into("<I", entry, 4, seal.crc32c(bytes(entry)))
    return bytes(entry)


def hide(image, offset, length, byte):
    """What is there, as changes of the log; wrong values take its place."""
    data = bytes(image[offset:offset + length])
    image[offset:offset + length] = bytes([byte]) * length
    if not any(data):
        return [(offset, length)]
    return [(offset + at, data[at:at + LOG_SECTOR]) for at in range(0, length, LOG_SECTOR)]


def data_hide(image):
    """Sectors of the first two blocks, also where they meet, and the first ones of zeroes."""
    changes = hide(image, BLOCKS_OFF + 3 * LOG_SECTOR, 2 * LOG_SECTOR, 0xdd)
    end = min(BLOCKS_OFF + MIB + LOG_SECTOR, len(image))
    changes += hide(image, BLOCKS_OFF + MIB - LOG_SECTOR, end - BLOCKS_OFF - MIB + LOG_SECTOR, 0xde)
    zeroes = [at for at in range(BLOCKS_OFF, len(image), LOG_SECTOR) if not any(image[at:at + LOG_SECTOR])]
    for at in zeroes[:3]:
        changes += hide(image, at, LOG_SECTOR, 0xdf)
    return changes


def log_write(image, words, guid):
    """The block table goes into the log, and wrong values take its place."""
    table = bytes(image[BAT_OFF:BAT_OFF + LOG_SECTOR])
    image[BAT_OFF:BAT_OFF + LOG_SECTOR] = bytes(LOG_SECTOR)
    changes = [[(BAT_OFF, bytes(range(256)) * 16)], [(BAT_OFF, table)]]
    if "zero" in words:
        image[BAT_OFF + LOG_SECTOR:BAT_OFF + 3 * LOG_SECTOR] = b"\xee" * (2 * LOG_SECTOR)
        changes.append([(BAT_OFF + LOG_SECTOR, 2 * LOG_SECTOR), (BAT_OFF, table)])
    if "tables" in words:
        changes.append([change for at in (192 * KIB, METADATA_OFF, METADATA_OFF + 64 * KIB)
                        for change in hide(image, at, LOG_SECTOR, 0xcc)])
    if "data" in words:
        changes.append(data_hide(image))
    if "torn" in words:
        changes.append([(BAT_OFF, bytes(LOG_SECTOR))])
    start = MIB - 3 * LOG_SECTOR if "wrap" in words else 0
    at = start
    for number, change in enumerate(changes):
        entry = log_entry(7 + number, guid, start, len(image), change)
        if "torn" in words and number == len(changes) - 1:
            entry = entry[:-LOG_SECTOR] + bytes(LOG_SECTOR)
        for sector in range(0, len(entry), LOG_SECTOR):
            place = LOG_OFF + (at + sector) % MIB
            image[place:place + LOG_SECTOR] = entry[sector:sector + LOG_SECTOR]
        at += len(entry)


def build(folder, name, disk, options):
    block, sector = disks.number(options.pop("block", "1M")), int(options.pop("sector", "512"))
    parent, log = options.pop("parent", ""), options.pop("log", "")
    bat, blocks = layout(disk, block, sector, options.pop("zero", "0"), parent)
    guid = identity("log") if log else bytes(16)
    image = bytearray(BLOCKS_OFF)
    parts = ((0, b"vhdxfile" + "rows".encode("utf-16-le")), (64 * KIB, header(name, 1, guid)),
             (128 * KIB, header(name, 2, guid)), (192 * KIB, regions()), (256 * KIB, regions()),
             (BAT_OFF, struct.pack(f"<{len(bat)}Q", *bat)), (METADATA_OFF, metadata(len(disk), block, sector, parent)))
    for offset, data in parts:
        image[offset:offset + len(data)] = data
    seal.vhdx(image)
    image += b"".join(blocks.data)
    if log:
        log_write(image, log.split(","), guid)
    put(folder, name, image)
