# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of convert, some of which compare and dd have, too."""
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

from .tools import MIB, expect, expect_error, load, only_files, source_make, test, unreadable

# ---- --progress-fd ----

def progress_lines(tools, *args):
    ours, theirs = os.pipe()
    tools.run(*args, "--progress-fd", str(theirs), pass_fds=(theirs,))
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        lines = [json.loads(line) for line in pipe]
    for line in lines:
        expect(list(line) == ["done", "total", "seconds"], f"{args}: {line}")
    done = [line["done"] for line in lines]
    expect(len(lines) >= 2 and done[0] == 0 and done[-1] == lines[-1]["total"], f"{args}: {lines}")
    expect(done == sorted(done), f"{args}: {lines}")
    return lines[-1]["total"]


@test
def progress_fd(tools):
    source_make(9)
    expect(progress_lines(tools, "convert", "s.raw", "o.raw") == 6 * MIB, "convert")
    expect(progress_lines(tools, "convert", "-c", "-O", "qcow2", "s.raw", "o.qcow2") == 6 * MIB, "convert -c")
    expect(progress_lines(tools, "convert", "-S", "0", "s.raw", "o.raw") == 9 * MIB, "convert -S 0")
    expect(progress_lines(tools, "dd", "bs=64k", "if=s.raw", "of=o.raw") == 9 * MIB, "dd")
    expect(progress_lines(tools, "compare", "s.raw", "o.qcow2") == 9 * MIB, "compare")
    with open("empty.raw", "wb") as file:
        file.truncate(MIB)
    expect(progress_lines(tools, "convert", "empty.raw", "o.raw") == 0, "nothing to copy")


@test
def progress_fd_errors(tools):
    source_make(1)
    closed = "Descriptor 99 of --progress-fd is not open for writing"
    for command in (["convert", "s.raw", "o.raw"], ["dd", "if=s.raw", "of=o.raw"]):
        expect_error(tools.run(*command, "--progress-fd", "99", status=1), closed)
        expect(not os.path.exists("o.raw"), "a target was made")
    expect_error(tools.run("compare", "--progress-fd=99", "s.raw", "s.raw", status=2), closed)
    with open("s.raw", "rb") as file:
        number = file.fileno()
        expect_error(tools.run("convert", "--progress-fd", str(number), "s.raw", "o.raw", status=1,
                               pass_fds=(number,)),
                     f"Descriptor {number} of --progress-fd is not open for writing")
    expect_error(tools.run("convert", "--progress-fd", "x", "s.raw", "o.raw", status=1),
                 "Invalid progress descriptor specified: 'x'.")
    # A reader that goes away does not stop the work.
    ours, theirs = os.pipe()
    os.close(ours)
    tools.run("convert", "--progress-fd", str(theirs), "s.raw", "o.raw", pass_fds=(theirs,))
    os.close(theirs)
    # An abbreviation is not taken.
    tools.run("convert", "--progress-f", "1", "s.raw", "o.raw", status=1)


# ---- --no-holes ----

@test
def no_holes(tools):
    data = source_make(9)
    with open("full.raw", "wb") as file:
        file.write(data)
    expect(progress_lines(tools, "convert", "--no-holes", "s.raw", "o.raw") == 9 * MIB, "all is read")
    expect(tools.content("o.raw", "raw") == data, "content")
    expect(os.stat("o.raw").st_blocks * 512 < 7 * MIB, "zeroes are found all the same")
    tools.run("convert", "--no-holes", "-O", "qcow2", "s.raw", "o.qcow2")
    expect(tools.content("o.qcow2", "qcow2") == data, "content of qcow2")
    # A format's own holes stay.
    tools.make("convert", "-O", "qcow2", "s.raw", "t.qcow2")
    expect(progress_lines(tools, "convert", "--no-holes", "t.qcow2", "o.raw") == 6 * MIB, "allocated clusters")
    # Files under an overlay count, too.
    tools.make("create", "-q", "-f", "qcow2", "-b", "s.raw", "-F", "raw", "over.qcow2")
    expect(progress_lines(tools, "convert", "--no-holes", "over.qcow2", "o.raw") == 9 * MIB, "backing file")
    tools.run("compare", "-s", "s.raw", "full.raw", status=1)
    tools.run("compare", "-s", "--no-holes", "s.raw", "full.raw")
    with open("full.raw", "r+b") as file:
        file.write(b"x")
    done = tools.run("compare", "--no-holes", "s.raw", "full.raw", status=1)
    expect(done.stdout == "Content mismatch at offset 0!\n", done.stdout)


# ---- --checksum ----

def checksum_check(tools, args, sources, image_format, name="sha256"):
    """Convert, and compare the digest with that of what the reference reads."""
    done = tools.run("convert", "--checksum", name, *args, *sources, "o")
    digest = hashlib.new(name, tools.content("o", image_format)).hexdigest()
    expect(done.stdout == f"{name} {digest}\n", f"{args} {sources}: {done.stdout!r}, not {digest}")


@test
def checksum_formats(tools):
    source_make(3)
    for image_format in ("raw", "qcow2", "qcow", "qed", "vdi", "vpc", "vhdx", "vmdk", "parallels"):
        checksum_check(tools, ["-O", image_format], ["s.raw"], image_format)
    for args in (["-c", "-O", "qcow2"], ["-c", "-W", "-O", "qcow2"], ["-S", "0", "-O", "qcow2"],
                 ["-O", "vmdk", "-o", "subformat=streamOptimized"], ["-S", "64k", "-O", "qcow2"]):
        checksum_check(tools, args, ["s.raw"], args[args.index("-O") + 1])
    for name in ("sha256", "sha512", "sha1", "md5"):
        checksum_check(tools, ["-O", "raw"], ["s.raw"], "raw", name)
    tools.run("convert", "--checksum", "crc", "s.raw", "o", status=1)


@test
def checksum_sources(tools):
    source_make(20, 5)  # several vCPUs
    with open("odd.raw", "wb") as file:
        file.write(random.randbytes(100001))
    for args in (["-m", "1"], ["--no-holes"], ["--salvage"]):
        checksum_check(tools, [*args, "-O", "raw"], ["s.raw"], "raw")
    for args in (["-W", "-m", "16"], ["-r", "1G"]):
        checksum_check(tools, [*args, "-O", "qcow2"], ["s.raw"], "qcow2")
    checksum_check(tools, ["-O", "raw"], ["odd.raw", "s.raw", "odd.raw"], "raw")
    checksum_check(tools, ["-O", "qcow2"], ["odd.raw"], "qcow2")
    tools.make("convert", "-c", "-O", "qcow2", "s.raw", "t.qcow2")
    checksum_check(tools, ["-O", "vdi"], ["t.qcow2"], "vdi")
    with open("hole.raw", "wb") as file:
        file.truncate(40 * MIB)
    checksum_check(tools, ["-O", "qcow2"], ["hole.raw"], "qcow2")
    # What cannot be read counts as it is written: zeroes.
    checksum_check(tools, ["-q", "--salvage", "-O", "raw"], [unreadable("odd.raw")], "raw")


@test
def checksum_targets(tools):
    source_make(3)
    for size in ("3M", "5M"):
        for image_format in ("raw", "qcow2", "vdi"):
            tools.make("create", "-f", image_format, "o", size)
            tools.make_io(image_format, "o", "write -P 7 0 3M")
            if size == "5M":
                tools.make_io(image_format, "o", "write -P 9 4M 512k")
            checksum_check(tools, ["-n", "-O", image_format], ["s.raw"], image_format)
        tools.make("create", "-f", "qcow2", "o", size)
        checksum_check(tools, ["-n", "--target-is-zero", "-O", "qcow2"], ["s.raw"], "qcow2")
    for size in ("2500k", "3M", "8M"):
        tools.make("create", "-f", "raw", "base.raw", size)
        tools.make_io("raw", "base.raw", "write -P 5 1M 1M")
        tools.make("create", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "over.qcow2", "3M")
        tools.make_io("qcow2", "over.qcow2", "write -P 6 0 1100k")
        checksum_check(tools, ["-O", "qcow2", "-B", "base.raw", "-F", "raw"], ["over.qcow2"], "qcow2")
        checksum_check(tools, ["-c", "-O", "qcow2", "-B", "base.raw", "-F", "raw"], ["over.qcow2"], "qcow2")


@test
def checksum_output(tools):
    data = source_make(3)
    line = "sha256 " + hashlib.sha256(data).hexdigest() + "\n"
    expect(tools.run("convert", "-q", "--checksum=sha256", "s.raw", "o").stdout == line, "-q")
    shown = tools.run("convert", "-p", "--checksum=sha256", "s.raw", "o").stdout
    expect(shown.endswith("(100.00/100%)\n" + line), f"-p: {shown!r}")
    done = tools.run("convert", "--checksum=sha256", "s.raw", "no/o", status=1)
    expect(done.stdout == "", "a failure has no digest")
    expect_error(tools.run("convert", "-n", "-B", "x", "--checksum=sha256", "s.raw", "o", status=1),
                 "--checksum cannot be computed when both -n and -B are used")


# ---- --atomic ----

@test
def atomic(tools):
    data = source_make(3)
    for args in (["-O", "raw"], ["-O", "qcow2"], ["-c", "-O", "qcow2"], ["-O", "vmdk"], ["-O", "vhdx"],
                 ["-O", "vmdk", "-o", "subformat=streamOptimized"], ["-t", "none", "-O", "qcow2"]):
        tools.run("convert", "--atomic", *args, "s.raw", "o")
        only_files("o", "s.raw")
        expect(tools.content("o", args[args.index("-O") + 1]) == data, f"{args}: content")
        os.remove("content.raw")
    os.chmod("o", 0o640)
    os.symlink("o", "link")
    number = os.stat("o").st_ino
    held = os.open("o", os.O_RDONLY)  # its number is not free to be taken again
    tools.run("convert", "--atomic", "--checksum", "sha256", "-O", "raw", "s.raw", "link")
    only_files("link", "o", "s.raw")
    expect(os.path.islink("link") and load("o") == data, "a link is followed")
    expect(os.stat("o").st_mode & 0o7777 == 0o640 and os.stat("o").st_ino != number, "a new file, its permissions")
    os.close(held)
    # An image may even replace itself.
    tools.run("convert", "--atomic", "-O", "qcow2", "-c", "o", "file:o")
    expect(tools.content("o", "qcow2") == data, "converted in place")


@test
def atomic_errors(tools):
    source_make(3)
    with open("old", "wb") as file:
        file.write(b"old" * 1000)
    os.mkdir("folder")
    names = ("folder", "old", "s.raw")
    for args, text in (
            (["-n", "s.raw", "old"], "--atomic makes a new image: it cannot be used with -n"),
            (["-O", "vmdk", "-o", "subformat=monolithicFlat", "s.raw", "old"],
             "--atomic cannot replace 'old': the image would have several files"),
            (["-O", "qcow2", "-o", "data_file=d", "s.raw", "old"],
             "--atomic cannot replace 'old': the image would have several files"),
            (["s.raw", "/dev/null"], "--atomic cannot replace '/dev/null': it is not a regular file"),
            (["s.raw", "folder"], "--atomic cannot replace 'folder': it is not a regular file"),
            (["s.raw", "no/old"], "Could not create 'no/old': No such file or directory"),
            (["none", "old"], "Could not open 'none': Could not open 'none': No such file or directory")):
        expect_error(tools.run("convert", "--atomic", *args, status=1), text)
        only_files(*names)
    # A source that cannot be read, found out when there is a target.
    for image_format in ("raw", "qcow2", "vdi"):
        tools.run("convert", "--atomic", "-O", image_format, unreadable("s.raw"), "old", status=1)
        only_files(*names)
    # An image that somebody uses.
    with subprocess.Popen([*tools.reference_io, "-f", "raw", "old"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as user:
        user.stdin.write("length\n")
        user.stdin.flush()
        user.stdout.readline()
        done = tools.run("convert", "--atomic", "s.raw", "old", status=1)
        expect(done.stderr.startswith('qemu-img: Failed to get "write" lock\n'), done.stderr)
        user.stdin.close()
    only_files(*names)
    expect(load("old") == b"old" * 1000, "the old image is as it was")


@test
def atomic_killed(tools):
    data = source_make(24)
    with open("old", "wb") as file:
        file.write(b"old" * 100000)
    old = load("old")
    command = [tools.program, "convert", "--atomic", "-f", "raw", "-O", "qcow2", "s.raw", "o"]
    start = time.monotonic()
    subprocess.run(command, env=tools.environment, check=True)
    duration = time.monotonic() - start
    seen = set()
    for number in [signal.SIGKILL] * 6 + [signal.SIGTERM] * 4:
        shutil.copy("old", "o")
        with subprocess.Popen(command, env=tools.environment) as process:
            time.sleep(random.uniform(0, duration))
            process.send_signal(number)
        whole = load("o") != old
        seen.add(whole)
        expect(not whole or tools.content("o", "qcow2") == data, "neither old nor new")
        left = [name for name in os.listdir(".") if name.startswith(".o.")]
        expect(number == signal.SIGKILL or not left or process.returncode == 0, f"{number}: {left}")
        for name in left:
            os.remove(name)
    expect(False in seen, "all conversions came through")


# ---- -r, which the reference has, but cannot be timed in a table ----

@test
def rate_limit(tools):
    data = source_make(6)
    for args, least in ((["-r", "4M"], 0.3), (["--rate-limit", "0"], 0), (["-r", "1G", "-c"], 0)):
        start = time.monotonic()
        tools.run("convert", *args, "-O", "qcow2", "s.raw", "o.qcow2")
        duration = time.monotonic() - start
        expect(least <= duration, f"{args}: {duration} s for 4 MiB")
        expect(tools.content("o.qcow2", "qcow2") == data, "content")


# ---- zeroes over nothing, which the reference stores ----

@test
def zeroes_over_nothing(tools):
    data = source_make(9)
    forms = [[form] for form in ("qed", "vdi", "vpc", "vhdx", "parallels", "qcow", "vmdk")]
    for words in forms + [["vmdk", "-o", "subformat=twoGbMaxExtentSparse"]]:
        sizes = []
        for convert in (tools.make, tools.run):
            os.mkdir("d")
            tools.make("create", "-q", "-f", *words, "d/o", "12M")
            convert("convert", "-n", "-f", "raw", "-O", words[0], "s.raw", "d/o")
            expect(tools.content("d/o", words[0])[:len(data)] == data, f"{words}: content")
            sizes.append(sum(os.stat(os.path.join("d", name)).st_size for name in os.listdir("d")))
            shutil.rmtree("d")
        expect(sizes[1] <= sizes[0], f"{words}: {sizes[1]} bytes, the reference {sizes[0]}")


# ---- signals: as the reference, but they too come at no time that a table could tell ----

@test
def signals(tools):
    source_make(8, 9)
    command = [tools.program, "convert", "-r", "4M", "-O", "qcow2", "s.raw", "o"]
    with subprocess.Popen(command, env=tools.environment, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(3):
            time.sleep(0.4)
            process.send_signal(signal.SIGUSR1)
        shown = process.stderr.read()
    expect(process.returncode == 0, f"SIGUSR1: {process.returncode}")
    expect(re.fullmatch(r"(    \(\d+\.\d\d/100%\)\n){1,3}", shown), f"SIGUSR1: {shown!r}")
    for number in (signal.SIGINT, signal.SIGTERM):
        # A shell's background jobs ignore SIGINT, and so would theirs.
        with subprocess.Popen(command, env=tools.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
            time.sleep(0.5)
            process.send_signal(number)
            out = process.communicate()
        expect(process.returncode == -number and out == (b"", b""), f"{number}: {process.returncode} {out}")
        left = subprocess.run([*tools.reference, "convert", "-O", "raw", "o", "left.raw"], check=False,
                              stderr=subprocess.DEVNULL)
        expect(left.returncode != 0 or not any(load("left.raw")), f"{number}: half an image")
