# SPDX-License-Identifier: GPL-2.0-or-later
"""What a program does to files, watched by strace; and requests of it that strace lets fail.

io_uring and threads are refused to the program, so that it writes by system calls, one by one.
"""
import glob
import os
import re
import subprocess
from dataclasses import dataclass

from .disk import pieces

WRITES = ("pwrite64", "pwritev", "fallocate", "ftruncate", "copy_file_range")
FLUSHES = ("fdatasync", "fsync")
# strace tampers with calls only that it traces.
REFUSED = ["-e", "inject=io_uring_setup:error=EPERM", "-e", "inject=clone3:error=EAGAIN"]
CALL = re.compile(r"^(\w+)\((\d+)<([^>]*)>(.*)\) += (-?\d+)")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.*)')
PUNCH_HOLE, ZERO_RANGE, KEEP_SIZE = "PUNCH_HOLE", "ZERO_RANGE", "KEEP_SIZE"
PAGE = 4096


def clear(file, start, end):
    """Zeroes over what a file has there; holes stay."""
    for at, data in pieces(file):
        first, last = max(at, start), min(at + len(data), end)
        if first < last:
            os.pwrite(file.fileno(), bytes(last - first), first)


@dataclass
class Change:
    """One change of a file, or a flush."""
    call: str
    number: int          # which call of its kind it was, from 1
    file: str            # name within the folder
    offset: int = 0
    length: int = 0
    data: bytes = b""
    mode: str = ""

    def apply(self, folder):
        """Do it to the files of a folder."""
        if self.call in FLUSHES:
            return
        path = os.path.join(folder, self.file)
        with open(path, "r+b" if os.path.exists(path) else "w+b") as file:
            size = os.fstat(file.fileno()).st_size
            if self.call == "ftruncate":
                file.truncate(self.length)
            elif self.call == "fallocate":
                if KEEP_SIZE not in self.mode and self.offset + self.length > size:
                    file.truncate(self.offset + self.length)
                if PUNCH_HOLE in self.mode or ZERO_RANGE in self.mode:
                    clear(file, self.offset, self.offset + self.length)
            else:
                file.seek(self.offset)
                file.write(self.data)

    def torn(self):
        """What a kill in the middle of it may leave: some of its pages."""
        pages = (len(self.data) + PAGE - 1) // PAGE
        for count in sorted({1, pages // 2, pages - 1} - {0, pages}):
            if 0 < count < pages:
                end = (self.offset // PAGE + count) * PAGE - self.offset
                yield Change(self.call, self.number, self.file, self.offset, end, self.data[:end])


def command(program, more=()):
    """The words that watch @program, without its own arguments."""
    return ["strace", "-f", "-qq", "-e", "signal=none", *REFUSED, *more] + program


def unhex(text):
    return bytes.fromhex(text.replace("\\x", ""))


def change_of(line, folder, counts):
    """The change that a line of the trace is, or None."""
    match = CALL.match(line)
    if not match:
        return None
    call, path, rest, result = match[1], os.fsdecode(unhex(match[3])), match[4], int(match[5])
    counts[call] = counts.get(call, 0) + 1
    if os.path.dirname(path) != folder:
        return None
    change = Change(call, counts[call], os.path.basename(path))
    if call in FLUSHES:
        return change
    words = [word.strip() for word in rest.rsplit(",", 2)]
    if call == "ftruncate":
        change.length = int(words[-1])
    elif call == "fallocate":
        change.mode, change.offset, change.length = words[0], int(words[1]), int(words[2])
    else:
        texts = TEXT.findall(rest)
        if any(dots for _, dots in texts):
            raise ValueError("a write was not recorded whole")
        change.data = b"".join(unhex(text) for text, _ in texts)[:max(result, 0)]
        change.offset, change.length = int(words[-1]), len(change.data)
    return change


def record(program, arguments, folder, trace):
    """Run it in @folder; returns its exit status and the changes of files there."""
    # Each process has a file of its own, so that no call is shown in halves; only one of them writes.
    more = ["-ff", "-v", "-y", "-xx", "-s", str(64 << 20), "-o", trace, "-e", "trace=io_uring_setup,clone3," + ",".join(WRITES[:-1] + FLUSHES)]
    done = subprocess.run(command(program, more) + arguments, cwd=folder, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False)
    changes = []
    for name in glob.glob(trace + ".*"):
        counts, found = {}, []
        with open(name, encoding="ascii", errors="replace") as lines:
            for line in lines:
                if change := change_of(line, os.path.realpath(folder), counts):
                    found.append(change)
        os.remove(name)
        if found and changes:
            raise ValueError("several processes write")
        changes += found
    return done.returncode, changes


def failing(program, arguments, folder, call, number, error):
    """Run it with its @number-th @call failing; returns the exit status and what it said."""
    more = ["-o", "/dev/null", "-e", f"trace=io_uring_setup,clone3,{call}", "-e", f"inject={call}:error={error}:when={number}"]
    done = subprocess.run(command(program, more) + arguments, cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, os.fsdecode(done.stdout)
