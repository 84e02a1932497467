# SPDX-License-Identifier: GPL-2.0-or-later
"""The fuzz targets' inputs as image files (formats/test/fuzz-driver.c tells how they are packed), and damage to them."""
import glob
import os
import random
import re
import struct

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))),
                      "formats", "test", "corpus")
SECTOR = 512
IMAGE_BYTES_MAX = 8 << 20
INTERESTING = (0, 1, 2, 0x7f, 0x80, 0xff)
WIDTHS = (1, 1, 1, 2, 4, 4, 8, 8)
PLACE_BYTES = 16
OURS_ALONE = {"vhdx/log"}  # the reference refuses to read them; own/vhdx.py tells of such images
SOMETHING = re.compile(rb"[^\0][\0-\xff]{0,15}", re.DOTALL)


def names():
    """FORMAT/NAME of each input that both can read."""
    found = {os.path.relpath(path, FOLDER) for path in glob.glob(os.path.join(FOLDER, "*", "*"))}
    return sorted(found - OURS_ALONE)


def pieces(packed):
    """Yields (offset, bytes)."""
    at = 4
    while at + 8 <= len(packed):
        sector, length = struct.unpack_from("<II", packed, at)
        data = packed[at + 8:at + 8 + length]
        yield sector * SECTOR, data
        at += 8 + len(data)


def unpack(name, path):
    with open(os.path.join(FOLDER, name), "rb") as file:
        packed = file.read()
    size = min(struct.unpack_from("<I", packed)[0] * SECTOR, IMAGE_BYTES_MAX)
    with open(path, "wb") as file:
        file.truncate(size)
        for offset, data in pieces(packed):
            if offset < size:
                file.seek(offset)
                file.write(data[:size - offset])


def damage(path, seed):
    """Changes a few fields of what is not zero, the same ones for the same seed; sometimes cuts the file.

    Answers of the reference are kept by the text of a case: who changes what a seed does renames the seeds in rows/.
    """
    dice = random.Random(seed)
    with open(path, "r+b") as file:
        data = file.read()
        places = [match.start() for match in SOMETHING.finditer(data)]
        for _ in range(dice.randint(1, 3)):
            place = dice.choice(places) + dice.randrange(PLACE_BYTES)
            width = dice.choice(WIDTHS)
            value = bytes(dice.choice(INTERESTING) if dice.random() < 0.7 else dice.randrange(256)
                          for _ in range(width))
            file.seek(min(place, len(data) - width))
            file.write(value)
        if dice.random() < 0.1:
            file.truncate(dice.randrange(len(data) // SECTOR + 1) * SECTOR)
