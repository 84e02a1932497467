# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lints share: the tracked files, and how findings are told."""
import os
import subprocess
import sys

# The lints' own test plants faults in another tree and names it here.
ROOT = os.environ.get("LINT_ROOT") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tracked(*endings):
    """Names, relative to the root, of the files in the tree that git knows or would add."""
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
                           "--exclude-standard"], capture_output=True, check=True)
    names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    return sorted(name for name in set(names) if os.path.isfile(os.path.join(ROOT, name))
                  and (not endings or name.endswith(endings)))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def is_script(name):
    """Is it a program without an ending, in bash or python?"""
    if "." in os.path.basename(name):
        return False
    return read(name)[:2] == "#!"


def finish(findings):
    """Prints the findings and ends the program."""
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)
