# SPDX-License-Identifier: GPL-2.0-or-later
"""VHDX images whose log has not been replayed: read as the reference reads them once it has replayed it."""
import json
import os
import shutil
import subprocess

from table import builders, disks, seal

from .tools import expect, expect_error, load, test

DISK = "3M"
LOGS = ("plain", "wrap", "zero,wrap", "tables", "data", "torn", "tables,data,torn")
COMMANDS = (["info", "--output=json"], ["check"], ["check", "--output=json"], ["map", "--output=json"],
            ["measure", "-O", "qcow2"], ["measure", "-O", "raw", "--output=json"])
HEADERS_END = 192 << 10


def build(name, *options):
    builders.build("vhdx", os.path.abspath(name), DISK, options)


def content_check(name, tools):
    tools.run("convert", name, "o.raw")
    expect(load("o.raw") == disks.content(*disks.parse(DISK)), f"{name}: content")


def steady(command, text):
    """What is printed, without the space that the file takes."""
    if command != ["info", "--output=json"]:
        return text
    facts = json.loads(text)
    facts.pop("actual-size")
    facts.pop("children")
    return facts


def answers_compare(tools, log):
    """Of the image dirty/t.vhdx and its replayed twin clean/t.vhdx."""
    for command in COMMANDS:
        ours = tools.run(*command, "t.vhdx", cwd="dirty")
        theirs = subprocess.run([*tools.reference, *command, "t.vhdx"], cwd="clean", check=True, text=True,
                                stdout=subprocess.PIPE)
        expect(ours.stderr == "", f"{log}, {command}: {ours.stderr}")
        expect(steady(command, ours.stdout) == steady(command, theirs.stdout), f"{log}, {command}: {ours.stdout}")
    expect(tools.run("compare", "dirty/t.vhdx", "clean/t.vhdx").stdout == "Images are identical.\n", f"{log}: compare")
    tools.run("dd", "-f", "vhdx", "-O", "raw", "bs=60k", "skip=3", "if=dirty/t.vhdx", "of=o.raw")
    expect(load("o.raw") == disks.content(*disks.parse(DISK))[180 << 10:], f"{log}: dd")
    content_check("dirty/t.vhdx", tools)


@test
def vhdx_log_read(tools):
    for log in LOGS:
        shutil.rmtree("dirty", ignore_errors=True)
        shutil.rmtree("clean", ignore_errors=True)
        os.mkdir("dirty")
        build("dirty/t.vhdx", "log=" + log)
        shutil.copytree("dirty", "clean")
        tools.make("check", "-q", "-r", "all", "clean/t.vhdx")
        before = load("dirty/t.vhdx")
        answers_compare(tools, log)
        expect(load("dirty/t.vhdx") == before, f"{log}: reading has changed the image")
        tools.run("check", "-q", "-r", "all", "dirty/t.vhdx")
        after = load("dirty/t.vhdx")
        expect(after[HEADERS_END:] == load("clean/t.vhdx")[HEADERS_END:], f"{log}: check -r writes what it says")
        expect(after[:HEADERS_END] != before[:HEADERS_END], f"{log}: the headers still name the log")
        content_check("dirty/t.vhdx", tools)


@test
def vhdx_log_around(tools):
    """Entries begin before the ring's end and behind its start: the reference replays only the latter."""
    build("t.vhdx", "log=tables,data,torn,wrap")
    content_check("t.vhdx", tools)
    tools.run("check", "-q", "-r", "all", "t.vhdx")
    expect(tools.content("t.vhdx", "vhdx") == disks.content(*disks.parse(DISK)), "content, after check -r")


@test
def vhdx_log_chain(tools):
    """Dirty parents, children, and images below those of other formats."""
    build("p.vhdx", "under=1", "log=data,tables")
    build("t.vhdx", "parent=p.vhdx", "log=data,wrap")
    content_check("t.vhdx", tools)
    tools.run("create", "-q", "-f", "qcow2", "-b", "t.vhdx", "-F", "vhdx", "t.qcow2")
    content_check("t.qcow2", tools)
    tools.run("check", "-q", "-r", "all", "p.vhdx")
    content_check("t.vhdx", tools)
    tools.run("check", "-q", "-r", "all", "t.vhdx")
    content_check("t.vhdx", tools)


@test
def vhdx_log_errors(tools):
    damaged = "Could not open 't.vhdx': The log is damaged: it does not say what is to be replayed"
    truncated = "Could not open 't.vhdx': The file has been truncated to %u bytes: when the log was written, it had %u"
    for fault in ("sequence", "descriptor", "data", "tail"):
        tools.make("create", "-q", "-f", "vhdx", "t.vhdx", DISK)
        seal.vhdx_log("t.vhdx", fault)
        for command in (["info"], ["check"], ["check", "-r", "all"], ["map"]):
            expect_error(tools.run(*command, "t.vhdx", status=1), damaged)
    build("t.vhdx", "log=plain")
    size = os.path.getsize("t.vhdx")
    os.truncate("t.vhdx", size - 4096)
    expect_error(tools.run("info", "t.vhdx", status=1), truncated % (size - 4096, size))
