# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the fields of each format's headers lie, for rows that break them one by one.

`@fields:NAME` in a rows file stands for pairs of an offset and the digits to write there: every
field at 0, 1, its largest value, and the sign bit alone. `@cuts:NAME` stands for lengths: every
512 bytes of the metadata.
"""
SECTOR = 512
KIB, MIB = 1 << 10, 1 << 20

# Tables begin at an offset; behind it come the widths of the fields, in bytes. Offsets below zero
# count from the end of the file. "4*5" are five fields of 4 bytes, "-8" is a gap.
FIELDS = {
    "qcow2": ("big", (0, "4 4 8 4 4 8 4 4 8 8 4 4 8 8 8 8 4 4 1 7 4 4 5 3 4 4")),
    "qcow2-v2": ("big", (0, "4 4 8 4 4 8 4 4 8 8 4 4 8 4 4 5")),
    "qcow": ("big", (0, "4 4 8 4 4 8 1 1 2 4 8 8")),
    "qed": ("little", (0, "4*4 8*5 4 4")),
    "vdi": ("little", (64, "4*5 1"), (340, "4*6 -4 8 4*4 16*4 8 8"), (512, "4*3")),
    "vpc": ("big", (0, "8 4 4 8 4 4 2 2 4 8 8 2 1 1 4 4 16 1"), (512, "8 8 8 4*4 16 4 4 2"),
            (512 + 576, "4*4 8 4*4 8"), (1536, "4 4")),
    "vpc-footer": ("big", (-512, "8 4 4 8 4 4 2 2 4 8 8 2 1 1 4 4 16 1")),
    "vhdx": ("little", (0, "8 2"), (64 * KIB, "4 4 8 16*3 2 2 4 8"), (128 * KIB, "4 4 8 16*3 2 2 4 8"),
             (192 * KIB, "4*4 16 8 4 4 16 8 4 4"), (256 * KIB, "4*4 16 8 4 4 16 8 4 4"),
             (2 * MIB, "8 8"), (3 * MIB, "8 2 2 -20 16 4*4 16 4*4 16 4*4 16 4*4 16 4*4"),
             (3 * MIB + 64 * KIB, "4 4 8 16 4 4")),
    "parallels": ("little", (0, "16 4*5 8 4*3 8"), (64, "4 4")),
    "bochs": ("little", (0, "32 16 16 4*6 8"), (512, "4*3")),
    "cloop": ("big", (128, "4 4 8*4")),
    "dmg": ("big", (-512, "4*4 8*5 4 4 16 4 4 4"), (-296, "8 8"), (-160, "4 4 4"), (-24, "4 8")),
    "luks": ("big", (0, "6 2 32*3 4 4 20 32 4 40"), (208, "4 4 32 4 4 4 4 32 4 4"), (544, "4 4 32 4 4")),
    "vmdk": ("little", (0, "4 4 4 8 8 8 8 4 8 8 8 1*5 2")),
    "cowd": ("little", (0, "4*8")),
    "sesparse": ("little", (0, "8*26"), (512, "8*5")),
}

# (first, end, step): by sectors where there is something, in larger steps where only zeroes lie.
CUTS = {
    "qcow2": ((0, 1 * KIB, 512), (64 * KIB, 66 * KIB, 512), (4 * KIB, 260 * KIB, 4 * KIB)),
    "qcow2-small": ((0, 12 * KIB, 512),),
    "qcow": ((0, 4 * KIB, 512),),
    "qed": ((0, 1 * KIB, 512), (4 * KIB, 324 * KIB, 8 * KIB)),
    "vdi": ((0, 2 * KIB, 512),),
    "vpc": ((0, 6 * KIB, 512),),
    "vhdx": ((0, 1 * KIB, 512), (64 * KIB, 69 * KIB, 512), (128 * KIB, 133 * KIB, 512),
             (192 * KIB, 193 * KIB, 512), (256 * KIB, 257 * KIB, 512), (2 * MIB, 2 * MIB + 1 * KIB, 512),
             (3 * MIB, 3 * MIB + 1 * KIB, 512), (3 * MIB + 64 * KIB, 3 * MIB + 65 * KIB, 512),
             (0, 5 * MIB, 64 * KIB)),
    "parallels": ((0, 4 * KIB, 512),),
    "bochs": ((0, 12 * KIB, 512),),
    "cloop": ((0, 1 * KIB, 512),),
    "dmg": ((0, 8 * KIB, 512),),
    "luks": ((0, 1 * KIB, 512), (4 * KIB, 2052 * KIB, 32 * KIB)),
    "vmdk": ((0, 24 * KIB, 512), (24 * KIB, 72 * KIB, 4 * KIB)),
    "cowd": ((0, 4 * KIB, 512),),
    "sesparse": ((0, 4 * KIB, 512),),
}


def places(widths, offset):
    """Yields (offset, width) of each field of a table."""
    for word in widths.split():
        width, _, count = word.partition("*")
        for _ in range(int(count or 1)):
            if int(width) > 0:
                yield offset, int(width)
            offset += abs(int(width))


def extremes(width, order):
    """The digits of 0, 1, the largest value, and half of that plus one."""
    bits = 8 * width
    return [value.to_bytes(width, order).hex() for value in (0, 1, (1 << bits) - 1, 1 << (bits - 1))]


def fields(name):
    """Offset, digits, offset, digits, ..."""
    order, *tables = FIELDS[name]
    result = []
    for offset, widths in tables:
        for place, width in places(widths, offset):
            for digits in extremes(width, order):
                result += [str(place), digits]
    return result


def cuts(name):
    """Lengths, the smallest first."""
    return [str(length) for length in sorted({n for cut in CUTS[name] for n in range(*cut)})]


LISTS = {f"fields:{name}": fields for name in FIELDS} | {f"cuts:{name}": cuts for name in CUTS}


def find(name):
    """The list of that name, or None."""
    return LISTS[name](name.partition(":")[2]) if name in LISTS else None
