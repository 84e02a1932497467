# SPDX-License-Identifier: GPL-2.0-or-later
"""What the reference makes of an image that was left."""
import hashlib
import os
import shlex
import shutil
import subprocess

from . import targets

HERE = os.path.dirname(os.path.realpath(__file__))


def reference(tool=None):
    """The words that start the reference; its environment becomes ours."""
    command = [os.path.join(HERE, "..", "reference"), "--exec"] + ([tool] if tool else [])
    words = shlex.split(subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout)
    while "=" in words[0] and not words[0].startswith("/"):
        name, value = words.pop(0).split("=", 1)
        os.environ[name] = value
    return words


def folder_empty(folder):
    """The folder, with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)


def state(folder):
    """The contents of all files of a folder, in short."""
    digest = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        digest.update(name.encode() + b"\0")
        with open(os.path.join(folder, name), "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.digest()


class Judge:
    """Judges images of one target; each state once."""

    def __init__(self, qemu_img, target, source, base=b""):
        self.qemu_img, self.target, self.source = qemu_img, target, source
        self.base = base if target.backing else b""
        self.known = {}

    def blocks(self):
        """Some of the source's sectors, by which a part of it is known."""
        sectors = (self.source[at:at + 512] for at in range(0, len(self.source), 1 << 16))
        return [sector for sector in sectors if any(sector)]

    def verdict(self, folder="."):
        """What is left in @folder/made: "nothing", "refused", "empty", "whole" or "half-written"."""
        made = os.path.join(folder, targets.FOLDER)
        if not os.path.exists(os.path.join(folder, targets.NAME)):
            return "nothing"
        key = state(made)
        if key not in self.known:
            self.known[key] = self.judge(folder)
        return self.known[key]

    def judge(self, folder):
        read = os.path.join(folder, "read")
        done = subprocess.run(self.qemu_img + ["convert", "-O", "raw"] + self.target.node() + ["../read"],
                              cwd=os.path.join(folder, targets.FOLDER), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            return "refused"
        with open(read, "rb") as file:
            data = file.read()
        os.remove(read)
        if data == self.base.ljust(len(data), b"\0"):
            return "empty"
        if self.target.garbage and not any(block in data for block in self.blocks()):
            return "empty"
        # A VHD's disk may be a little longer.
        if data == self.source.ljust(len(data), b"\0"):
            return "whole"
        return "half-written"
