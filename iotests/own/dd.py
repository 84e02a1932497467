# SPDX-License-Identifier: GPL-2.0-or-later
"""dd: sizes, streams, images that are there, snapshots."""
import os
import random
import subprocess

from .tools import MIB, expect, load, source_make, test


def dd(tools, *args, data=None, status=0):
    """Run dd with @data as standard input; what it writes to standard output, and its errors."""
    done = subprocess.run([tools.program, "dd", *args], env=tools.environment, input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    expect(done.returncode == status, f"{args}: status {done.returncode}, {done.stderr}")
    return done.stdout, done.stderr.decode()


@test
def dd_sizes(tools):
    data = source_make(3)
    for args, bytes_read, size in (
            (["osize=1M"], MIB, MIB), (["osize=1000000", "bs=1000"], 1000000, 1000448),
            (["osize=5M", "isize=1M"], MIB, 5 * MIB), (["isize=2M"], 2 * MIB, 3 * MIB),
            (["osize=2M", "count=1"], 2 * MIB, 2 * MIB), (["osize=2M", "isize=1500k", "bs=64k"], 1500 << 10, 2 * MIB)):
        for image_format in ("raw", "qcow2"):
            dd(tools, "-O", image_format, *args, "if=s.raw", "of=o")
            expected = data[:bytes_read].ljust(size, b"\0")
            expect(tools.content("o", image_format) == expected, f"{args} {image_format}")
    dd(tools, "osize=2M", "skip=1", "bs=1M", "if=s.raw", "of=o")
    expect(load("o") == data[MIB:2 * MIB].ljust(2 * MIB, b"\0"), "skip counts as read")
    error = "qemu-img: error while {} image file: Input/output error\n"
    # Whole blocks are copied, as far as they go.
    _, text = dd(tools, "osize=5M", "bs=2M", "if=s.raw", "of=o", status=1)
    expect(text == error.format("reading from input") and load("o")[:2 * MIB] == data[:2 * MIB], text)
    _, text = dd(tools, "osize=2M", "isize=3M", "if=s.raw", "of=o", status=1)
    expect(text == error.format("writing to output") and load("o") == data[:2 * MIB], text)
    _, text = dd(tools, "osize=1M", "skip=3", "bs=1M", "if=s.raw", "of=o")
    expect(text == "qemu-img: s.raw: cannot skip to specified offset\n", text)
    for operand in ("osize=x", "isize=-1", "osize="):
        dd(tools, operand, "if=s.raw", "of=o2", status=1)
    expect(not os.path.exists("o2"), "a target was made")


@test
def dd_streams(tools):
    random.seed(3)
    data = source_make(5)
    odd = data[:3 * MIB + 1234]
    tools.make("convert", "-O", "qcow2", "s.raw", "t.qcow2")
    for bs in ("512", "1000", "64k", "4M"):
        expect(dd(tools, "-f", "qcow2", "-O", "raw", f"bs={bs}", "if=t.qcow2", "of=-")[0] == data, f"to a pipe, {bs}")
        out, _ = dd(tools, "-f", "raw", "isize=0", "osize=9M", f"bs={bs}", data=odd)
        expect(out == odd, f"from a pipe to a pipe, {bs}")
    expect(dd(tools, "bs=1000", "skip=3", "if=s.raw", "of=-")[0] == data[3000:], "bytes count on a pipe")
    for image_format in ("raw", "qcow2", "vmdk"):
        dd(tools, "-f", "raw", "-O", image_format, "bs=100000", f"osize={len(odd)}", "of=o", data=odd)
        expect(tools.content("o", image_format)[:len(odd)] == odd, f"known length, {image_format}")
        dd(tools, "-f", "raw", "-O", image_format, "isize=0", "osize=8M", "of=o", data=odd)
        expect(tools.content("o", image_format) == odd.ljust(8 * MIB, b"\0"), f"unknown length, {image_format}")
    dd(tools, "-f", "raw", "if=-", "of=o", "bs=1M", "count=2", data=data)
    expect(load("o") == data[:2 * MIB], "count")
    # A regular file is as good as a pipe.
    with open("s.raw", "rb") as source, open("copy", "wb") as target:
        subprocess.run([tools.program, "dd", "-f", "raw", "osize=5M"], env=tools.environment, stdin=source,
                       stdout=target, check=True)
    expect(load("copy") == data, "redirected files")
    for args, text in (
            (["-f", "raw", "osize=9M", "of=o"], "Input ended unexpectedly"),
            (["-f", "raw", "isize=9M", "osize=9M"], "Input ended unexpectedly"),
            (["osize=1M", "of=o"], "Input format must be raw when reading from standard input"),
            (["-f", "raw", "-n", "of=o"], "Output size must be known when reading from standard input"),
            (["-f", "raw", "osize=1M", "skip=1", "of=o"], "Standard input cannot be skipped"),
            (["-O", "qcow2", "osize=1M", "if=s.raw"], "Output format must be raw when writing to standard output"),
            (["-f", "raw", "of=o"], "Must specify both input and output files"),
            (["if=s.raw"], "Must specify both input and output files")):
        expect(dd(tools, *args, data=data, status=1)[1] == f"qemu-img: {text}\n", f"{args}: not {text}")
    closed = subprocess.run(["sh", "-c", '"$0" dd -f raw osize=1M of=o <&-', tools.program], env=tools.environment,
                            stderr=subprocess.PIPE, text=True, check=False)
    expect(closed.stderr == "qemu-img: Could not open standard input: Bad file descriptor\n", closed.stderr)


@test
def dd_existing(tools):
    data = source_make(3)
    for image_format in ("raw", "qcow2"):
        tools.make("create", "-f", image_format, "o", "4M")
        tools.make_io(image_format, "o", "write -P 9 0 4M")
        dd(tools, "-n", "-O", image_format, "isize=2M", "osize=2M", "bs=1M", "if=s.raw", "of=o")
        expect(tools.content("o", image_format) == data[:2 * MIB] + b"\x09" * 2 * MIB, "what is not copied stays")
        dd(tools, "-n", "-f", "raw", "-O", image_format, "isize=0", "osize=4M", "of=o", data=data)
        expect(tools.content("o", image_format) == data + b"\x09" * MIB, "as far as the input goes")
        tools.make("create", "-f", image_format, "o", "1M")
        dd(tools, "-n", "-O", image_format, "if=s.raw", "of=o", status=1)
        expect(tools.content("o", image_format) == data[:MIB], "as much as there is room for")
    dd(tools, "-n", "if=s.raw", "of=none", status=1)
    tools.make("convert", "-O", "qcow2", "s.raw", "t.qcow2")
    tools.make("snapshot", "-c", "then", "t.qcow2")
    tools.make_io("qcow2", "t.qcow2", "write -P 8 0 3M")
    for name in ("then", "snapshot.name=then", "snapshot.id=1"):
        dd(tools, "-l", name, "-f", "qcow2", "bs=1M", "if=t.qcow2", "of=o")
        expect(load("o") == data, f"-l {name}")
    expect("Failed to load snapshot" in dd(tools, "-l", "no", "if=t.qcow2", "of=o", status=1)[1], "-l no")
