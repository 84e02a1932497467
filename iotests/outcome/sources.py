# SPDX-License-Identifier: GPL-2.0-or-later
"""What is converted, and what was there before."""
import os
import random
from dataclasses import dataclass

from .disk import BLOCK, Disk

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
LARGE = 4100 * MIB
# Where a large disk has data, and what was there before; extents of a split VMDK end at 2 GiB and 4 GiB.
LARGE_DATA = [(0, 80 * KIB), (2 * GIB - 96 * KIB, 160 * KIB), (4 * GIB - 4 * KIB, 8 * KIB), (LARGE - 512, 512)]
LARGE_OLD = [(32 * KIB, 96 * KIB), (GIB, 64 * KIB), (2 * GIB - 32 * KIB, 160 * KIB), (LARGE - 64 * KIB, 64 * KIB)]


@dataclass(frozen=True)
class Source:
    path: str
    disk: Disk
    base_path: str
    base: Disk


def written(folder, name, pieces, size):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        for offset, data in pieces:
            file.seek(offset)
            file.write(data)
        file.truncate(size)
    return path, Disk(path)


def packable(data):
    """Half of each block cleared, so that any compressor makes it smaller."""
    return b"".join(data[at:at + BLOCK // 2].ljust(len(data[at:at + BLOCK]), b"\0") for at in range(0, len(data), BLOCK))


def elsewhere(data):
    """Random bytes where @data has clusters of zeroes only, and zeroes elsewhere: compressed clusters cannot be overwritten."""
    clusters = (data[at:at + 64 * KIB] for at in range(0, len(data), 64 * KIB))
    return b"".join(bytes(len(cluster)) if any(cluster) else random.randbytes(len(cluster)) for cluster in clusters)


def make(folder, data):
    """The kinds of sources: "plain" is @data, over @data from its end to its start."""
    kinds = {"plain": ([(0, data)], [(0, data[::-1])], len(data)),
             "packed": ([(0, packable(data))], [(0, packable(elsewhere(data)))], len(data)),
             "large": ([(at, random.randbytes(length)) for at, length in LARGE_DATA],
                       [(at, random.randbytes(length)) for at, length in LARGE_OLD], LARGE)}
    return {kind: Source(*written(folder, kind, new, size), *written(folder, kind + "-base", old, size))
            for kind, (new, old, size) in kinds.items()}
