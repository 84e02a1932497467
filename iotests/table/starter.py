# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts programs by the small one that starter.c makes, which is quick and disturbs no measurement."""
import dataclasses
import os
import struct
import subprocess

ANSWER = struct.Struct("=6q")
TIMEOUT, NOT_STARTED = 1000, 1001  # as starter.c has it
LARGE_BYTES = 1 << 20  # with outputs of that length its memory is not small any more


@dataclasses.dataclass
class Ended:
    """How a program ended: its outputs (80 MiB at most), its status, below zero a signal, or "timeout"."""
    out: bytes
    err: bytes
    status: object
    seconds: float  # of processor time
    kib: int        # of memory, at most


class Starter:
    """A process of the program at that path, one for each process that asks."""

    def __init__(self, path):
        if not os.access(path, os.X_OK):
            raise SystemExit(f"no program {path}: `./dev test` builds it, as ninja does in a build folder")
        self.path = path
        self.owner = None
        self.process = None

    def run(self, words, environment, folder, umask="022", seconds=20):
        """Runs one program, found by PATH; OSError if it cannot be started."""
        if self.owner != os.getpid():
            self.process = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.owner = os.getpid()
        texts = [str(seconds), folder, umask, str(len(words)), *words,
                 *(f"{name}={value}" for name, value in environment.items())]
        request = os.fsencode("\0".join(texts)) + b"\0"
        self.process.stdin.write(len(request).to_bytes(4, "little") + request)
        self.process.stdin.flush()
        reader = self.process.stdout
        status, error, microseconds, kib, out, err = ANSWER.unpack(reader.read(ANSWER.size))
        ended = Ended(reader.read(out), reader.read(err), "timeout" if status == TIMEOUT else status,
                      microseconds / 1e6, kib)
        if out + err > LARGE_BYTES:
            self.close()
        if status == NOT_STARTED:
            raise OSError(error, os.strerror(error), words[0])
        return ended

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.owner = None
