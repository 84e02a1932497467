# SPDX-License-Identifier: GPL-2.0-or-later
"""The targets of conversions that are killed, or fail: one row each."""
from dataclasses import dataclass, field

SECRET = ["--object", "secret,id=s,data=abc"]
LUKS = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"

# Each run has an empty folder for the target; "base" is there from the start.
FOLDER = "made"
NAME = FOLDER + "/out"


@dataclass(frozen=True)
class Target:
    """A row: what convert is told, and how the image is opened to be judged."""
    name: str
    form: str
    arguments: list = field(default_factory=list)
    options: str = ""           # after -o
    open: str = ""              # further options of the node
    secret: bool = False
    backing: bool = False       # the image is an overlay of "base"
    in_place: bool = False      # data has its place from the start, and no header could tell
    garbage: bool = False       # an empty image reads as anything

    def convert(self):
        """The arguments of convert but for the files."""
        words = list(SECRET) if self.secret else []
        words += self.arguments + ["-O", self.form]
        return words + (["-o", self.options] if self.options else [])

    def node(self, name="out"):
        """Arguments that name the image as a source."""
        words = list(SECRET) if self.secret else []
        more = "," + self.open if self.open else ""
        return words + ["--image-opts", f"driver={self.form},file.filename={name}{more}"]


def rows():
    """All targets."""
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
        ("qcow2-overlay", "", {"arguments": ["-B", "../base", "-F", "raw"], "backing": True}),
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
    out.append(Target("raw", "raw", in_place=True))
    return {target.name: target for target in out}
