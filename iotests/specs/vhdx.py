# SPDX-License-Identifier: GPL-2.0-or-later
"""VHDX: "Virtual Hard Disk v2 (VHDX) File Format", MS-VHDX, Microsoft."""
import functools
import struct
import uuid

from . import Lint, overlaps

KIB, MIB = 1 << 10, 1 << 20
TABLE = 64 * KIB
HEADER_OFF, REGION_OFF = (64 * KIB, 128 * KIB), (192 * KIB, 256 * KIB)
HEADER = struct.Struct("<4sIQ16s16s16sHHIQ")
HEADER_BYTES = 4 * KIB
ENTRIES_MAX = 2047
BAT = "2dc27766-f623-4200-9d64-115e9bfd4a08"
METADATA = "8b7ca206-4790-4b9a-b8fe-575f050f886e"
IS_USER, IS_DISK, IS_REQUIRED = 1, 2, 4
# item: name, flags, length (0: any)
ITEMS = {
    "caa16737-fa36-4d43-b3b6-33f0aa44e76b": ("file parameters", IS_REQUIRED, 8),
    "2fa54224-cd1b-4876-b211-5dbed83bf4b8": ("disk size", IS_DISK | IS_REQUIRED, 8),
    "beca12ab-b2e6-4523-93ef-c309e000c746": ("disk id", IS_DISK | IS_REQUIRED, 16),
    "8141bf1d-a96f-4709-ba47-f233a8faab5f": ("logical sector", IS_DISK | IS_REQUIRED, 4),
    "cda348c7-445d-4471-9cc9-e9885251c556": ("physical sector", IS_DISK | IS_REQUIRED, 4),
    "a8d35f2d-b30b-454d-abf7-d3d84834ab0c": ("parent locator", IS_REQUIRED, 0),
}
LEAVE_ALLOCATED, HAS_PARENT = 1, 2
NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, PRESENT, PARTIALLY = 0, 1, 2, 3, 6, 7
CHUNK_SECTORS = 1 << 23
DISK_MAX = 64 << 40


def crc_table():
    """CRC-32C (Castagnoli)."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


CRC = crc_table()


@functools.lru_cache(64)
def checksum(data):
    """CRC-32C with the field at 4 counted as zero."""
    crc = 0xffffffff
    for byte in data[:4] + bytes(4) + data[8:]:
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def guid(data):
    return str(uuid.UUID(bytes_le=bytes(data)))


def headers_check(lint):
    """Both headers; returns where the log is."""
    sequences, log = [], None
    for offset in HEADER_OFF:
        data = lint.at(offset, HEADER_BYTES)
        sign, check, sequence, file_guid, data_guid, log_guid, log_version, version, length, log_off = (
            HEADER.unpack_from(data))
        name = f"header at {offset >> 10} KiB"
        lint.demand(sign == b"head", f"{name}: signature {sign}")
        lint.demand(check == checksum(data), f"{name}: checksum {check:#x}")
        lint.demand(any(file_guid) and any(data_guid), f"{name}: no write GUIDs")
        lint.demand(not any(log_guid), f"{name}: a log is to be replayed")
        lint.demand(log_version == 0, f"{name}: log version {log_version}")
        lint.demand(version == 1, f"{name}: version {version}")
        lint.demand(length % MIB == 0 and length > 0, f"{name}: log of {length} bytes")
        lint.demand(log_off % MIB == 0 and log_off >= MIB, f"{name}: log at {log_off}")
        lint.demand(not any(data[HEADER.size:]), f"{name}: reserved bytes")
        sequences.append(sequence)
        log = (log_off, log_off + length, "log") if log is None or sequence == max(sequences) else log
    lint.demand(sequences[0] != sequences[1], "both headers have the same sequence number")
    lint.notes["guids"] = [lint.at(offset + 16, 32) for offset in HEADER_OFF]
    return log


def regions_check(lint):
    """Both region tables; returns (offset, length) of the known regions by GUID."""
    tables = [lint.at(offset, TABLE) for offset in REGION_OFF]
    lint.demand(tables[0] == tables[1], "the region tables differ")
    data = tables[0]
    sign, check, count, reserved = struct.unpack_from("<4sIII", data)
    lint.demand(sign == b"regi", f"region table: signature {sign}")
    lint.demand(check == checksum(data), f"region table: checksum {check:#x}")
    lint.demand(reserved == 0, "region table: reserved bytes")
    if not lint.demand(count <= ENTRIES_MAX, f"region table: {count} entries"):
        return {}
    lint.demand(not any(data[16 + 32 * count:]), "region table: bytes behind the entries")
    found = {}
    for index in range(count):
        name, offset, length, required = struct.unpack_from("<16sQII", data, 16 + 32 * index)
        name = guid(name)
        lint.demand(name in (BAT, METADATA), f"region {name} is not known")
        lint.demand(required == 1, f"region {name}: flags {required:#x}")
        lint.demand(offset % MIB == 0 and offset >= MIB, f"region {name} at {offset}")
        lint.demand(length % MIB == 0 and length > 0, f"region {name} of {length} bytes")
        lint.demand(offset + length <= len(lint.data), f"region {name} reaches behind the end")
        lint.demand(name not in found, f"region {name} twice")
        found[name] = (offset, length)
    lint.demand(BAT in found and METADATA in found, "a region is missing")
    return found


def metadata_check(lint, region):
    """The metadata table; returns items by name."""
    start, length = region
    data = lint.at(start, TABLE)
    sign, reserved, count = struct.unpack_from("<8sHH", data)
    lint.demand(sign == b"metadata", f"metadata: signature {sign}")
    lint.demand(reserved == 0 and not any(data[12:32]), "metadata: reserved bytes")
    if not lint.demand(count <= ENTRIES_MAX, f"metadata: {count} entries"):
        return {}
    lint.demand(not any(data[32 + 32 * count:]), "metadata: bytes behind the entries")
    found, taken = {}, []
    for index in range(count):
        item, offset, size, flags, tail = struct.unpack_from("<16sIIII", data, 32 + 32 * index)
        name, expected, bytes_ = ITEMS.get(guid(item), (guid(item), None, 0))
        lint.demand(expected is not None, f"metadata item {name} is not known")
        lint.demand(flags == expected, f"metadata item {name}: flags {flags:#x}")
        lint.demand(tail == 0, f"metadata item {name}: reserved bytes")
        lint.demand(size == bytes_ or bytes_ == 0, f"metadata item {name} of {size} bytes")
        lint.demand(TABLE <= offset and offset + size <= length and size <= MIB, f"metadata item {name} at {offset}")
        lint.demand(name not in found, f"metadata item {name} twice")
        taken.append((offset, offset + size, name))
        found[name] = lint.at(start + offset, min(size, MIB))
    lint.findings += overlaps(taken)
    return found


def disk_check(lint, items):
    """What the items say; returns block size, parameters, disk size and sector size."""
    missing = [name for name, _, _ in ITEMS.values() if name not in items and name != "parent locator"]
    if not lint.demand(not missing, f"metadata items are missing: {missing}"):
        return None
    block, flags = struct.unpack("<II", items["file parameters"][:8])
    disk, = struct.unpack("<Q", items["disk size"][:8])
    logical, = struct.unpack("<I", items["logical sector"][:4])
    physical, = struct.unpack("<I", items["physical sector"][:4])
    lint.demand(MIB <= block <= 256 * MIB and block & (block - 1) == 0, f"blocks of {block} bytes")
    lint.demand(flags & ~(LEAVE_ALLOCATED | HAS_PARENT) == 0, f"file parameters {flags:#x}")
    lint.demand(logical in (512, 4096), f"logical sectors of {logical} bytes")
    lint.demand(physical in (512, 4096), f"physical sectors of {physical} bytes")
    lint.demand(0 < disk <= DISK_MAX and disk % max(logical, 1) == 0, f"a disk of {disk} bytes")
    lint.demand(any(items["disk id"]), "no disk id")
    lint.demand(bool(flags & HAS_PARENT) == ("parent locator" in items), "parent locator without a parent, or none")
    return (block, flags, disk, logical) if block and logical in (512, 4096) else None


def bat_check(lint, region, disk, taken):
    """All entries of the BAT."""
    block, flags, size, logical = disk
    ratio = max(1, CHUNK_SECTORS * logical // block)
    blocks = -(-size // block)
    total = (-(-blocks // ratio) * (ratio + 1)) if flags & HAS_PARENT else blocks + (blocks - 1) // ratio
    if not lint.demand(total * 8 <= region[1], f"{total} entries do not fit into the BAT"):
        return
    entries = struct.unpack(f"<{region[1] // 8}Q", lint.at(region[0], region[1] // 8 * 8))
    for index, entry in enumerate(entries):
        state, reserved, offset = entry & 7, entry >> 3 & 0x1ffff, (entry >> 20) * MIB
        is_bitmap = index % (ratio + 1) == ratio
        payload = (NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, PRESENT) + ((PARTIALLY,) if flags & HAS_PARENT else ())
        allowed = ((NOT_PRESENT, PRESENT) if flags & HAS_PARENT else (NOT_PRESENT,)) if is_bitmap else payload
        if index >= total:
            allowed = (NOT_PRESENT,)
        lint.demand(state in allowed, f"BAT entry {index}: state {state}")
        lint.demand(reserved == 0, f"BAT entry {index}: reserved bits")
        if state in (PRESENT, PARTIALLY):
            length = MIB if is_bitmap else block
            lint.demand(offset >= MIB and offset + length <= len(lint.data), f"BAT entry {index} at {offset}")
            taken.append((offset, offset + length, f"block {index}"))
        elif state in (NOT_PRESENT, ZERO, UNMAPPED) and index < total:
            lint.demand(offset == 0 or state != NOT_PRESENT, f"BAT entry {index}: an offset, but no block")


def check(data):
    """All findings about a file."""
    lint = Lint(data)
    lint.demand(data[:8] == b"vhdxfile", f"signature {data[:8]}")
    lint.demand(len(data) % MIB == 0, f"a file of {len(data)} bytes")
    creator = data[8:8 + 512].decode("utf-16-le", errors="replace")
    lint.demand("\ufffd" not in creator and not any(data[520:TABLE]), "creator, or the bytes behind it")
    log = headers_check(lint)
    regions = regions_check(lint)
    if BAT in regions and METADATA in regions:
        taken = [(0, MIB, "headers"), log] + [(at, at + length, name) for name, (at, length) in regions.items()]
        disk = disk_check(lint, metadata_check(lint, regions[METADATA]))
        if disk:
            bat_check(lint, regions[BAT], disk, taken)
        lint.demand(log[1] <= len(data), "the log reaches behind the end")
        lint.findings += overlaps(taken)
    return lint.findings


def fields(data):
    """Places where a changed byte must be found: name and offset."""
    found = [("signature", 0), ("behind the creator", 1000)]
    for offset in HEADER_OFF:
        found += [(f"header {offset >> 10}K {name}", offset + at) for name, at in
                  (("signature", 0), ("checksum", 4), ("log guid", 50), ("log version", 64), ("version", 66),
                   ("log length", 68), ("log offset", 72), ("reserved", 2000))]
    for offset in REGION_OFF:
        found += [(f"regions {offset >> 10}K {name}", offset + at) for name, at in
                  (("signature", 0), ("checksum", 4), ("count", 8), ("reserved", 12), ("guid", 16), ("offset", 32),
                   ("length", 40), ("required", 44), ("tail", 60000))]
    tables = dict((guid(data[at:at + 16]), at) for at in (REGION_OFF[0] + 16, REGION_OFF[0] + 48))
    meta, = struct.unpack_from("<Q", data, tables[METADATA] + 16)
    bat, = struct.unpack_from("<Q", data, tables[BAT] + 16)
    found += [(f"metadata {name}", meta + at) for name, at in
              (("signature", 0), ("reserved", 8), ("count", 10), ("reserved2", 20), ("item", 32), ("offset", 50),
               ("length", 52), ("flags", 56), ("tail", 60), ("behind", 60000), ("block size", TABLE))]
    return found + [("BAT state", bat), ("BAT reserved", bat + 1), ("BAT offset", bat + 3), ("BAT behind", bat + 80000)]


def seal(data):
    """Make the checksums right again."""
    data = bytearray(data)
    for offsets, length in ((HEADER_OFF, HEADER_BYTES), (REGION_OFF, TABLE)):
        for offset in offsets:
            data[offset + 4:offset + 8] = struct.pack("<I", checksum(bytes(data[offset:offset + length])))
    return bytes(data)
