# SPDX-License-Identifier: GPL-2.0-or-later
"""VMDK: "Virtual Disk Format 5.0", VMware, 2011; and what VMware's tools demand beyond it."""
import os
import re
import struct
import zlib

from . import Lint, overlaps

SECTOR = 512
HEADER = struct.Struct("<4sIIQQQQIQQQBccccH433s")
DIRECTORY_AT_END = 0xffffffffffffffff
NEWLINES, REDUNDANT, ZEROED, COMPRESSED, MARKERS = 1, 2, 4, 1 << 16, 1 << 17
TABLE_ENTRIES = 512
END_OF_STREAM, GRAIN_TABLE, GRAIN_DIRECTORY, FOOTER = range(4)
DESCRIPTOR_LINES = re.compile(r'^(?:#.*|\s*|(?:ddb\.)?[A-Za-z.]+ ?= ?(?:"[^"]*"|[0-9A-Za-z_./-]+)|'
                              r'(?:RW|RDONLY|NOACCESS) \d+ \w+(?: "[^"]+"(?: \d+)?)?)$')
EXTENT = re.compile(r'^(RW|RDONLY|NOACCESS) (\d+) (FLAT|SPARSE|ZERO|VMFS|VMFSSPARSE)(?: "([^"]+)"(?: (\d+))?)?$', re.M)
TYPES = {"monolithicSparse": "SPARSE", "streamOptimized": "SPARSE", "twoGbMaxExtentSparse": "SPARSE",
         "monolithicFlat": "FLAT", "twoGbMaxExtentFlat": "FLAT"}
ADAPTERS = ("ide", "buslogic", "lsilogic", "legacyESX")


def descriptor_check(lint, text):
    """The descriptor; returns its type and its extents."""
    lint.demand(text.startswith("# Disk DescriptorFile\n"), "descriptor: the first line")
    for line in text.split("\n"):
        lint.demand(DESCRIPTOR_LINES.match(line), f"descriptor: the line {line!r}")
    values = dict(re.findall(r'^([A-Za-z.]+) ?= ?"?([^"\n]*)"?$', text, re.M))
    lint.demand(values.get("version") in ("1", "2", "3"), f"descriptor: version {values.get('version')}")
    lint.demand(re.fullmatch("[0-9a-f]{1,8}", values.get("CID", "")), f"descriptor: CID {values.get('CID')}")
    lint.demand(values.get("CID") not in ("ffffffff", "fffffffe"), "descriptor: a CID that means none")
    parent = values.get("parentCID", "")
    lint.demand(re.fullmatch("[0-9a-f]{1,8}", parent), f"descriptor: parentCID {parent}")
    lint.demand((parent == "ffffffff") == ("parentFileNameHint" not in values), "descriptor: parentCID without a parent, or none")
    kind = values.get("createType")
    lint.demand(kind in TYPES, f"descriptor: createType {kind}")
    lint.demand(values.get("ddb.adapterType") in ADAPTERS, f"descriptor: adapterType {values.get('ddb.adapterType')}")
    lint.demand(values.get("ddb.virtualHWVersion", "").isdigit(), "descriptor: no virtualHWVersion")
    geometry = [values.get(f"ddb.geometry.{name}", "") for name in ("cylinders", "heads", "sectors")]
    lint.demand(all(number.isdigit() for number in geometry), f"descriptor: geometry {geometry}")
    extents = [match.groups() for match in EXTENT.finditer(text)]
    lint.demand(extents, "descriptor: no extents")
    sectors = sum(int(extent[1]) for extent in extents)
    if all(number.isdigit() for number in geometry):
        cylinders, heads, track = map(int, geometry)
        lint.demand((heads, track) in ((16, 63), (64, 32), (128, 32), (255, 63)), f"descriptor: geometry {geometry}")
        lint.demand(cylinders in (min(sectors // max(1, heads * track), 16383), sectors // max(1, heads * track)),
                    f"descriptor: {cylinders} cylinders for {sectors} sectors")
    for _, _, form, name, offset in extents:
        lint.demand(form == TYPES.get(kind, form), f"descriptor: an extent of type {form}")
        lint.demand((offset is not None) == (form == "FLAT"), f"descriptor: extent {name}: offset {offset}")
    return kind, extents


class Sparse:
    """One hosted sparse extent."""

    def __init__(self, lint):
        self.lint = lint
        (self.magic, self.version, self.flags, self.capacity, self.grain, self.descriptor_off, self.descriptor_size,
         self.entries, self.backup_off, self.directory_off, self.overhead, self.unclean, *self.lines, self.compression,
         self.pad) = HEADER.unpack(lint.at(0, SECTOR))
        self.taken, self.end = [(0, 1, "header")], len(lint.data) // SECTOR
        self.has_footer = self.directory_off == DIRECTORY_AT_END
        if self.has_footer:
            self.footer()

    def footer(self):
        """The last three sectors: the footer takes the header's place."""
        if not self.lint.demand(self.end > 4, "no room for a footer"):
            return
        self.marker(self.end - 3, 1, FOOTER)
        footer = HEADER.unpack(self.lint.at((self.end - 2) * SECTOR, SECTOR))
        header = HEADER.unpack(self.lint.at(0, SECTOR))
        self.lint.demand(footer[:9] + footer[10:] == header[:9] + header[10:], "footer and header differ")
        self.directory_off = footer[9]
        self.taken.append((self.end - 3, self.end - 1, "footer"))
        self.marker(self.end - 1, 0, END_OF_STREAM)
        self.taken.append((self.end - 1, self.end, "end-of-stream marker"))

    def marker(self, sector, sectors, kind):
        """A marker of metadata."""
        data = self.lint.at(sector * SECTOR, SECTOR)
        self.lint.demand(struct.unpack_from("<QII", data) == (sectors, 0, kind) and not any(data[16:]),
                         f"marker of type {kind} at sector {sector}")

    def check(self):
        """The header, then what it points to."""
        lint, stream = self.lint, self.flags & MARKERS
        lint.demand(self.magic == b"KDMV", f"header: magic {self.magic}")
        version = 3 if stream else 2 if self.flags & ZEROED else 1
        lint.demand(self.version == version, f"header: version {self.version} with flags {self.flags:#x}")
        known = NEWLINES | REDUNDANT | ZEROED | COMPRESSED | MARKERS
        lint.demand(self.flags & ~known == 0 and self.flags & NEWLINES, f"header: flags {self.flags:#x}")
        lint.demand(bool(self.flags & COMPRESSED) == bool(stream), f"header: flags {self.flags:#x}")
        lint.demand(self.grain > 8 and self.grain & (self.grain - 1) == 0, f"header: grains of {self.grain} sectors")
        lint.demand(self.entries == TABLE_ENTRIES, f"header: {self.entries} entries per table")
        lint.demand(self.unclean == 0, f"header: unclean shutdown {self.unclean}")
        lint.demand(b"".join(self.lines) == b"\n \r\n", f"header: characters {self.lines}")
        lint.demand(self.compression == (1 if stream else 0), f"header: compression {self.compression}")
        lint.demand(not any(self.pad), "header: bytes behind the fields")
        lint.demand(len(lint.data) % SECTOR == 0, f"a file of {len(lint.data)} bytes")
        if self.descriptor_size:
            self.taken.append((self.descriptor_off, self.descriptor_off + self.descriptor_size, "descriptor"))
        if not lint.demand(self.grain and self.capacity and self.capacity < 1 << 33, f"header: capacity {self.capacity}"):
            return
        lint.demand(self.overhead % self.grain == 0, f"header: overhead of {self.overhead} sectors")
        tables = self.directories()
        lint.demand(self.has_footer or max(end for _, end, _ in self.taken) <= self.overhead,
                    "metadata lies behind the overhead")
        grains = self.grains(tables)
        lint.findings += overlaps(self.taken)
        if stream:
            self.stream(grains)

    def directory(self, offset, name):
        """A directory's tables, read."""
        count = -(-self.capacity // (self.grain * TABLE_ENTRIES))
        tables = []
        room = -(-count * 4 // SECTOR)
        entries = struct.unpack(f"<{count}I", self.lint.at(offset * SECTOR, count * 4))
        self.taken.append((offset, offset + room, f"{name} directory"))
        if self.has_footer:
            self.marker(offset - 1, room, GRAIN_DIRECTORY)
        for index, entry in enumerate(entries):
            if not self.lint.demand(entry != 0 or self.has_footer, f"{name} table {index} is missing") or entry == 0:
                tables.append((0,) * TABLE_ENTRIES)
                continue
            if self.has_footer:
                self.marker(entry - 1, TABLE_ENTRIES * 4 // SECTOR, GRAIN_TABLE)
            self.taken.append((entry, entry + TABLE_ENTRIES * 4 // SECTOR, f"{name} table {index}"))
            tables.append(struct.unpack(f"<{TABLE_ENTRIES}I", self.lint.at(entry * SECTOR, TABLE_ENTRIES * 4)))
        return [entry for table in tables for entry in table]

    def directories(self):
        """Both directories, which must say the same."""
        entries = self.directory(self.directory_off, "grain")
        if self.flags & REDUNDANT:
            self.lint.demand(self.directory(self.backup_off, "redundant") == entries, "the redundant tables differ")
        else:
            self.lint.demand(self.backup_off == 0, "a redundant directory without its flag")
        return entries

    def grains(self, entries):
        """Places of the grains; returns (sector, index) in the order of the file."""
        found = []
        for index, entry in enumerate(entries):
            if entry == 0:
                continue
            if entry == 1 and self.lint.demand(self.flags & ZEROED, f"grain {index} is of zeroes, without its flag"):
                continue
            self.lint.demand(index * self.grain < self.capacity, f"grain {index} lies behind the capacity")
            self.lint.demand(entry >= self.overhead, f"grain {index} at sector {entry}, within the overhead")
            length = self.grain
            if self.flags & COMPRESSED:
                _, size = struct.unpack("<QI", self.lint.at(entry * SECTOR, 12))
                length = -(-(12 + size) // SECTOR)
            else:
                self.lint.demand(entry % self.grain == self.overhead % self.grain, f"grain {index} at sector {entry}")
            self.lint.demand((entry + length) * SECTOR <= len(self.lint.data), f"grain {index} reaches behind the end")
            self.taken.append((entry, entry + length, f"grain {index}"))
            found.append((entry, index))
        return sorted(found)

    def stream(self, grains):
        """What a reader sees that goes through the file once: markers up to the one of the end."""
        at, places = self.overhead, dict(grains)
        data = self.lint.data
        last = -1
        while (at + 1) * SECTOR <= len(data):
            lba, size = struct.unpack_from("<QI", data, at * SECTOR)
            if size == 0:
                kind, = struct.unpack_from("<I", data, at * SECTOR + 12)
                known = self.has_footer and kind in (GRAIN_TABLE, GRAIN_DIRECTORY, FOOTER)
                self.lint.demand(known or lba == kind == END_OF_STREAM, f"marker of type {kind} at sector {at}")
                if kind == END_OF_STREAM:
                    break
                at += 1 + lba
                continue
            index = places.pop(at, None)
            self.lint.demand(index is not None and lba == index * self.grain, f"marker at sector {at}: sector {lba}")
            self.lint.demand(lba > last, f"marker at sector {at}: sector {lba} comes behind {last}")
            last = lba
            try:
                decoded = zlib.decompress(data[at * SECTOR + 12:at * SECTOR + 12 + size])
            except zlib.error:
                decoded = b""
            rest = min(self.grain, self.capacity - lba) * SECTOR
            self.lint.demand(len(decoded) in (rest, self.grain * SECTOR), f"grain at sector {at}: {len(decoded)} bytes")
            end = at * SECTOR + 12 + size
            at += -(-(12 + size) // SECTOR)
            self.lint.demand(not any(data[end:at * SECTOR]), f"bytes behind the grain before sector {at}")
        else:
            self.lint.demand(False, "no end-of-stream marker")
        self.lint.demand(not places, f"{len(places)} grains without a marker in the stream")
        self.lint.demand(not any(data[at * SECTOR:]), "bytes behind the end of the stream")


def extent_check(lint, extent, folder):
    """A further file of the image."""
    _, sectors, form, name, offset = extent
    try:
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
    except OSError as error:
        lint.demand(False, f"extent {name}: {error.strerror}")
        return
    if form == "FLAT":
        lint.demand((int(offset) + int(sectors)) * SECTOR <= len(data), f"extent {name}: {len(data)} bytes")
        return
    inner = Lint(data)
    sparse = Sparse(inner)
    sparse.check()
    inner.demand(sparse.capacity == int(sectors), f"capacity {sparse.capacity}, in the descriptor {sectors}")
    inner.demand(sparse.descriptor_size == 0, "a descriptor of its own")
    lint.findings += [f"extent {name}: {finding}" for finding in inner.findings]


def check(data, path=""):
    """All findings about an image."""
    lint = Lint(data)
    if data[:4] != b"KDMV":
        _, extents = descriptor_check(lint, data.decode("utf-8", errors="replace").rstrip("\0"))
        for extent in extents:
            if extent[3]:
                extent_check(lint, extent, os.path.dirname(path))
        return lint.findings
    sparse = Sparse(lint)
    sparse.check()
    place = lint.at(sparse.descriptor_off * SECTOR, min(sparse.descriptor_size, 2048) * SECTOR)
    kind, extents = descriptor_check(lint, place.split(b"\0")[0].decode("utf-8", errors="replace"))
    lint.demand((kind == "streamOptimized") == bool(sparse.flags & MARKERS), f"createType {kind}, flags {sparse.flags:#x}")
    lint.demand(len(extents) == 1 and int(extents[0][1]) == sparse.capacity, f"extents {extents}, capacity {sparse.capacity}")
    return lint.findings


def fields(data):
    """Places where a changed byte must be found: name and offset."""
    found = [(f"header.{name}", at) for name, at in
             (("magic", 0), ("version", 4), ("flags", 11), ("capacity", 15), ("grain", 20), ("descriptor", 28),
              ("entries", 45), ("redundant", 50), ("directory", 56), ("overhead", 64), ("unclean", 72), ("newline", 73),
              ("return", 75), ("compression", 77), ("pad", 200))]
    text = data.index(b"# Disk")
    for word in (b"version=", b"CID=", b"createType=\"", b"RW ", b"SPARSE", b"ddb.adapterType = \"",
                 b"ddb.geometry.heads = \"", b"ddb.virtualHWVersion = \""):
        found.append((f"descriptor {word.decode()}", data.index(word, text) + len(word)))
    directory, = struct.unpack_from("<Q", data, 56)
    if directory == DIRECTORY_AT_END:
        end = len(data)
        directory, = struct.unpack_from("<Q", data, end - 2 * SECTOR + 56)
        found += [("footer.marker", end - 3 * SECTOR + 12), ("footer.capacity", end - 2 * SECTOR + 12),
                  ("end of stream", end - SECTOR), ("directory marker", (directory - 1) * SECTOR)]
    table, = struct.unpack_from("<I", data, directory * SECTOR)
    return found + [("directory entry", directory * SECTOR), ("table entry", table * SECTOR + 1)]


def seal(data):
    """There are no checksums."""
    return bytes(data)
