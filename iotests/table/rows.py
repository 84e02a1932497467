# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads *.rows files (iotests/README.md describes them) and expands rows to cases."""
import dataclasses
import itertools
import os
import re
import shlex

from . import corpus, headers


class RowError(Exception):
    """A mistake in a rows file."""


@dataclasses.dataclass
class Section:
    """What a row, a block or the defaults say: lists of (words) in the order written."""
    loops: list = dataclasses.field(default_factory=list)
    setup: list = dataclasses.field(default_factory=list)
    runs: list = dataclasses.field(default_factory=list)
    tries: list = dataclasses.field(default_factory=list)
    flags: list = dataclasses.field(default_factory=list)
    files: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Case:
    """One row with all its variables put in: a setup and a few command lines."""
    name: str
    setup: list
    runs: list
    flags: dict
    files: list

    def text(self):
        """Everything that the outcome depends on, for keys and for matching."""
        return repr((self.setup, self.runs, sorted(self.flags.items()), self.files))

    def title(self):
        return "; ".join(shlex.join(run) for run in self.runs)


MARK = re.compile(r"<(%[0-9a-f]{2}|rep:[^:>]*:\d+|[A-Za-z_][A-Za-z_0-9]*\*?)>")


def substitute(word, values):
    """Puts values in the place of <name>; an unknown <name> stays as it is."""
    def one(match):
        mark = match.group(1)
        if mark.startswith("%"):
            return os.fsdecode(bytes([int(mark[1:], 16)]))
        if mark.startswith("rep:"):
            _, text, count = mark.split(":")
            return text * int(count)
        return values.get(mark, match.group(0))
    return MARK.sub(one, word)


def expand_words(words, values):
    """Substitutes in all words; a word that is just <name*> becomes the words of the value."""
    result = []
    for word in words:
        match = MARK.fullmatch(word)
        name = match.group(1) if match else ""
        if name.endswith("*") and name[:-1] in values:
            result += [substitute(part, values) for part in shlex.split(values[name[:-1]])]
        else:
            result.append(substitute(substitute(word, values), {}))
    return result


class RowsFile:
    """The parser of one file. Everything up to `row` or `block` belongs to the file's defaults."""

    def __init__(self, path):
        self.path = path
        self.lists = {}
        self.blocks = {}
        self.defaults = Section()
        self.rows = []
        self.section = self.defaults
        self.line_number = 0
        with open(path, encoding="utf-8") as file:
            for line in file:
                self.line_number += 1
                self.read_line(line.strip())

    def fail(self, text):
        raise RowError(f"{self.path}:{self.line_number}: {text}")

    def read_line(self, line):
        if not line or line.startswith("#"):
            return
        key, _, rest = line.partition(" ")
        reader = getattr(self, "read_" + key, None)
        if reader is None or key == "line":
            self.fail(f"unknown word '{key}'")
        try:
            reader(rest.strip())
        except ValueError as error:
            self.fail(str(error))

    def read_let(self, rest):
        name, equals, values = rest.partition("=")
        if not equals:
            self.fail("let NAME = VALUES")
        self.lists[name.strip()] = self.values(values)

    def known(self, name):
        """The list of that name: the file's own, or one that is always there."""
        if name == "corpus":
            return corpus.names()
        if name.startswith("1-"):
            return [str(number) for number in range(1, int(name[2:]) + 1)]
        return self.lists.get(name) or headers.find(name)

    def values(self, text):
        result = []
        for word in shlex.split(text):
            known = self.known(word[1:]) if word.startswith("@") else None
            if known:
                result += known
            else:
                result.append(word)
        return result

    def read_defaults(self, rest):
        if rest:
            self.fail("defaults takes no words")
        self.section = self.defaults = Section()

    def read_block(self, rest):
        self.section = self.blocks[rest] = Section()

    def read_row(self, rest):
        name, colon, run = rest.partition(":")
        if any(name == row[0] for row in self.rows):
            self.fail(f"a second row '{name}'")
        self.section = Section()
        for field in dataclasses.fields(Section):
            getattr(self.section, field.name).extend(getattr(self.defaults, field.name))
        self.rows.append((name.strip(), self.section))
        if colon:
            self.read_run(run.strip())

    def read_use(self, rest):
        for name in rest.split():
            if name not in self.blocks:
                self.fail(f"no block '{name}'")
            block = self.blocks[name]
            self.section.loops += block.loops
            self.section.setup += block.setup
            self.section.flags += block.flags
            self.section.files += block.files

    def read_for(self, rest):
        names, _, values = rest.partition(" in ")
        names = names.split()
        values = self.values(values)
        if not names or not values or len(values) % len(names):
            self.fail("for VARIABLE... in VALUE...")
        groups = [values[i:i + len(names)] for i in range(0, len(values), len(names))]
        self.section.loops.append([dict(zip(names, group)) for group in groups])

    def read_setup(self, rest):
        self.section.setup.append(shlex.split(rest))

    def read_run(self, rest):
        self.section.runs.append(shlex.split(rest))

    def read_try(self, rest):
        self.section.tries.append(shlex.split(rest))

    def read_with(self, rest):
        self.section.flags += shlex.split(rest)

    def read_files(self, rest):
        self.section.files[:] = shlex.split(rest)

    def cases(self):
        """Yields the cases of all rows."""
        for name, section in self.rows:
            number = 0
            for values in itertools.product(*section.loops):
                merged = {}
                for value in values:
                    merged.update(value)
                for attempt in section.tries or [None]:
                    number += 1
                    yield self.case(f"{name}#{number}", section, merged, attempt)

    @staticmethod
    def case(name, section, values, attempt):
        runs = [expand_words(run, values) for run in section.runs]
        if attempt is not None:
            runs.append(expand_words(attempt, values))
        flags = {}
        for flag in expand_words(section.flags, values):
            key, _, value = flag.partition("=")
            flags[key] = value
        return Case(name, [expand_words(words, values) for words in section.setup], runs, flags,
                    expand_words(section.files, values))


def load(paths):
    """All cases of the given files, each once; the name of the file leads the name of the case."""
    result = {}
    for path in paths:
        stem = os.path.basename(path).removesuffix(".rows")
        for case in RowsFile(path).cases():
            case.name = f"{stem}/{case.name}"
            result.setdefault(case.text(), case)
    return list(result.values())
