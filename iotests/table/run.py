# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the command lines of a case and keeps what the reference answered."""
import hashlib
import json
import os
import re
import shlex
import subprocess
import uuid

from . import builders, scratch, state

TIMEOUT_SECONDS = 20
SETUP_SECONDS = 60
OUTPUT_LIMIT = 200_000
CACHE_LAYOUT = 8

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

    def __init__(self, script, starter):
        self.script = script
        self.starter = starter
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

    def run(self, tool, arguments, folder):
        """Runs one of the tools for a setup line; returns how it ended."""
        words, environment = self.command(tool)
        return self.starter.run(words + list(arguments), hasty_environment(self.starter, environment, arguments),
                                folder, seconds=SETUP_SECONDS)


def hasty_environment(starter, environment, arguments):
    """The reference's environment for this command: with LUKS it need not measure for seconds (see hasty.c)."""
    if not any("luks" in word for word in arguments):
        return dict(environment)
    return {**environment, "LD_PRELOAD": os.path.join(os.path.dirname(starter.path), "hasty.so")}


class Contender:
    """A program to run cases with: the reference's qemu-img or the one under test."""

    def __init__(self, name, words, environment, starter):
        self.name = name
        self.words = words
        self.environment = environment
        self.starter = starter

    def environment_for(self, arguments):
        if self.name != "reference":
            return dict(self.environment)
        return hasty_environment(self.starter, self.environment, arguments)


def program_contender(path, engine, starter):
    environment = base_environment()
    environment["QEMU_IMG_COMPAT_ENGINE"] = engine
    return Contender(engine, [path], environment, starter)


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


def run_command(contender, arguments, flags, folder):
    """Runs one command line; returns a dictionary with its outputs and its status."""
    environment = contender.environment_for(arguments)
    for key, value in flags.items():
        if key.startswith("env:"):
            environment[key[4:]] = value
        elif key not in KNOWN_FLAGS:
            raise scratch.SetupError(f"unknown flag '{key}'")
    try:
        ended = contender.starter.run(
            prefix_words(flags) + contender.words + arguments, environment,
            os.path.join(folder, flags.get("cwd", "")), flags.get("umask", "022"),
            float(flags.get("timeout", TIMEOUT_SECONDS)))
    except OSError as error:
        raise scratch.SetupError(str(error)) from error
    result = {"out": clean(ended.out, flags), "err": clean(ended.err, flags), "status": ended.status}
    if contender.name != "reference":
        result.update(json_fault=json_fault(arguments, ended.out, ended.status))
        if arguments[:1] == ["info"] or "bounded" in flags:
            result.update(seconds=ended.seconds, kib=ended.kib)
    return result


def clean(output, flags):
    text = output[:OUTPUT_LIMIT].decode("utf-8", "backslashreplace")
    for pattern, replacement in UNSTEADY + (VERSION_LINES if "filter-version" in flags else ()):
        text = pattern.sub(replacement, text)
    return text


class Judge:
    """Says what the reference makes of the files in a folder.

    Answers are kept, by all that is in the folder: what both engines left is mostly what the reference left.
    """

    KEPT_MAX = 1000

    def __init__(self, contender, contents, kept):
        self.contender = contender
        self.contents = contents
        self.folder = contents.slot.folder
        self.kept = kept
        self.identity = None

    def ask(self, method, name):
        if self.identity is None:
            self.identity = self.contents.identity()
        key = (self.identity, method, name)
        if key not in self.kept:
            if len(self.kept) >= self.KEPT_MAX:
                self.kept.clear()
            self.kept[key] = method(self, name)
        return self.kept[key]

    def __call__(self, name, ignored_keys):
        text = self.ask(Judge.verdict, name)
        for key in ignored_keys:
            text = re.sub(rf'"{key}": ("[^"]*"|\d+)', f'"{key}": ...', text)
        return text

    def verdict(self, name):
        """What info and check say."""
        text = ""
        for words in (["info", "--output=json", name], ["check", name]):
            done = run_command(self.contender, words, {}, self.folder)
            text += f"{done['out']}{done['err']}[{done['status']}]\n"
        return text

    def disk(self, name):
        """A hash of the disk in the image, and how check ends."""
        return self.ask(Judge.disk_hash, name)

    def disk_hash(self, name):
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
        return self.ask(Judge.facts_found, name)

    def facts_found(self, name):
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


class Runner:
    """Runs whole cases in scratch folders."""

    def __init__(self, reference, cache, base, use_cache):
        self.reference = Contender("reference", *reference.command("qemu-img"), reference.starter)
        self.reader = Contender("reference", *reference.command("qemu-io"), reference.starter)
        self.tools = reference
        self.version = reference.version
        self.cache = cache
        self.base = base
        self.use_cache = use_cache
        prepared = cache if use_cache else os.path.join(base, "prepared-" + uuid.uuid4().hex[:8])
        self.prepared = scratch.Prepared(os.path.join(prepared, "prepared"), reference)
        os.makedirs(os.path.join(cache, "results"), exist_ok=True)
        self.judged, self.hashes = {}, {}

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
        rules, contents = state.Rules(case.files), state.Contents(slot, self.hashes)
        files = state.describe(contents, rules, Judge(self.reference, contents, self.judged))
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

    def expected(self, case, slot):
        """The reference's outcome, from the cache if it is there."""
        if not self.use_cache:
            return self.outcome(self.reference, case, slot)
        path = os.path.join(self.cache, "results", self.key(case, slot))
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
