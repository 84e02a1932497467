# SPDX-License-Identifier: GPL-2.0-or-later
"""Describes the files that a command left, so that two runs can be compared."""
import hashlib
import os
import re
import shlex
import stat

from . import disks, ids, scratch

HEAD = 64 << 10
PIECE = 64 << 10
ZEROES = bytes(PIECE)
CONTENT_ID = re.compile(rb"\nCID=([0-9a-f]{1,8})\n")
DESCRIPTOR_END = 21 * 512  # inside a sparse extent


class Rules:
    """How a row wants its files compared: the words of its `files` line.

    bytes (default)          all contents equal
    names                    only which files there are
    any-blocks               as bytes, but the space taken on the disk is not compared
    mask FILE:OFFSET+LENGTH  these bytes of FILE are not compared (ids, times)
    accepts FILE             what the reference's info and check say of FILE is compared instead
    disk FILE                what the reference reads from FILE is compared instead, and how its
                             check of it ends
    image FILE               as disk, and what its info says of the image itself (no sizes of files, no ids)
    ignore KEY               values of KEY in what info says of accepted files (ids, times)
    ids                      random ids and times of VDI, VHD and VHDX images
    content-ids              CID=... of VMDK descriptors, which is random and of no fixed length
    content FILE DISK        these must be the bytes of the disk (table/disks.py: SIZE or SIZE:SEED), whoever wrote them
    io WORDS                 what the reference's qemu-io says when run so (encrypted files)
    img WORDS                the same of its qemu-img
    """

    def __init__(self, words):
        self.names_only = self.any_blocks = False
        self.masks = {}
        self.accepts = []
        self.disks = []
        self.images = []
        self.ignored_keys = []
        self.content_ids = self.ids = False
        self.io = []
        self.img = []
        self.contents = {}
        words = iter(words)
        for word in words:
            if word == "names":
                self.names_only = True
            elif word == "any-blocks":
                self.any_blocks = True
            elif word == "mask":
                name, _, place = next(words).rpartition(":")
                offset, _, length = place.partition("+")
                self.masks.setdefault(name, []).append((int(offset, 0), int(length, 0)))
            elif word == "accepts":
                self.accepts.append(next(words))
            elif word == "disk":
                self.disks.append(next(words))
            elif word == "image":
                self.images.append(next(words))
            elif word == "ignore":
                self.ignored_keys.append(next(words))
            elif word == "ids":
                self.ids = True
            elif word == "content-ids":
                self.content_ids = True
            elif word == "content":
                name = next(words)
                self.contents[name] = next(words)
            elif word == "io":
                self.io.append(shlex.split(next(words)))
            elif word == "img":
                self.img.append(shlex.split(next(words)))
            elif word != "bytes":
                raise scratch.SetupError(f"files: unknown word '{word}'")


def masked(block, offset, masks):
    """Zeroes what the masks cover; a mask with a negative offset was turned positive before."""
    for start, length in masks:
        low, high = max(start, offset), min(start + length, offset + len(block))
        if low < high:
            block = block[:low - offset] + bytes(high - low) + block[high - offset:]
    return block


def content_hash(path, masks):
    """A hash of the contents that does not see where holes are."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        masks = [(start + size if start < 0 else start, length) for start, length in masks]
        done = 0
        for start, end in scratch.data_extents(file.fileno(), size):
            offset = max(start // PIECE * PIECE, done)
            while offset < end:
                piece = masked(os.pread(file.fileno(), PIECE, offset), offset, masks)
                if piece != ZEROES[:len(piece)]:
                    digest.update(b"%d:" % offset)
                    digest.update(piece)
                offset += PIECE
            done = offset
    return digest.hexdigest()


class Contents:
    """Hashes of the files in a scratch folder. Of those that are as they were copied, they are kept."""

    KEPT_MAX = 10_000

    def __init__(self, slot, kept):
        self.slot = slot
        self.kept = kept

    def hash(self, name, masks=()):
        key = (self.slot.tree, name, tuple(masks))
        if key in self.kept and self.slot.is_untouched(name):
            return self.kept[key]
        try:
            result = content_hash(os.path.join(self.slot.folder, name), masks)
        except PermissionError:
            return "unreadable"
        if self.slot.is_untouched(name):
            if len(self.kept) >= self.KEPT_MAX:
                self.kept.clear()
            self.kept[key] = result
        return result

    def identity(self):
        """A hash of all that is in the folder: names, kinds, modes, contents, and how much space they take."""
        digest = hashlib.sha256()
        for path, folders, files in os.walk(self.slot.folder):
            folders.sort()
            for name in sorted(folders + files):
                full = os.path.join(path, name)
                info, short = os.lstat(full), os.path.relpath(full, self.slot.folder)
                content = ""
                if stat.S_ISLNK(info.st_mode):
                    content = os.readlink(full)
                elif stat.S_ISREG(info.st_mode):
                    content = self.hash(short)
                digest.update(repr((short, info.st_mode, info.st_size, info.st_blocks, content)).encode(
                    "utf-8", "replace"))
        return digest.hexdigest()


def content_id_hidden(head):
    """The file's start without a descriptor's content ID, and the bytes that the ID fell short."""
    found = CONTENT_ID.search(head)
    if not found:
        return head, 0
    short = 8 - len(found[1])
    before, rest = head[:found.start(1)] + bytes(8), head[found.end(1):]
    # A shorter ID than the last one leaves some of the longer text behind the end of its own.
    if not head.startswith(b"KDMV"):
        return before + rest.partition(b"\0")[0], short
    inside = max(DESCRIPTOR_END - found.end(1), 0)
    text = rest[:inside].partition(b"\0")[0].ljust(DESCRIPTOR_END - len(before), b"\0")
    return before + text + rest[inside:], short


def describe(contents, rules, judge):
    """A dictionary from names in the folder to what is compared of them."""
    result, folder = {}, contents.slot.folder
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            full = os.path.join(path, name)
            short = os.path.relpath(full, folder)
            key = short.encode("utf-8", "surrogateescape").decode("latin-1")
            result[key] = "there" if rules.names_only else entry(full, short, rules, judge, contents)
    return result


def entry(full, short, rules, judge, contents):
    info = os.lstat(full)
    mode = f"{stat.S_IMODE(info.st_mode):04o}"
    if stat.S_ISLNK(info.st_mode):
        return {"link": os.readlink(full)}
    if not stat.S_ISREG(info.st_mode):
        return {"type": stat.S_IFMT(info.st_mode), "mode": mode}
    if short in rules.accepts:
        return {"mode": mode, "judged": judge(short, rules.ignored_keys)}
    if short in rules.images:
        return {"mode": mode, "disk": judge.disk(short), "facts": judge.facts(short)}
    if short in rules.disks:
        return {"mode": mode, "disk": judge.disk(short)}
    size = info.st_size
    if rules.content_ids:
        with open(full, "rb") as file:
            original = file.read(HEAD)
        head, missing = content_id_hidden(original)
        inside = head.startswith(b"KDMV") and size >= DESCRIPTOR_END
        if head != original and not original.startswith(b"KDMV"):
            size = len(head)
        else:
            size += 0 if inside else missing
        rules.masks[short] = [(0, HEAD)]
        mode += " " + hashlib.sha256(head).hexdigest()
    if rules.ids:
        rules.masks[short] = ids.places(full)
    result = {"mode": mode, "size": size, "hash": contents.hash(short, rules.masks.get(short, ()))}
    if not rules.any_blocks:
        result["blocks"] = info.st_blocks
    if short in rules.contents:
        result["content"] = "right" if disks.is_content(full, rules.contents[short]) else "wrong"
    return result
