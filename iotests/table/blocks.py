# SPDX-License-Identifier: GPL-2.0-or-later
"""Files as block devices, by the kernel's loop devices."""
import functools
import os
import subprocess


@functools.lru_cache(maxsize=1)
def reason_against():
    """Why there can be no loop devices here, or an empty string. What fails later is a failure."""
    if os.geteuid() != 0:
        return "loop devices need root"
    try:
        done = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "no losetup"
    if done.returncode != 0:
        return "no loop devices: " + done.stderr.strip()
    device = done.stdout.strip()
    try:
        os.close(os.open(device, os.O_RDWR))
    except OSError as error:
        return f"{device}: {error.strerror}"
    return ""


class Loop:
    """One file that is attached, and the link that names its device."""

    def __init__(self, path, link):
        done = subprocess.run(["losetup", "--find", "--show", path], capture_output=True, text=True, check=True)
        self.device, self.link = done.stdout.strip(), link
        os.symlink(self.device, link)

    def detach(self):
        """What was written is in the file afterwards."""
        if os.path.islink(self.link):
            os.remove(self.link)
        descriptor = os.open(self.device, os.O_RDWR)
        os.fsync(descriptor)
        os.close(descriptor)
        subprocess.run(["losetup", "--detach", self.device], check=True)
