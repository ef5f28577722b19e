# SPDX-License-Identifier: GPL-2.0-only
"""The tables themselves: pages of entries, taken from outside the modelled zones, and those kept for a split."""

from __future__ import annotations

from kernelmodel.arch import TABLE_PFN
from kernelmodel.decision import KernelBug
from kernelmodel.machine import Machine

PTE_LEVEL = 0


def table_alloc(m: Machine, mm: int, level: int) -> int:
    """A zeroed table of a level (0: PTEs); its number is the lowest that is free."""
    alone = m.nr_cpus == 1
    table = m.table_low.get(0) if alone else 0
    while m.table_used.get(table):
        table += 1
    if alone:
        m.table_low.set(0, table + 1)
    m.table_used.set(table, level + 1)
    m.table_mm.set(table, mm)
    return table


def table_free(m: Machine, table: int) -> None:
    """Give a table back at once; it must be empty and unlocked."""
    if m.ptl.get(table) or not is_empty(m, table):
        raise KernelBug("pte_free", f"table {table} is freed while in use")
    m.table_used.set(table, 0)
    m.table_mm.set(table, 0)
    if m.nr_cpus == 1:
        m.table_low.set(0, min(table, m.table_low.get(0)))


def is_empty(m: Machine, table: int) -> bool:
    """Is every entry of a table none?"""
    return not any(m.pgtable.run(table * m.arch.ptrs, m.arch.ptrs))


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
