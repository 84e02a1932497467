# SPDX-License-Identifier: GPL-2.0-or-later
"""The differential test table: rows of command lines, run with the reference and the program."""
