# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of options that the reference does not have; see ../beyond."""
