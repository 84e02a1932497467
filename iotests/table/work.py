# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases become verdicts, in worker processes: threads of one interpreter would wait for each other."""
import concurrent.futures
import dataclasses
import multiprocessing
import shlex
import time

from . import report, run, scratch

CHUNK_CASES = 8  # handed to a process at once


@dataclasses.dataclass
class Verdict:
    """What became of one case."""
    number: int
    # (a contender's name or "setup", the lines that tell how it differs); none of a case that did not run.
    results: list = dataclasses.field(default_factory=list)
    shown: str = ""
    missing: str = ""  # what this machine does not have for it
    late: bool = False


class Worker:
    """Runs cases by their numbers. Copied into each process, which has a scratch folder of its own."""

    def __init__(self, options, runner, contenders, cases):
        self.options = options
        self.runner = runner
        self.contenders = contenders
        self.cases = cases
        self.deadline = time.monotonic() + options.budget if options.budget else None
        self.stopped = multiprocessing.get_context("fork").Event()
        self.slot = None

    def verdict(self, number):
        if self.stopped.is_set() or self.deadline and time.monotonic() > self.deadline:
            return Verdict(number, late=True)
        if self.slot is None:
            self.slot = self.runner.slot()
        result = Verdict(number)
        case = run.place_case(self.cases[number], self.slot.folder)
        try:
            expected = self.runner.expected(case, self.slot)
            if self.options.show:
                result.shown = shown(case, expected)
            for contender in self.contenders:
                result.results.append((contender.name, self.difference(case, contender, expected)))
        except scratch.Unavailable as error:
            result.missing = str(error)
        except scratch.SetupError as error:
            result.results.append(("setup", [f"  {error}"]))
        return result

    def difference(self, case, contender, expected):
        """The lines that tell how the contender's outcome differs.

        How much space a file takes also depends on where the file system found it just then: what
        differs in that alone is compared once more, with a new answer of the reference.
        """
        got = self.runner.outcome(contender, case, self.slot)
        lines = report.compare(case, expected, got, self.options.lines)
        if lines and report.is_space_only(lines):
            expected = self.runner.outcome(self.runner.reference, case, self.slot)
            got = self.runner.outcome(contender, case, self.slot)
            lines = report.compare(case, expected, got, self.options.lines)
        return lines


def shown(case, outcome):
    text = ""
    for words, result in zip(case.runs, outcome["runs"]):
        text += f"{case.name} $ qemu-img {shlex.join(words)}\n{result['out']}{result['err']}[{result['status']}]\n"
    return text


PROCESS = {}


def begin(worker):
    PROCESS["worker"] = worker


def one(number):
    return PROCESS["worker"].verdict(number)


def verdicts(worker):
    """Yields the verdicts of all cases in their order."""
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(worker.options.jobs, context, begin, (worker,)) as pool:
        yield from pool.map(one, range(len(worker.cases)), chunksize=CHUNK_CASES)
