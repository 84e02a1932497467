# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of a known disk (disks.py) in formats that the reference cannot make, or not in all their forms.

Each module has a function `build(folder, name, disk, options)`, which writes one file or more; options are KEY=VALUE words
of the row, as a dictionary.
"""
import importlib
import os

from .. import disks

KINDS = {"bochs": "bochs", "cloop": "cloop", "dmg": "dmg", "luks": "luks", "vhd": "vhd", "vhdx": "vhdx", "vmdk": "vmdk"}


def build(kind, path, text, options):
    """Raises ValueError where a row asks for what there is not."""
    words = dict(word.partition("=")[::2] for word in options)
    size, seed = disks.parse(text)
    module = importlib.import_module("." + KINDS[kind], __name__)
    module.build(os.path.dirname(path), os.path.basename(path), disks.content(size, seed), words)
    if words:
        raise ValueError(f"unknown options {' '.join(words)}")


def put(folder, name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def pieces(disk, length):
    """Yields (number, bytes) of each piece of that length; the last one is filled up with zeroes."""
    for start in range(0, len(disk), length):
        yield start // length, disk[start:start + length].ljust(length, b"\0")
