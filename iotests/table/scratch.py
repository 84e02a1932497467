# SPDX-License-Identifier: GPL-2.0-or-later
"""Scratch folders: the verbs of setup lines, prepared folders kept in the cache, sparse copies."""
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import uuid

from . import blocks, builders, corpus, disks, hostile, pack, seal

# What takes longer to make than to copy.
SLOW_VERBS = ("img", "io", "disk", "build", "pack", "chain")
UNTOUCHED_NS = 10 ** 18  # a day in 2001


class SetupError(Exception):
    """A setup line that did not work: the row is wrong, not the program."""


class Unavailable(Exception):
    """This machine does not have what a setup line needs: its cases are skipped."""


def data_extents(descriptor, size):
    """Yields (start, end) of the parts of a file that hold data."""
    offset = 0
    while offset < size:
        try:
            start = os.lseek(descriptor, offset, os.SEEK_DATA)
            offset = os.lseek(descriptor, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        yield start, min(offset, size)


def copy_file(source, target):
    """Copies a regular file with its holes and its mode.

    Space is taken before it is written, inside the final size: how much a file system counts would
    else depend on when it gets round to writing, and on what it takes in advance behind the end.
    """
    with open(source, "rb") as reader, open(target, "wb") as writer:
        info = os.fstat(reader.fileno())
        os.ftruncate(writer.fileno(), info.st_size)
        for start, end in data_extents(reader.fileno(), info.st_size):
            os.posix_fallocate(writer.fileno(), start, end - start)
            while start < end:
                chunk = os.pread(reader.fileno(), min(end - start, 1 << 20), start)
                start += os.pwrite(writer.fileno(), chunk, start)
        os.fchmod(writer.fileno(), stat.S_IMODE(info.st_mode))


def copy_tree(source, target):
    """Copies a folder of regular files, folders and symbolic links."""
    for entry in os.scandir(source):
        copy_entry(entry, os.path.join(target, entry.name))


def copy_entry(entry, to):
    if entry.is_symlink():
        os.symlink(os.readlink(entry.path), to)
    elif entry.is_dir():
        os.mkdir(to)
        copy_tree(entry.path, to)
    else:
        copy_file(entry.path, to)


def empty_folder(path):
    """Makes the folder, or removes what it holds."""
    try:
        if stat.S_IMODE(os.stat(path).st_mode) == 0o755 and remove_files(path):
            return
    except OSError:
        pass
    shutil.rmtree(path, onerror=make_removable)
    os.makedirs(path)


def remove_files(path):
    """Removes what is in the folder, as far as that is easy. False: there is a folder in it."""
    for entry in list(os.scandir(path)):
        if entry.is_dir(follow_symlinks=False):
            return False
        os.unlink(entry.path)
    return True


def make_removable(function, path, error):
    """For rmtree: a row may have taken the permissions of a folder away."""
    if isinstance(error[1], FileNotFoundError):
        return
    os.chmod(os.path.dirname(path), 0o700)
    if os.path.isdir(path):
        os.chmod(path, 0o700)
        shutil.rmtree(path)
    else:
        function(path)


class Setup:
    """Carries out setup lines inside one folder. Call close() to let go of held images."""

    def __init__(self, folder, tools):
        self.folder = folder
        self.tools = tools
        self.held = []
        self.devices = []

    def run(self, words):
        verb, *arguments = words
        method = getattr(self, "do_" + verb.replace("-", "_"), None)
        if method is None:
            raise SetupError(f"unknown setup verb '{verb}'")
        try:
            method(*arguments)
        except (OSError, TypeError, ValueError, KeyError) as error:
            raise SetupError(f"setup {' '.join(words)}: {error}") from error

    def close(self):
        for process in self.held:
            process.stdin.close()
            process.wait()
            process.stdout.close()
        self.held = []
        for device in self.devices:
            device.detach()
        self.devices = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def reference(self, tool, arguments):
        ended = self.tools.run(tool, arguments, self.folder)
        if ended.status != 0:
            text = os.fsdecode(ended.err).strip()
            raise SetupError(f"setup {tool} {' '.join(arguments)}: {text} [{ended.status}]")

    def do_img(self, *arguments):
        self.reference("qemu-img", arguments)

    def do_io(self, *arguments):
        self.reference("qemu-io", arguments)

    def do_chain(self, name, count):
        """As many qcow2 overlays of each other, the last one under this name, each as small as can be."""
        for number in range(int(count)):
            below = f"{name}-{number - 1}" if number else ""
            last = number == int(count) - 1
            hostile.overlay(self.path(name if last else f"{name}-{number}"), below)

    def do_overlay(self, name, below):
        """A qcow2 image over that file, whether it is there or not."""
        hostile.overlay(self.path(name), below)

    def do_hold(self, *arguments):
        """Opens an image with the reference's qemu-io and keeps it open, locks and all."""
        words, environment = self.tools.command("qemu-io")
        process = subprocess.Popen(words + list(arguments), env=environment, cwd=self.folder,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.held.append(process)
        process.stdin.write(b"length\n")
        process.stdin.flush()
        if b"iB" not in process.stdout.readline() and process.poll() is not None:
            raise SetupError("hold: qemu-io ended")

    def do_loop(self, name, link):
        """Makes the file a block device, under the name of the link, which goes away with it."""
        reason = blocks.reason_against()
        if reason:
            raise Unavailable(reason)
        self.devices.append(blocks.Loop(self.path(name), self.path(link)))

    def do_poke(self, name, offset, *digits):
        """Offsets below zero count from the file's end."""
        with open(self.path(name), "r+b") as file:
            file.seek(int(offset, 0), os.SEEK_END if offset.startswith("-") else os.SEEK_SET)
            file.write(bytes.fromhex("".join(digits)))

    def poke_table(self, name, field, offset, digits):
        """Pokes into the table whose place the header's field at this offset tells."""
        with open(self.path(name), "rb") as file:
            file.seek(field)
            place = int.from_bytes(file.read(8), "big")
        self.do_poke(name, str(place + int(offset, 0)), digits)

    def do_poke_snapshot(self, name, offset, digits):
        """qcow2: offset counts from the start of the snapshot table."""
        self.poke_table(name, 64, offset, digits)

    def do_poke_bitmap(self, name, offset, digits):
        """qcow2: offset counts from the start of the bitmap directory."""
        with open(self.path(name), "rb") as file:
            extension = file.read(512).index(bytes.fromhex("23852875"))
        self.poke_table(name, extension + 24, offset, digits)

    def do_poke_after(self, name, text, offset, digits):
        """Offset counts from the end of the last place where the file has the text."""
        with open(self.path(name), "rb") as file:
            place = file.read().rindex(os.fsencode(text)) + len(os.fsencode(text))
        self.do_poke(name, str(place + int(offset, 0)), digits)

    def do_overwrite(self, name, text, other):
        """Replaces what follows the text in the file, in its length, by the other text."""
        with open(self.path(name), "r+b") as file:
            file.seek(file.read().index(os.fsencode(text)))
            file.write(os.fsencode(other + "\0"))

    def do_pad(self, name, length):
        with open(self.path(name), "ab") as file:
            file.write(bytes(int(length, 0)))

    def do_shift(self, name, length):
        """Puts as many zeroes before what the file has."""
        with open(self.path(name), "r+b") as file:
            data = file.read()
            file.seek(0)
            file.write(bytes(disks.number(length)) + data)

    def do_truncate(self, name, size):
        with open(self.path(name), "ab"):
            pass
        os.truncate(self.path(name), int(size, 0))

    def do_pattern(self, name, offset, length, value):
        with open(self.path(name), "r+b") as file:
            file.seek(int(offset, 0))
            file.write(bytes([int(value, 0)]) * int(length, 0))

    def do_write(self, name, text=""):
        with open(self.path(name), "wb") as file:
            file.write(os.fsencode(text.replace("\\n", "\n")))

    def do_disk(self, name, text):
        """A disk of known content, SIZE or SIZE:SEED, as a file."""
        disks.write(self.path(name), text)

    def do_build(self, kind, name, text, *options):
        """An image of that disk, in a format that the reference cannot make, or not so."""
        builders.build(kind, self.path(name), text, options)

    def do_pack(self, kind, name):
        """An image of a format that the reference cannot make."""
        pack.write(kind, self.path(name))

    def do_vhdx_log(self, name, fault=""):
        """Makes a VHDX image dirty: its log has an entry that is not written yet."""
        seal.vhdx_log(self.path(name), fault)

    def do_corpus(self, source, name):
        """An input of a fuzz target, FORMAT/NAME, as an image."""
        corpus.unpack(source, self.path(name))

    def do_damage(self, name, seed):
        corpus.damage(self.path(name), seed)

    def do_seal(self, kind, name):
        """Makes the checksums of a VHD or VHDX image right again."""
        seal.seal(kind, self.path(name))

    def do_mkdir(self, name):
        os.makedirs(self.path(name))

    def do_chmod(self, mode, name):
        os.chmod(self.path(name), int(mode, 8))

    def do_symlink(self, target, name):
        os.symlink(target, self.path(name))

    def do_fifo(self, name):
        os.mkfifo(self.path(name))

    def do_cp(self, source, target):
        copy_file(self.path(source), self.path(target))

    def do_mv(self, source, target):
        os.rename(self.path(source), self.path(target))

    def do_rm(self, name):
        os.remove(self.path(name))


class Prepared:
    """Folders made by slow setup lines, such as the reference's commands, made once and copied afterwards."""

    def __init__(self, folder, tools):
        self.root = folder
        self.tools = tools
        self.known = {}
        os.makedirs(folder, exist_ok=True)

    @staticmethod
    def split(setup):
        """Cuts setup lines after the last one that is slow: the rest is cheap, or tied to its place."""
        count = 0
        for index, words in enumerate(setup):
            if builders.names_place(words):
                break
            if words[0] in SLOW_VERBS:
                count = index + 1
        return setup[:count], setup[count:]

    def get(self, setup):
        """Returns (folder, identity) for these setup lines; the identity changes when it is remade."""
        if not setup:
            return None, ""
        text = repr(setup)
        if text not in self.known:
            self.known[text] = self.find(setup)
        return self.known[text]

    def find(self, setup):
        made = (builders.version(setup),) if builders.version(setup) else ()
        key = hashlib.sha256(repr((self.tools.version, setup) + made).encode("utf-8", "replace")).hexdigest()
        folder = os.path.join(self.root, key[:40])
        with open(folder + ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(os.path.join(folder, "identity")):
                self.make(folder, setup)
        with open(os.path.join(folder, "identity"), encoding="ascii") as file:
            return os.path.join(folder, "tree"), file.read()

    def make(self, folder, setup):
        """What is kept is a copy: of the originals, what counts as data may depend on the time."""
        original, tree = os.path.join(folder, "original"), os.path.join(folder, "tree")
        empty_folder(original)
        empty_folder(tree)
        worker = Setup(original, self.tools)
        for words in setup:
            worker.run(words)
        copy_tree(original, tree)
        shutil.rmtree(original, onerror=make_removable)
        with open(os.path.join(folder, "identity"), "w", encoding="ascii") as file:
            file.write(uuid.uuid4().hex)


class Slot:
    """One of a few fixed scratch folders of this user, so that absolute names stay the same."""

    def __init__(self, base):
        os.makedirs(base, exist_ok=True)
        for number in range(100):
            self.lock = open(os.path.join(base, f"lock-{number:02}"), "w", encoding="ascii")
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.lock.close()
                continue
            self.folder = os.path.join(base, f"slot-{number:02}")
            self.tree, self.marks = None, {}
            return
        raise SetupError("no scratch folder is free")

    def fill(self, tree):
        """Makes the folder what the tree is. Files that nobody has touched since the last time stay."""
        if tree is None or tree != self.tree:
            empty_folder(self.folder)
            self.marks = {}
        else:
            self.clean()
        self.tree = tree
        if tree:
            self.complete(tree)

    def mark(self, name):
        """Facts of the file, some of which change whenever it does: copies have a time that no writer sets."""
        info = os.lstat(os.path.join(self.folder, name))
        return (info.st_ino, info.st_mtime_ns, info.st_ctime_ns, info.st_mode, info.st_nlink, info.st_size,
                info.st_blocks)

    def is_untouched(self, name):
        """Is the file of that name, in the folder itself, still what the tree has?"""
        return name in self.marks and self.marks[name] == self.mark(name)

    def clean(self):
        """Removes all but files that are untouched."""
        if stat.S_IMODE(os.stat(self.folder).st_mode) != 0o755:
            os.chmod(self.folder, 0o755)
        kept = {}
        for entry in list(os.scandir(self.folder)):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, onerror=make_removable)
            elif self.is_untouched(entry.name):
                kept[entry.name] = self.marks[entry.name]
            else:
                os.unlink(entry.path)
        self.marks = kept

    def complete(self, tree):
        """Copies what is not there."""
        for entry in os.scandir(tree):
            to = os.path.join(self.folder, entry.name)
            if entry.name in self.marks:
                continue
            if entry.is_file(follow_symlinks=False):
                copy_file(entry.path, to)
                os.utime(to, ns=(UNTOUCHED_NS, UNTOUCHED_NS))
                self.marks[entry.name] = self.mark(entry.name)
            else:
                copy_entry(entry, to)
