# SPDX-License-Identifier: GPL-2.0-only
"""RCU as far as page tables need it: who is in a read section, and which detached tables wait for whom.

A table is freed once every CPU that was in a section when it was detached has left it (pte_free_tlb() with
CONFIG_MMU_GATHER_RCU_TABLE_FREE, pte_free_defer()).  With one CPU nothing is stored and a table is freed at once.
"""

from __future__ import annotations

from kernelmodel.machine import Machine
from kernelmodel.mm.tables import is_empty, table_free


def rcu_read_lock(m: Machine) -> None:
    """Begin a section on this CPU.  (None begins inside another here, so one bit a CPU is enough.)"""
    if m.nr_cpus > 1:
        assert not m.rcu.get(0) >> m.this_cpu & 1
        m.rcu.add(0, 1 << m.this_cpu)


def rcu_read_unlock(m: Machine) -> None:
    """End it; tables that only waited for this CPU are freed."""
    if m.nr_cpus == 1:
        return
    m.rcu.set(0, m.rcu.get(0) & ~(1 << m.this_cpu))
    if not m.nr_grace.get(0):
        return
    for table, readers in list(m.table_grace.items()):
        readers &= ~(1 << m.this_cpu)
        m.table_grace.set(table, readers)
        if not readers:
            m.nr_grace.add(0, -1)
            _free(m, table)


def table_free_rcu(m: Machine, table: int) -> None:
    """Free a detached table after a grace period."""
    if m.nr_cpus == 1:
        table_free(m, table)
        return
    readers = m.rcu.get(0)
    if readers:
        m.table_grace.set(table, readers)
        m.nr_grace.add(0, 1)
    else:
        _free(m, table)


def _free(m: Machine, table: int) -> None:
    """A table that still has entries is kept, so that they can be seen (``no_live_pte_in_a_detached_table``)."""
    if is_empty(m, table):
        table_free(m, table)
