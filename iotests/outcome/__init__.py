# SPDX-License-Identifier: GPL-2.0-or-later
"""What conversions leave behind, whole or not: targets, and how they are judged."""
