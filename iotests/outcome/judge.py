# SPDX-License-Identifier: GPL-2.0-or-later
"""What the reference makes of an image that was left."""
import os
import shlex
import shutil
import subprocess

from . import targets
from .disk import Disk, state

HERE = os.path.dirname(os.path.realpath(__file__))
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}


def reference(tool=None):
    """The words that start the reference; its environment becomes ours."""
    command = [os.path.join(HERE, "..", "reference"), "--exec"] + ([tool] if tool else [])
    words = shlex.split(subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout)
    while "=" in words[0] and not words[0].startswith("/"):
        name, value = words.pop(0).split("=", 1)
        os.environ[name] = value
    return words


class Judge:
    """
    Judges what is left in a folder of one target, where the image is made in "made"; each state once.

    @source and @base are Disks. What is left is "nothing", "refused", "empty", "whole" or "half-written"; of
    a target that was there before "old", "new", "mixed", or what it must not be.
    """

    def __init__(self, qemu_img, target, folder, source, base):
        self.qemu_img, self.target, self.folder = qemu_img, target, folder
        self.source, self.base = source, base
        self.made = os.path.join(folder, targets.FOLDER)
        self.known = {}

    def ready(self):
        """The folder as conversions find it."""
        shutil.rmtree(self.made, ignore_errors=True)
        if self.target.existing:
            subprocess.run(["cp", "-r", "--sparse=always", os.path.join(self.folder, targets.OLD), self.made], check=True)
        else:
            os.mkdir(self.made)

    def verdict(self):
        if not os.path.exists(os.path.join(self.folder, targets.NAME)):
            return "nothing"
        key = state(self.made)
        if key not in self.known:
            self.known[key] = self.judge()
        return self.known[key]

    def judge(self):
        read = os.path.join(self.folder, "read")
        done = subprocess.run(self.qemu_img + ["convert", "-O", "raw"] + self.target.node() + ["../read"],
                              cwd=self.made, **QUIET)
        if done.returncode != 0:
            return "not readable" if self.target.existing else "refused"
        data = Disk(read)
        os.remove(read)
        return self.judge_existing(data) if self.target.existing else self.judge_new(data)

    def judge_new(self, data):
        if data.blocks == (self.base.blocks if self.target.backing else {}):
            return "empty"
        if self.target.garbage and not data.has_any(self.source):
            return "empty"
        # A VHD's disk may be a little longer.
        return "whole" if data.holds(self.source) else "half-written"

    def judge_existing(self, data):
        check = ["check"] + self.target.node()
        if self.target.form == "qcow2" and subprocess.run(self.qemu_img + check, cwd=self.made,
                                                          **QUIET).returncode not in (0, 3):
            return "corrupt"
        if data.holds(self.source) or data.holds(self.base):
            return "new" if data.holds(self.source) else "old"
        return "mixed" if data.mixes(self.source, self.base) else "neither old nor new"
