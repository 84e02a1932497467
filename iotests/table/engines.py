# SPDX-License-Identifier: GPL-2.0-or-later
"""Which engines of the program can run on this machine."""
import fcntl
import os

KVM_GET_API_VERSION = 0xAE00
KVM_API_VERSION = 12


def reason_against(engine):
    """Why an engine cannot be tested here, or an empty string."""
    if engine != "kvm":
        return ""
    try:
        device = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        try:
            version = fcntl.ioctl(device, KVM_GET_API_VERSION, 0)
        finally:
            os.close(device)
    except OSError as error:
        return f"/dev/kvm: {error.strerror}"
    return "" if version == KVM_API_VERSION else f"/dev/kvm has version {version}"
