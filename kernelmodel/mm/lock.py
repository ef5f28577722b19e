# SPDX-License-Identifier: GPL-2.0-only
"""Page-table locks, one per table (split PTE and PMD locks)."""

from __future__ import annotations

from kernelmodel.decision import KernelBug, Path, Wait
from kernelmodel.machine import Machine


def spin_lock(m: Machine, table: int, cpu: int) -> Path[None]:
    """Take a table's lock; the CPU waits while another one holds it."""
    while m.ptl.get(table):
        yield Wait(f"ptl of table {table}", lambda: not m.ptl.get(table))
    m.ptl.set(table, cpu + 1)


def spin_unlock(m: Machine, table: int) -> None:
    """Release it."""
    if not m.ptl.get(table):
        raise KernelBug("spin_unlock", f"the lock of table {table} is not held")
    m.ptl.set(table, 0)
