# SPDX-License-Identifier: GPL-2.0-or-later
"""What disks hold in rows that ask for right bytes: the same bytes for the same size and seed, everywhere.

A disk is a row of clusters of 64 KiB, each of which follows from the seed and its own number alone: a shorter disk is the
start of a longer one. There are holes, clusters of zeroes, random bytes, text, one byte over and over, and mixtures of
these in pieces of 512 bytes to 16 KiB.
"""
import functools
import random

CLUSTER = 64 << 10
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
KINDS = ("hole",) * 3 + ("zeroes",) * 2 + ("random",) * 3 + ("text",) * 3 + ("fill",) + ("mixed",) * 4
WORDS = [bytes(random.Random(number).choices(b"abcdefghijklmnopqrstuvwxyz", k=2 + number % 9)) for number in range(300)]
PIECES = (512, 1 << 10, 4 << 10, 8 << 10, 16 << 10)


def number(text):
    """"3M", "1000", "64K"."""
    unit = UNITS.get(text[-1:].upper())
    return int(text[:-1], 0) * unit if unit else int(text, 0)


def piece(dice, kind, length):
    if kind == "random":
        return dice.randbytes(length)
    if kind == "text":
        return b" ".join(dice.choices(WORDS, k=length // 3 + 1))[:length]
    if kind == "fill":
        return bytes([dice.randrange(1, 256)]) * length
    return bytes(length)


@functools.lru_cache(maxsize=1024)
def kinds(group, seed):
    """The kinds of as many clusters as there are in KINDS, mixed."""
    return random.Random(f"{seed} {group}").sample(KINDS, len(KINDS))


def cluster(index, seed):
    """(kind, the bytes of the cluster)."""
    dice = random.Random(f"{seed} {index} cluster")
    kind = kinds(index // len(KINDS), seed)[index % len(KINDS)]
    if kind != "mixed":
        return kind, piece(dice, kind, CLUSTER)
    data = b""
    while len(data) < CLUSTER:
        data += piece(dice, dice.choice(KINDS), dice.choice(PIECES))
    return kind, data[:CLUSTER]


@functools.lru_cache(maxsize=8)
def content(size, seed=1, cleared=None):
    """The whole disk; @cleared: (offset, length) of a part that is zeroes."""
    data = b"".join(cluster(index, seed)[1] for index in range(-(-size // CLUSTER)))[:size]
    if cleared:
        offset, length = cleared
        data = data[:offset] + bytes(length) + data[offset + length:]
    return data


def parse(text):
    """"SIZE[:SEED[:OFFSET+LENGTH]]": (size, seed, cleared)."""
    size, seed, cleared = (text.split(":") + ["", ""])[:3]
    place = tuple(number(part) for part in cleared.split("+")) if cleared else None
    return number(size), int(seed or "1"), place


def write(path, text):
    """The disk as a sparse file, with its holes."""
    size, seed, _ = parse(text)
    with open(path, "wb") as file:
        for index in range(-(-size // CLUSTER)):
            kind, data = cluster(index, seed)
            if kind != "hole":
                file.seek(index * CLUSTER)
                file.write(data[:size - index * CLUSTER])
        file.truncate(size)


def is_content(path, text):
    """Whether the file holds this disk: all of it, and no more."""
    with open(path, "rb") as file:
        return file.read() == content(*parse(text))
