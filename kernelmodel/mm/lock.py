# SPDX-License-Identifier: GPL-2.0-only
"""Page-table locks, one per table (split PTE and PMD locks); who waits for one relies on the table: on RCU."""

from __future__ import annotations

from kernelmodel.decision import KernelBug, Path, Wait
from kernelmodel.machine import Machine


def spin_lock(m: Machine, table: int, cpu: int) -> Path[None]:
    """Take a table's lock; the CPU waits while another one holds it."""
    while m.ptl.get(table):
        yield Wait(f"ptl of table {table}", lambda: not m.ptl.get(table))
    if not m.table_used.get(table):
        raise KernelBug("use-after-free", f"the lock of table {table} is taken, which has been freed")
    m.ptl.set(table, cpu + 1)


def spin_unlock(m: Machine, table: int) -> None:
    """Release it."""
    if not m.ptl.get(table):
        raise KernelBug("spin_unlock", f"the lock of table {table} is not held")
    m.ptl.set(table, 0)


def holds(m: Machine, table: int) -> bool:
    """Does this CPU hold a table's lock?"""
    return m.ptl.get(table) == m.this_cpu + 1
