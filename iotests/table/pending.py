# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases that are known to differ, because what they need is not there yet."""
import re


class Pending:
    """The lines "REGEX | REASON" of a file; REGEX is looked for in a case's name, setup and command lines.

    A case that matches and differs is not passed but skipped, with the reason; when no case differs
    any more for a line, the line itself is a failure: it has to go.
    """

    def __init__(self, path):
        self.lines = []
        self.used = {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    pattern, _, reason = line.rpartition("|")
                    self.lines.append((re.compile(pattern.strip()), reason.strip()))

    def excuse(self, title):
        """Returns the reason why this case may differ, or None."""
        for pattern, reason in self.lines:
            if pattern.search(title):
                self.used[pattern.pattern] = self.used.get(pattern.pattern, 0) + 1
                return reason
        return None

    def idle(self):
        """Returns the patterns for which nothing differs."""
        return [pattern.pattern for pattern, _ in self.lines if pattern.pattern not in self.used]
