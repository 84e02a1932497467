# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of the differential table."""
import argparse
import glob
import hashlib
import os
import re
import shlex
import shutil
import sys
import tempfile
import time

from . import engines, pending, report, rows, run, scratch, starter, work

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="differential", description="Runs the table of command lines with the reference "
        "and with the program, and compares what they print, return and leave.")
    parser.add_argument("rows", nargs="*", help="rows files (default: all in iotests/rows)")
    parser.add_argument("--program", default=default_program(), help="the qemu-img under test; "
                        "'reference' puts the reference in its place (default: %(default)s)")
    parser.add_argument("--engine", default="process,kvm", help="engines to test with, by commas")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name or command "
                        "lines match")
    parser.add_argument("--list", action="store_true", help="print the cases and run none")
    parser.add_argument("--show", action="store_true", help="print what the reference answers")
    parser.add_argument("--keep", action="store_true", help="set up the first case in a folder, "
                        "print how to run it by hand, and run nothing")
    # One more than processors: much of the time goes into waiting for the disk.
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1)
    parser.add_argument("--lines", type=int, default=12, help="lines of difference to print")
    parser.add_argument("--summary", metavar="FILE", help="also write failures there, by cause")
    parser.add_argument("--budget", type=float, default=0, metavar="SECONDS", help="skip, and count as "
                        "skipped, what has not begun by then; cases run in a mixed order")
    parser.add_argument("--stop", type=int, default=0, metavar="N", help="stop after N failures")
    parser.add_argument("--update-none", action="store_true",
                        help="neither read nor write kept answers of the reference")
    parser.add_argument("--scratch", default=os.path.join(
        tempfile.gettempdir(), f"qemu-img-compat-{os.geteuid()}"), help="default: %(default)s")
    return parser.parse_args(arguments)


def default_program():
    return os.environ.get("QEMU_IMG", os.path.join(os.path.dirname(HERE), "build", "qemu-img"))


def starter_path(options):
    """The program `starter` lies beside the one under test, or else beside the one that is built here."""
    folders = [os.path.dirname(os.path.abspath(program)) for program in (options.program, default_program())]
    return os.path.join(next((folder for folder in folders if os.path.exists(os.path.join(folder, "starter"))),
                             folders[1]), "starter")


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    return os.path.join(base, "qemu-img-compat", "differential")


def choose_contenders(options, runner):
    """The contenders, and how many engines cannot run here."""
    if options.program == "reference":
        return [runner.reference], 0
    program = os.path.abspath(options.program)
    if not os.access(program, os.X_OK):
        raise SystemExit(f"differential: no program {program} (see --program)")
    result, skipped = [], 0
    for engine in options.engine.split(","):
        reason = engines.reason_against(engine)
        if reason:
            print(f"skipped engine {engine}: {reason}")
            skipped += 1
        else:
            result.append(run.program_contender(program, engine, runner.tools.starter))
    return result, skipped


class Tally:
    """Counts verdicts, and prints what differs."""

    def __init__(self, options, contenders):
        self.options = options
        self.contenders = contenders
        self.passed = self.skipped = self.late = 0
        self.failures = []
        self.missing = set()
        self.pending = pending.Pending(os.path.join(HERE, "rows", "pending"))

    def add(self, case, verdict):
        if verdict.shown:
            print(verdict.shown, end="")
        if verdict.late or verdict.missing:
            self.skipped += len(self.contenders)
            self.late += verdict.late
            self.missing |= {verdict.missing} - {""}
        for name, lines in verdict.results:
            self.count(f"{case.name} [{name}]", case, lines)

    def count(self, title, case, lines):
        if not lines:
            self.passed += 1
            return
        reason = self.pending.excuse(f"{case.name} {case.text()}")
        if reason:
            self.skipped += 1
            print(f"skipped {title}: {reason}")
            return
        self.failures.append((f"{title} {case.title()[:200]}", lines))
        print("\n".join([f"FAIL {title}"] + lines), flush=True)

    def is_enough(self):
        return self.options.stop and len(self.failures) >= self.options.stop


def keep(case, runner):
    """Leaves the set-up folder of a case and prints its command lines."""
    slot = runner.slot()
    case = run.place_case(case, slot.folder)
    first, rest = runner.prepared.split(case.setup)
    slot.fill(runner.prepared.get(first)[0])
    setup = scratch.Setup(slot.folder, runner.tools)
    for words in rest:
        if words[0] != "hold":
            setup.run(words)
    print(f"# {case.name}; {case.flags}\ncd {slot.folder}")
    for words in case.runs:
        print("qemu-img", shlex.join(words))


def main(arguments):
    options = parse_arguments(arguments)
    paths = options.rows or sorted(glob.glob(os.path.join(HERE, "rows", "*.rows")))
    try:
        pattern = re.compile(options.only)
        cases = [case for case in rows.load(paths)
                 if pattern.search(f"{case.name} {case.title()}")]
    except (rows.RowError, re.error) as error:
        raise SystemExit(f"differential: {error}") from error
    if options.list:
        for case in cases:
            print(case.name, ascii(case.title()))
        return 0
    reference = run.Reference(os.path.join(HERE, "reference"), starter.Starter(starter_path(options)))
    runner = run.Runner(reference, cache_folder(), options.scratch, not options.update_none)
    if options.keep and cases:
        keep(cases[0], runner)
        return 0
    started = time.monotonic()
    tally = judge(options, runner, cases)
    if options.update_none:
        shutil.rmtree(os.path.dirname(runner.prepared.root), ignore_errors=True)
    return finish(options, tally, time.monotonic() - started)


def judge(options, runner, cases):
    """Runs all cases; returns what was counted."""
    contenders, engines_skipped = choose_contenders(options, runner)
    tally = Tally(options, contenders)
    tally.skipped = engines_skipped * len(cases)
    if options.budget:
        cases.sort(key=mixed)
    worker = work.Worker(options, runner, contenders, cases)
    for verdict in work.verdicts(worker):
        if tally.is_enough():
            worker.stopped.set()
        else:
            tally.add(cases[verdict.number], verdict)
    if tally.late:
        print(f"skipped {tally.late} cases: no time left")
    for reason in sorted(tally.missing):
        print(f"skipped cases: {reason}")
    if options.only == "" and not options.rows and not tally.late:
        for pattern in tally.pending.idle():
            tally.failures.append((f"rows/pending: nothing differs for '{pattern}'", []))
            print(f"FAIL rows/pending: nothing differs for '{pattern}'")
    return tally


def mixed(case):
    """Puts cases in an order that mixes files and rows, but for those that are set up alike."""
    return [hashlib.md5(text.encode("utf-8", "replace")).digest()
            for text in (repr(scratch.Prepared.split(case.setup)[0] or case.name), case.name)]


def finish(options, tally, seconds):
    if options.summary:
        with open(options.summary, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("\n".join(report.summary(tally.failures)) + "\n")
    print(f"{tally.passed} passed, {len(tally.failures)} failed, {tally.skipped} skipped "
          f"({seconds:.0f} s)")
    return 1 if tally.failures or not tally.passed + tally.skipped else 0


def run_main():
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
