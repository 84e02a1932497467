# SPDX-License-Identifier: GPL-2.0-or-later
"""What the documents of the formats demand of a file, clause by clause."""


class Lint:
    """Collects what is wrong with one file."""

    def __init__(self, data):
        self.data, self.findings, self.notes = data, [], {}

    def demand(self, true, text):
        """The document says so; else it is a finding."""
        if not true:
            self.findings.append(text)
        return bool(true)

    def at(self, offset, length):
        """Bytes of the file, or none and a finding."""
        if not self.demand(offset + length <= len(self.data), f"{length} bytes at {offset} lie behind the end"):
            return bytes(length)
        return self.data[offset:offset + length]


def overlaps(ranges):
    """Pairs of ranges (start, end, name) that share bytes."""
    found, last = [], None
    for one in sorted(ranges):
        if last and one[0] < last[1]:
            found.append(f"{last[2]} and {one[2]} overlap")
        if not last or one[1] > last[1]:
            last = one
    return found
