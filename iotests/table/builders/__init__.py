# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of a known disk (disks.py) in formats that the reference cannot make, or not in all their forms.

Each module but lzfse.py, a compressor, has a function `build(folder, name, disk, options)`, which writes one file or more;
options are KEY=VALUE words of the row, as a dictionary, from which it takes those that it knows. With under=1 the image is
one of a disk that differs from the one asked for here and there: a parent, for a child that is built with parent=FILE.
"""
import functools
import glob
import hashlib
import importlib
import os
import random

from .. import disks

SECTOR = 512
KINDS = {"bochs": "bochs", "cloop": "cloop", "dmg": "dmg", "luks": "luks", "vhd": "vhd", "vhdx": "vhdx", "vmdk": "vmdk"}


def build(kind, path, text, options):
    """Raises ValueError where a row asks for what there is not."""
    words = dict(word.partition("=")[::2] for word in options)
    module = importlib.import_module("." + KINDS[kind], __name__)
    disk = disks.content(*disks.parse(text))
    if words.pop("under", ""):
        disk = under(disk)[0]
    module.build(os.path.dirname(path), os.path.basename(path), disk, words)
    if words:
        raise ValueError(f"unknown options {' '.join(words)}")


@functools.lru_cache(maxsize=1)
def sources_hash():
    """Of the programs that make images."""
    digest = hashlib.sha256()
    here = os.path.dirname(__file__)
    others = [os.path.join(os.path.dirname(here), name) for name in ("disks.py", "hostile.py", "pack.py")]
    for path in sorted(glob.glob(os.path.join(here, "*.py"))) + others:
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def version(setup):
    """What answers to a case with these setup lines depend on, besides their text; empty: nothing."""
    return sources_hash() if any(words[0] in ("build", "chain", "disk", "pack") for words in setup) else ""


def names_place(words):
    """Does this setup line make a file that tells in which folder it is? Children tell of their parents."""
    return words[0] == "build" and any(word.startswith("parent=") for word in words)


def put(folder, name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def pieces(disk, length):
    """Yields (number, bytes) of each piece of that length; the last one is filled up with zeroes."""
    for start in range(0, len(disk), length):
        yield start // length, disk[start:start + length].ljust(length, b"\0")


def under(disk):
    """The disk of a parent, and for each sector whether it differs: pieces of other bytes, here and there."""
    dice = random.Random(len(disk))
    data, differs = bytearray(disk), [False] * -(-len(disk) // SECTOR)
    at = 0
    while at < len(disk):
        length = min(dice.choice((512, 1536, 4096, 64 << 10, 200 << 10)), len(disk) - at)
        if dice.random() < 0.4:
            data[at:at + length] = bytes([dice.randrange(1, 256)]) * length
            differs[at // SECTOR:(at + length) // SECTOR] = [True] * (length // SECTOR)
        at += length
    return bytes(data), differs
