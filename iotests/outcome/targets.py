# SPDX-License-Identifier: GPL-2.0-or-later
"""The targets of conversions that are killed, or fail: one row each."""
import os
import subprocess
from dataclasses import dataclass, field

SECRET = ["--object", "secret,id=s,data=abc"]
LUKS = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"

# Each run has an empty folder for the target, or a copy of the one that is there.
FOLDER = "made"
OLD = "old"
IMAGE = "out"
NAME = os.path.join(FOLDER, IMAGE)


@dataclass(frozen=True)
class Target:
    """A row: what convert is told, and how the image is opened to be judged."""
    name: str
    form: str
    arguments: list = field(default_factory=list)
    options: str = ""           # after -o
    open: str = ""              # further options of the node
    secret: bool = False
    backing: bool = False       # the image is an overlay of the base
    in_place: bool = False      # data has its place from the start, and no header could tell
    garbage: bool = False       # an empty image reads as anything
    existing: bool = False      # the image is there, made of the base, and converted into
    disk: str = "plain"         # the kind of source

    def secrets(self):
        return list(SECRET) if self.secret else []

    def new(self, path, more=()):
        """The command that makes the image of a raw file."""
        words = ["convert", "-f", "raw"] + self.secrets() + self.arguments + ["-O", self.form]
        return words + (["-o", self.options] if self.options else []) + [*more, path, IMAGE]

    def convert(self, source):
        """The command that is watched."""
        if not self.existing:
            return self.new(source.path, ["-B", source.base_path, "-F", "raw"] if self.backing else [])
        words = ["convert", "-n", "-f", "raw"] + self.secrets() + self.arguments
        return words + ["--target-image-opts", source.path, self.node()[-1]]

    def node(self):
        """Arguments that name the image as a source."""
        more = "," + self.open if self.open else ""
        return self.secrets() + ["--image-opts", f"driver={self.form},file.filename={IMAGE}{more}"]

    def prepare(self, program, folder, source):
        """Make what is there from the start."""
        if self.existing:
            old = os.path.join(folder, OLD)
            os.mkdir(old)
            words, base, form = self.new(source.base_path), source.base_path, "raw"
            if self.backing and self.form == "vmdk":
                base, form = os.path.join(folder, "base"), "vmdk"
                subprocess.run(program + ["convert", "-f", "raw", "-O", form, source.base_path, base], check=True)
            if self.backing:
                words = ["create", "-q", "-f", self.form, "-b", base, "-F", form, IMAGE]
            subprocess.run(program + words, cwd=old, check=True)


def new_rows():
    qcow2 = [
        ("qcow2", "", {}),
        ("qcow2-small", "cluster_size=4k", {}),
        ("qcow2-512", "cluster_size=512", {}),
        ("qcow2-compat", "compat=0.10", {}),
        ("qcow2-refcount-1", "refcount_bits=1", {}),
        ("qcow2-extended", "extended_l2=on,cluster_size=16k", {}),
        ("qcow2-metadata", "preallocation=metadata", {}),
        ("qcow2-falloc", "preallocation=falloc", {}),
        ("qcow2-full", "preallocation=full", {}),
        ("qcow2-lazy", "lazy_refcounts=on", {}),
        ("qcow2-data-file", "data_file=data", {}),
        ("qcow2-data-raw", "data_file=data,data_file_raw=on", {}),
        ("qcow2-luks", LUKS, {"secret": True, "open": "encrypt.key-secret=s"}),
        ("qcow2-overlay", "", {"backing": True}),
    ]
    out = [Target(name, "qcow2", options=options, **more) for name, options, more in qcow2]
    out += [Target("qcow2-compressed", "qcow2", ["-c"]),
            Target("qcow2-zstd", "qcow2", ["-c"], "compression_type=zstd"),
            Target("qcow2-parallel", "qcow2", ["-W", "-m", "8"]),
            Target("qcow", "qcow"), Target("qcow-compressed", "qcow", ["-c"]),
            Target("qed", "qed"), Target("qed-small", "qed", options="cluster_size=4k,table_size=2"),
            Target("vdi", "vdi"), Target("vdi-static", "vdi", options="static=on"),
            Target("vpc", "vpc"), Target("vpc-fixed", "vpc", options="subformat=fixed"),
            Target("vhdx", "vhdx"), Target("vhdx-fixed", "vhdx", options="subformat=fixed"),
            Target("vhdx-small", "vhdx", options="block_size=1M"),
            Target("parallels", "parallels"),
            Target("parallels-small", "parallels", options="cluster_size=4k"),
            Target("luks", "luks", options="key-secret=s,iter-time=10", open="key-secret=s", secret=True,
                   garbage=True)]
    for sub in ("monolithicSparse", "twoGbMaxExtentSparse", "streamOptimized", "monolithicFlat", "twoGbMaxExtentFlat"):
        out.append(Target("vmdk-" + sub, "vmdk", options="subformat=" + sub))
    for sub in ("twoGbMaxExtentSparse", "twoGbMaxExtentFlat"):
        out.append(Target("vmdk-large-" + sub, "vmdk", options="subformat=" + sub, disk="large"))
    out.append(Target("raw", "raw", in_place=True))
    return out


def existing_rows():
    plain = [("qcow2", ""), ("qcow2-small", "cluster_size=4k"), ("qcow2-extended", "extended_l2=on"),
             ("qcow2-compat", "compat=0.10"), ("qcow", ""), ("qed", ""), ("vdi", ""), ("vhdx", ""), ("vpc", ""),
             ("vmdk", ""), ("parallels", "")]
    packed = [("qcow2-compressed", ""), ("qcow2-zstd", "compression_type=zstd"), ("qcow-compressed", "")]
    split = [("vmdk-large-" + sub, "subformat=" + sub) for sub in ("twoGbMaxExtentSparse", "twoGbMaxExtentFlat")]

    def row(name, options, **more):
        return Target("in-" + name, name.partition("-")[0], options=options, existing=True, **more)
    return ([row(*names) for names in plain] + [row(*names, disk="large") for names in split] +
            [row(*names, arguments=["-c"], disk="packed") for names in packed] +
            [row(form + "-overlay", "", backing=True) for form in ("qcow2", "qcow", "qed", "vmdk")] +
            [row("qcow2-luks", LUKS, open="encrypt.key-secret=s", secret=True)])


def rows():
    """All targets by their names."""
    return {target.name: target for target in new_rows() + existing_rows()}
