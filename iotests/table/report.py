# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares two outcomes of a case and prints what differs, briefly."""
import difflib
import re
import shlex

LINE_LIMIT = 240
LARGE_SECTORS = 2048
TREE_SECTORS = 16
# No input may make info take more.
INFO_SECONDS_MAX = 1.0
INFO_KIB_MAX = 64 << 10


def text_difference(name, expected, got, limit):
    """Lines of a unified difference without its headers and without equal lines."""
    if expected == got:
        return []
    lines = [line.rstrip("\n") for line in
             difflib.unified_diff(expected.splitlines(True), got.splitlines(True), n=0)
             if not line.startswith(("---", "+++", "@@"))]
    if not lines or expected.rstrip("\n") == got.rstrip("\n"):
        lines = ["- " + repr(expected[-40:]), "+ " + repr(got[-40:])]
    cut = [f"({len(lines) - limit} more lines)"] if len(lines) > limit else []
    return [f"  {name}"] + ["    " + line[:LINE_LIMIT] for line in lines[:limit] + cut]


def file_differences(expected, got, limit):
    lines = []
    for name in sorted(expected.keys() | got.keys()):
        before, after = expected.get(name), got.get(name)
        if before == after:
            continue
        if before is None or after is None:
            lines.append(f"  file {name}: {'not ' if before is None else ''}left by the reference,"
                         f" {'not ' if after is None else ''}here")
            continue
        lines += [line for key in sorted(before.keys() | after.keys())
                  for line in property_difference(name, key, before.get(key), after.get(key), limit)]
    return lines


def property_difference(name, key, before, after, limit):
    if before == after or key == "blocks" and equal_space(before, after):
        return []
    if key in ("judged", "disk"):
        return text_difference(f"file {name}: the reference's info and check", before, after, limit)
    return [f"  file {name}: {key} {short(before)}, here {short(after)}"]


def equal_space(before, after):
    """Is it the same space on disk? The file system's own tree of a large file may differ a bit."""
    return None not in (before, after) and min(before, after) > LARGE_SECTORS and abs(before - after) <= TREE_SECTORS


def short(value):
    text = str(value)
    return text[:8] if re.fullmatch("[0-9a-f]{64}", text) else text[:300]


def run_difference(before, after, limit):
    """What differs in one command line. Where the reference dies or hangs, one clear error is right."""
    if before["status"] == "timeout" or before["status"] < 0:
        clear = after["status"] in (1, 2) and not after["out"] and after["err"].startswith("qemu-img: ")
        return [] if clear else ["  the reference dies; here is no clear error"] + \
            text_difference("stderr", before["err"], after["err"], limit)
    part = text_difference("stdout", before["out"], after["out"], limit)
    part += text_difference("stderr", before["err"], after["err"], limit)
    if before["status"] != after["status"]:
        part.append(f"  exit status {before['status']}, here {after['status']}")
    return part


def bounds(case):
    """The seconds of processor time and the KiB that each command of the case may take."""
    if "bounded" not in case.flags:
        return INFO_SECONDS_MAX, INFO_KIB_MAX
    seconds, mib = case.flags["bounded"].split("/")
    return float(seconds), int(mib) << 10


def own_faults(case, result):
    """What is wrong with an answer in itself: too slow, too large, no JSON."""
    faults = []
    seconds_max, kib_max = bounds(case)
    if result.get("seconds", 0) > seconds_max:
        faults.append(f"  takes {result['seconds']:.1f} s of processor time")
    if result.get("kib", 0) > kib_max:
        faults.append(f"  takes {result['kib']} KiB of memory")
    if result.get("json_fault"):
        faults.append(f"  no JSON: {result['json_fault']}")
    return faults


def is_right(case, outcome):
    """Did all commands succeed, and do the files hold what the case says?"""
    contents = [words[1] for words in zip(case.files, case.files[1:]) if words[0] == "content"]
    return all(run["status"] == 0 for run in outcome["runs"]) and \
        all(outcome["files"].get(name, {}).get("content") == "right" for name in contents)


def content_faults(case, outcome):
    """What differs from what the case says that files hold, whatever the reference makes of it."""
    if "reference" not in case.flags and "content" not in case.files or is_right(case, outcome):
        return []
    runs = [f"  {run['err'].strip()} [{run['status']}]" for run in outcome["runs"] if run["status"] != 0]
    return ["  the content is wrong"] + runs


def compare_wrong(case, expected, got):
    """Where the reference is known to be wrong: without a word, the right bytes."""
    lines = content_faults(case, got)
    if is_right(case, expected):
        lines.append("  the reference is right, after all")
    return lines + [f"  says {run['out']}{run['err']}" for run in got["runs"] if run["out"] or run["err"]]


def compare(case, expected, got, limit):
    """Returns the lines that tell the difference; none if the outcomes are equal."""
    if case.flags.get("reference") == "wrong":
        return compare_wrong(case, expected, got)
    lines = content_faults(case, got)
    for run, before, after in zip(case.runs, expected["runs"], got["runs"]):
        part = run_difference(before, after, limit) + own_faults(case, after)
        if part:
            lines += ["  $ qemu-img " + shlex.join(run)[:600]] + part
    return lines + file_differences(expected["files"], got["files"], limit)


SPACE = re.compile(r'    [-+]( *"actual-size"| *disk size)|  (stdout|\$ .*)$|  file .*: (blocks|the reference)')


def is_space_only(lines):
    """Is nothing but the space taken on the disk different?"""
    return all(SPACE.match(line) for line in lines)


def causes(lines):
    """The lines of a failure that stand for its cause, without numbers and names, for grouping."""
    found = [line.strip() for line in lines
             if re.match(r"    [-+]|  exit status|  file ", line)][:2]
    return " | ".join(re.sub(r"\b[0-9a-f]{8}\b|\d+", "N", line)[:120] for line in found)


def summary(failures):
    """Groups failures by cause: lines with the count, the cause and the first cases."""
    groups = {}
    for title, lines in failures:
        groups.setdefault(causes(lines), []).append(title)
    result = []
    for cause, titles in sorted(groups.items(), key=lambda item: -len(item[1])):
        result.append(f"{len(titles):5}  {cause}")
        result += [f"         {title}" for title in titles[:3]]
    return result
