# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own texts about free memory: written from a machine, and read from a real one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelmodel.machine import Machine

FILES = ("buddyinfo", "pagetypeinfo", "zoneinfo", "extfrag")
"""What can be printed: three files of /proc, and the two of debugfs' extfrag/ as one.  Each has a module here."""


def text(m: Machine, name: str) -> str:
    """One of these, as a kernel in this state would give it; nothing of the machine changes."""
    found: str = getattr(import_module(f"kernelmodel.proc.{name}"), name)(m)
    return found
