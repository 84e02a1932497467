# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of the differential table."""
import argparse
import concurrent.futures
import glob
import hashlib
import os
import re
import shlex
import shutil
import sys
import tempfile
import threading
import time

from . import engines, pending, report, rows, run, scratch

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
    parser.add_argument("--pack", action="store_true",
                        help="keep the reference's answers to these cases in rows/answers.json")
    parser.add_argument("--jobs", type=int, default=2)
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


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    return os.path.join(base, "qemu-img-compat", "differential")


def choose_contenders(options, runner):
    """The contenders, and how many engines cannot run here."""
    if options.program == "reference":
        return [run.Contender("reference", runner.reference.words, runner.reference.environment)], 0
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
            result.append(run.program_contender(program, engine))
    return result, skipped


class Table:
    """Runs cases with worker threads and counts."""

    def __init__(self, options, runner, contenders):
        self.options = options
        self.runner = runner
        self.contenders = contenders
        self.local = threading.local()
        self.lock = threading.Lock()
        self.passed = 0
        self.skipped = 0
        self.failures = []
        self.stopped = False
        self.started = time.monotonic()
        self.late = 0
        self.missing = set()
        self.pending = pending.Pending(os.path.join(HERE, "rows", "pending"))

    def work(self, case):
        if self.stopped:
            return
        if self.options.budget and time.monotonic() - self.started > self.options.budget:
            with self.lock:
                self.skipped += len(self.contenders)
                self.late += 1
            return
        if not hasattr(self.local, "slot"):
            self.local.slot = self.runner.slot()
        slot = self.local.slot
        case = run.place_case(case, slot.folder)
        try:
            expected = self.runner.expected(case, slot)
            if self.options.show:
                self.show(case, expected)
            for contender in self.contenders:
                lines = self.difference(case, contender, expected, slot)
                self.count(f"{case.name} [{contender.name}]", case, lines)
        except scratch.Unavailable as error:
            with self.lock:
                self.skipped += len(self.contenders)
                self.missing.add(str(error))
        except scratch.SetupError as error:
            self.count(f"{case.name} [setup]", case, [f"  {error}"])

    def difference(self, case, contender, expected, slot):
        """The lines that tell how the contender's outcome differs.

        How much space a file takes also depends on where the file system found it just then: what
        differs in that alone is compared once more, with a new answer of the reference.
        """
        got = self.runner.outcome(contender, case, slot)
        lines = report.compare(case, expected, got, self.options.lines)
        if lines and report.is_space_only(lines):
            expected = self.runner.outcome(self.runner.reference, case, slot)
            got = self.runner.outcome(contender, case, slot)
            lines = report.compare(case, expected, got, self.options.lines)
        return lines

    def show(self, case, outcome):
        with self.lock:
            for words, result in zip(case.runs, outcome["runs"]):
                print(f"{case.name} $ qemu-img {shlex.join(words)}")
                print(result["out"] + result["err"] + f"[{result['status']}]")

    def count(self, title, case, lines):
        with self.lock:
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
            self.stopped = len(self.failures) == self.options.stop


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
    reference = run.Reference(os.path.join(HERE, "reference"))
    runner = run.Runner(reference, cache_folder(), options.scratch, not options.update_none)
    if options.pack:
        print(f"{runner.pack(cases)} answers packed")
        return 0
    if options.keep:
        keep(cases[0], runner)
        return 0
    started = time.monotonic()
    contenders, engines_skipped = choose_contenders(options, runner)
    table = Table(options, runner, contenders)
    table.skipped = engines_skipped * len(cases)
    if options.budget:
        cases.sort(key=lambda case: hashlib.md5(case.name.encode("utf-8", "replace")).digest())
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for future in [pool.submit(table.work, case) for case in cases]:
            future.result()
    if table.late:
        print(f"skipped {table.late} cases: no time left")
    for reason in sorted(table.missing):
        print(f"skipped cases: {reason}")
    if options.only == "" and not options.rows and not table.late:
        for pattern in table.pending.idle():
            table.failures.append((f"rows/pending: nothing differs for '{pattern}'", []))
            print(f"FAIL rows/pending: nothing differs for '{pattern}'")
    if options.update_none:
        shutil.rmtree(os.path.dirname(runner.prepared.root), ignore_errors=True)
    return finish(options, table, time.monotonic() - started)


def finish(options, table, seconds):
    if options.summary:
        with open(options.summary, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("\n".join(report.summary(table.failures)) + "\n")
    print(f"{table.passed} passed, {len(table.failures)} failed, {table.skipped} skipped "
          f"({seconds:.0f} s)")
    return 1 if table.failures or not table.passed + table.skipped else 0


def run_main():
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
