# SPDX-License-Identifier: GPL-2.0-only
"""The tables themselves: pages of entries, taken from outside the modelled zones, and those kept for a split."""

from __future__ import annotations

from kernelmodel.arch import TABLE_PFN
from kernelmodel.decision import KernelBug
from kernelmodel.machine import Machine

PTE_LEVEL = 0


def table_alloc(m: Machine, mm: int, level: int) -> int:
    """A zeroed table of a level (0: PTEs); its number."""
    height = m.table_free.get(0)
    if height:
        table = m.table_free.get(height)
        m.table_free.set(height, 0)
        m.table_free.set(0, height - 1)
    else:
        table = m.table_next.add(0, 1)
    m.table_used.set(table, level + 1)
    m.table_mm.set(table, mm)
    return table


def table_free(m: Machine, table: int, reuse: bool = True) -> None:
    """Give a table back; it must be empty and unlocked.  ``reuse``: may the next one that is needed be this?"""
    base = table * m.arch.ptrs
    if m.ptl.get(table) or any(m.pgtable.run(base, m.arch.ptrs)):
        raise KernelBug("pte_free", f"table {table} is freed while in use")
    m.table_used.set(table, 0)
    m.table_mm.set(table, 0)
    if reuse:
        height = m.table_free.add(0, 1)
        m.table_free.set(height, table)


def table_of(m: Machine, value: int) -> int:
    """Number of the table that an entry points to."""
    return m.arch.pte_pfn(value) - TABLE_PFN


def table_entry(m: Machine, table: int) -> int:
    """An entry that points to a table."""
    return m.arch.table_entry(TABLE_PFN + table)


def pgtable_trans_huge_deposit(m: Machine, pmd: int, table: int) -> None:
    """Keep a table for the day when the leaf is split."""
    m.deposit.set(pmd, table + 1)


def pgtable_trans_huge_withdraw(m: Machine, pmd: int) -> int:
    """Take it back."""
    table = m.deposit.get(pmd) - 1
    m.deposit.set(pmd, 0)
    return table
