# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the command lines of a case and keeps what the reference answered."""
import hashlib
import json
import os
import re
import select
import shlex
import signal
import subprocess
import time
import uuid

from . import builders, scratch, state

TIMEOUT_SECONDS = 20
OUTPUT_LIMIT = 200_000
CACHE_LAYOUT = 7

# What differs from one run of the reference to the next: random node names, measured times.
UNSTEADY = (
    (re.compile(r"#block\d+"), "#block..."),
    (re.compile(r"after \d+ ms"), "after ... ms"),
)
VERSION_LINES = (
    (re.compile(r"qemu-img version .*"), "qemu-img version ..."),
    (re.compile(r"Copyright \(c\) .*"), "Copyright (c) ..."),
)


def base_environment():
    """What every command sees; nothing of the caller's settings may change an outcome."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC",
            "HOME": "/nonexistent"}


class Reference:
    """The reference's tools, as the script `reference` names them."""

    def __init__(self, script):
        self.script = script
        self.version = self.ask("--version")
        self.commands = {}

    def ask(self, *arguments):
        done = subprocess.run([self.script, *arguments], stdout=subprocess.PIPE, text=True,
                              check=False)
        if done.returncode != 0:
            raise SystemExit("differential: no reference, see above")
        return done.stdout.strip()

    def command(self, tool):
        """Returns the words of a tool's command and the environment it needs."""
        if tool not in self.commands:
            words = self.ask("--exec", tool).split(" ")
            environment = base_environment()
            while "=" in words[0] and not words[0].startswith("/"):
                name, _, value = words.pop(0).partition("=")
                environment[name] = value
            self.commands[tool] = (words, environment)
        return self.commands[tool]


class Contender:
    """A program to run cases with: the reference's qemu-img or the one under test."""

    def __init__(self, name, words, environment):
        self.name = name
        self.words = words
        self.environment = environment


def program_contender(path, engine):
    environment = base_environment()
    environment["QEMU_IMG_COMPAT_ENGINE"] = engine
    return Contender(engine, [path], environment)


def size_number(text):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return str(int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text))


def prefix_words(flags):
    """The small programs that set the stage of a command: limits, fewer rights, a closed stdin."""
    words = []
    if "memory" in flags:
        words += ["prlimit", "--as=" + size_number(flags["memory"])]
    if "file-size" in flags:
        words += ["prlimit", "--fsize=" + size_number(flags["file-size"])]
    if "no-capabilities" in flags and os.geteuid() == 0:
        words += ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    if flags.get("stdin") == "closed":
        words += ["sh", "-c", 'exec "$@" <&-', "sh"]
    return words


KNOWN_FLAGS = {"memory", "file-size", "no-capabilities", "stdin", "umask", "cwd", "timeout",
               "filter-version", "reference", "bounded"}


class Meter:
    """Has a command tell what it took, by the program `measured` beside it, if that is there."""

    def __init__(self, contender, arguments, flags):
        helper = os.path.join(os.path.dirname(contender.words[0]), "measured")
        self.reader = None
        self.words, self.writer = [], ()
        measured = arguments[:1] == ["info"] or "bounded" in flags
        if contender.name != "reference" and measured and os.access(helper, os.X_OK):
            self.reader, writer = os.pipe()
            self.words, self.writer = [helper, str(writer)], (writer,)

    def started(self):
        """To be called once the command runs."""
        for writer in self.writer:
            os.close(writer)

    def result(self):
        if self.reader is None:
            return {}
        with open(self.reader, encoding="ascii") as file:
            fields = file.read().split()
        return {"seconds": int(fields[0]) / 1e6, "kib": int(fields[1])} if fields else {}


def json_fault(arguments, out, status):
    """Why what should be JSON is none, or ""."""
    outputs = [word for word in arguments if word.startswith("--output")]
    if status != 0 or arguments[:1] != ["info"] or outputs[-1:] != ["--output=json"]:
        return ""
    try:
        json.loads(out)
    except ValueError as error:
        return str(error)
    return ""


def finish(process, seconds):
    """What the command prints, and its status. communicate() would look for the end in ever longer naps."""
    deadline = time.monotonic() + seconds
    outputs = {process.stdout.fileno(): [], process.stderr.fileno(): []}
    end = os.pidfd_open(process.pid)
    poll = select.poll()
    waiting = {end, *outputs}
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    timeout = False
    while waiting:
        ready = poll.poll(None if timeout else max(deadline - time.monotonic(), 0) * 1000)
        if not ready and not timeout:
            timeout = True
            os.killpg(process.pid, signal.SIGKILL)
        for descriptor, _ in ready:
            data = os.read(descriptor, 1 << 16) if descriptor != end else b""
            if data:
                outputs[descriptor].append(data)
            else:
                poll.unregister(descriptor)
                waiting.remove(descriptor)
    os.close(end)
    status = process.wait()
    out, err = (b"".join(parts) for parts in outputs.values())
    process.stdout.close()
    process.stderr.close()
    return out, err, "timeout" if timeout else status


def run_command(contender, arguments, flags, folder):
    """Runs one command line; returns a dictionary with its outputs and its status."""
    environment = dict(contender.environment)
    for key, value in flags.items():
        if key.startswith("env:"):
            environment[key[4:]] = value
        elif key not in KNOWN_FLAGS:
            raise scratch.SetupError(f"unknown flag '{key}'")
    meter = Meter(contender, arguments, flags)
    process = subprocess.Popen(
        prefix_words(flags) + meter.words + contender.words + arguments, env=environment,
        cwd=os.path.join(folder, flags.get("cwd", "")), umask=int(flags.get("umask", "022"), 8),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, pass_fds=meter.writer)
    meter.started()
    out, err, status = finish(process, float(flags.get("timeout", TIMEOUT_SECONDS)))
    result = {"out": clean(out, flags), "err": clean(err, flags), "status": status}
    if contender.name != "reference":
        result.update(meter.result(), json_fault=json_fault(arguments, out, status))
    return result


def clean(output, flags):
    text = output[:OUTPUT_LIMIT].decode("utf-8", "backslashreplace")
    for pattern, replacement in UNSTEADY + (VERSION_LINES if "filter-version" in flags else ()):
        text = pattern.sub(replacement, text)
    return text


class Judge:
    """Says what the reference's info and check make of a file."""

    def __init__(self, contender, folder):
        self.contender = contender
        self.folder = folder

    def __call__(self, name, ignored_keys):
        text = ""
        for words in (["info", "--output=json", name], ["check", name]):
            done = run_command(self.contender, words, {}, self.folder)
            text += f"{done['out']}{done['err']}[{done['status']}]\n"
        for key in ignored_keys:
            text = re.sub(rf'"{key}": ("[^"]*"|\d+)', f'"{key}": ...', text)
        return text

    def disk(self, name):
        """A hash of the disk in the image, and how check ends."""
        raw = os.path.join(self.folder, ".disk")
        check = run_command(self.contender, ["check", "-q", name], {}, self.folder)
        done = run_command(self.contender, ["convert", "-O", "raw", name, ".disk"], {}, self.folder)
        try:
            return f"{state.content_hash(raw, [])} [{check['status']}] {done['err']}"
        except FileNotFoundError:
            return done["err"]
        finally:
            if os.path.exists(raw):
                os.remove(raw)


    def facts(self, name):
        """What info says of the image, without what differs from file to file."""
        done = run_command(self.contender, ["info", "--output=json", name], {}, self.folder)
        try:
            found = json.loads(done["out"])
        except ValueError:
            return done["err"]
        for key in ("children", "actual-size"):
            found.pop(key, None)
        data = found.get("format-specific", {}).get("data", {})
        for key in ("cid", "parent-cid"):
            data.pop(key, None)
        return found


# Options whose effect depends on the file system.
FILE_SYSTEM = re.compile("nocow|extent_size_hint|preallocation")
# Answers of the reference that take it long (a key derivation of seconds), as `--pack` wrote them.
PACKED = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "rows", "answers.json")


class Runner:
    """Runs whole cases in scratch folders."""

    def __init__(self, reference, cache, base, use_cache):
        self.reference = Contender("reference", *reference.command("qemu-img"))
        self.reader = Contender("reference", *reference.command("qemu-io"))
        self.tools = reference
        self.version = reference.version
        self.cache = cache
        self.base = base
        self.use_cache = use_cache
        prepared = cache if use_cache else os.path.join(base, "prepared-" + uuid.uuid4().hex[:8])
        self.prepared = scratch.Prepared(os.path.join(prepared, "prepared"), reference)
        os.makedirs(os.path.join(cache, "results"), exist_ok=True)
        self.packed = {}
        if use_cache and os.path.exists(PACKED):
            with open(PACKED, encoding="utf-8") as file:
                self.packed = json.load(file)

    def slot(self):
        return scratch.Slot(self.base)

    def outcome(self, contender, case, slot):
        """Runs the case with one contender in the slot's folder."""
        first, rest = self.prepared.split(case.setup)
        tree, _ = self.prepared.get(first)
        slot.fill(tree)
        setup = scratch.Setup(slot.folder, self.tools)
        try:
            for words in rest:
                setup.run(words)
            runs = [run_command(contender, run, case.flags, slot.folder) for run in case.runs]
        finally:
            setup.close()
        rules = state.Rules(case.files)
        files = state.describe(slot.folder, rules, Judge(self.reference, slot.folder))
        for words in rules.io:
            files["qemu-io " + shlex.join(words)] = run_command(self.reader, words, {}, slot.folder)
        for words in rules.img:
            files["qemu-img " + shlex.join(words)] = run_command(self.reference, words, {}, slot.folder)
        return {"runs": runs, "files": files}

    def key(self, case, slot):
        first, _ = self.prepared.split(case.setup)
        _, identity = self.prepared.get(first)
        where = slot.folder if slot.folder in case.text() else ""
        parts = (CACHE_LAYOUT, self.version, os.geteuid(), case.text(), identity, where)
        if builders.version(case.setup):
            parts += (builders.version(case.setup),)
        return hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()

    def pack(self, cases):
        """Writes what the reference answered to these cases, as far as that is the same everywhere."""
        slot, packed, self.packed = self.slot(), {}, {}
        for case in cases:
            case = place_case(case, slot.folder)
            text = case.text()
            if not self.prepared.split(case.setup)[0] and slot.folder not in text and \
                    not FILE_SYSTEM.search(text):
                packed[self.key(case, slot)] = self.expected(case, slot)
        with open(PACKED, "w", encoding="utf-8") as file:
            json.dump(packed, file, indent=0, sort_keys=True)
            file.write("\n")
        return len(packed)

    def expected(self, case, slot):
        """The reference's outcome, from the cache if it is there."""
        if not self.use_cache:
            return self.outcome(self.reference, case, slot)
        key = self.key(case, slot)
        if key in self.packed:
            return self.packed[key]
        path = os.path.join(self.cache, "results", key)
        try:
            with open(path, encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, ValueError):
            pass
        result = self.outcome(self.reference, case, slot)
        temporary = f"{path}.{os.getpid()}.{id(case)}"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(result, file)
        os.replace(temporary, path)
        return result


def place_case(case, folder):
    """Puts the scratch folder's name in the place of <PWD>."""
    def put(words):
        return [word.replace("<PWD>", folder) for word in words]
    return type(case)(case.name, [put(words) for words in case.setup],
                      [put(words) for words in case.runs], case.flags, case.files)
