# SPDX-License-Identifier: GPL-2.0-or-later
"""Contents of disks and files, holes left out."""
import errno
import hashlib
import os

BLOCK = 4096
SECTOR = 512
READ = 256 * BLOCK


def pieces(file):
    """(offset, bytes) of what a file has; nothing of its holes."""
    at, size = 0, os.fstat(file.fileno()).st_size
    while at < size:
        try:
            at = os.lseek(file.fileno(), at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
        at -= at % BLOCK
        while at < end:
            data = os.pread(file.fileno(), min(READ, size - at), at)
            yield at, data
            at += len(data)


class Disk:
    """A size, and the blocks that are not zeroes."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.size = os.fstat(file.fileno()).st_size
            self.blocks = {}
            for offset, data in pieces(file):
                for at in range(0, len(data), BLOCK):
                    block = data[at:at + BLOCK]
                    if block.count(0) < len(block):
                        self.blocks[offset + at] = block.ljust(BLOCK, b"\0")

    def holds(self, other):
        """Whether it is @other, maybe with zeroes behind it."""
        return self.size >= other.size and self.blocks == other.blocks

    def block(self, at):
        return self.blocks.get(at, bytes(BLOCK))

    def has_any(self, other):
        """Whether it has a block of @other, wherever."""
        return not set(self.blocks.values()).isdisjoint(other.blocks.values())

    def mixes(self, one, other):
        """Whether each sector is that of @one or of @other."""
        for at in self.blocks.keys() | one.blocks.keys() | other.blocks.keys():
            mine, first, second = self.block(at), one.block(at), other.block(at)
            for n in range(0, BLOCK, SECTOR):
                if mine[n:n + SECTOR] not in (first[n:n + SECTOR], second[n:n + SECTOR]):
                    return False
        return True


def state(folder):
    """The contents of all files of a folder, in short; where holes are does not count."""
    digest = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        disk = Disk(os.path.join(folder, name))
        digest.update(b"%b\0%d\0" % (os.fsencode(name), disk.size))
        for at in sorted(disk.blocks):
            digest.update(b"%d:" % at + disk.blocks[at])
    return digest.digest()
