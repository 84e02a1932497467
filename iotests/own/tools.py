# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of our own options share."""
import json
import os
import random
import shlex
import subprocess

HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
MIB = 1 << 20
TESTS = {}


def test(function):
    TESTS[function.__name__.replace("_", "-")] = function
    return function


class Tools:
    """The program under test, and the reference."""

    def __init__(self, program, engine):
        self.program = program
        self.reference, self.reference_io = reference_words("qemu-img"), reference_words("qemu-io")
        self.environment = {**os.environ, "QEMU_IMG_COMPAT_ENGINE": engine}

    def run(self, *args, status=0, **kwargs):
        """Run the program; what it prints, if it ends as it should."""
        done = subprocess.run([self.program, *args], env=self.environment, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
        expect(done.returncode == status, f"{args}: status {done.returncode}, {done.stderr}")
        return done

    def make(self, *args):
        subprocess.run([*self.reference, *args], check=True, stdout=subprocess.DEVNULL)

    def make_io(self, image_format, name, *commands):
        subprocess.run([*self.reference_io, "-f", image_format, *(w for c in commands for w in ("-c", c)), name],
                       check=True, stdout=subprocess.DEVNULL)

    def content(self, name, image_format):
        self.make("convert", "-f", image_format, "-O", "raw", name, "content.raw")
        with open("content.raw", "rb") as file:
            return file.read()


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def expect_error(done, text):
    expect(done.stderr == f"qemu-img: {text}\n", f"{done.args}: {done.stderr!r}, not {text!r}")


def source_make(mib=8, holes=3):
    """A raw file, every third MiB a hole."""
    data = b"".join(random.randbytes(MIB) if i % holes else bytes(MIB) for i in range(mib))
    with open("s.raw", "wb") as file:
        for i in range(mib):
            if i % holes:
                os.pwrite(file.fileno(), data[i * MIB:(i + 1) * MIB], i * MIB)
        file.truncate(mib * MIB)
    return data


def unreadable(name):
    """A name for the raw file from which nothing can be read."""
    image = {"driver": "raw", "file": {"driver": "file", "filename": name}}
    return "json:" + json.dumps({"driver": "blkdebug", "inject-error": [{"event": "none"}], "image": image})


def only_files(*names):
    expect(sorted(os.listdir(".")) == sorted(names), f"files: {sorted(os.listdir('.'))}")


def load(name):
    with open(name, "rb") as file:
        return file.read()


def reference_words(tool):
    words = shlex.split(subprocess.run([os.path.join(HERE, "reference"), "--exec", tool], check=True, text=True,
                                       stdout=subprocess.PIPE).stdout)
    while "=" in words[0] and not words[0].startswith("/"):
        name, value = words.pop(0).split("=", 1)
        os.environ[name] = value
    return words
