# SPDX-License-Identifier: GPL-2.0-only
"""Causes for a NULL that a user forces on ``pte_offset_map()``.

A NULL with an unchanged table would leave a world behind that can't exist.  So the cause is put into the machine, as
another CPU could have left it: a leaf, a leaf under migration, or nothing where a leaf came and went.  The PTE table
that this fault may have installed must be empty; it plays the table that the other CPU deposited.
"""

from __future__ import annotations

from kernelmodel.arch import SWP_MIGRATION_WRITE, TABLE_PFN
from kernelmodel.defs import GFP_TRANSHUGE_LIGHT, MM_ANONPAGES, THP_FAULT_ALLOC
from kernelmodel.machine import Machine
from kernelmodel.mm import memcontrol, page_alloc, rmap, vmstat
from kernelmodel.mm.huge_mm import transhuge_vma_suitable
from kernelmodel.structs import Vma


def causes(m: Machine, vma: Vma, pmd: int, address: int) -> tuple[str, ...]:
    """The causes that this state allows, spelled as answers; none where the VMA could not hold a leaf at all."""
    value = m.pgtable.get(pmd)
    if not transhuge_vma_suitable(vma, address & ~(m.arch.pmd_size - 1)):
        return ()
    kind = m.arch.pmd_kind(value)
    if kind != "table":
        return ()
    table = m.arch.pte_pfn(value) - TABLE_PFN
    if any(m.pgtable.run(table * m.arch.ptrs, m.arch.ptrs)):
        return ()
    found = page_alloc.get_page_from_freelist(m, GFP_TRANSHUGE_LIGHT, m.arch.pmd_order)
    if isinstance(found, page_alloc.Refused):
        return ("NULL none",)
    return ("NULL leaf", "NULL none", "NULL migration")


def install(m: Machine, vma: Vma, pmd: int, address: int, cause: str) -> None:
    """Put a cause into the machine."""
    table = m.arch.pte_pfn(m.pgtable.get(pmd)) - TABLE_PFN
    if cause == "none":
        m.pgtable.set(pmd, 0)
        vma.vm_mm.nr_ptes -= 1
        m.table_used.set(table, 0)
        m.table_mm.set(table, 0)
        m.table_free.set(m.table_free.add(0, 1), table)
        return
    folio = page_alloc.take(m, GFP_TRANSHUGE_LIGHT, m.arch.pmd_order)
    assert folio is not None
    memcontrol.charge_now(folio)
    haddr = address & ~(m.arch.pmd_size - 1)
    rmap.folio_add_new_anon_rmap(folio, vma, haddr)
    rmap.folio_add_lru_vma(folio)
    vmstat.add_mm_counter(vma.vm_mm, MM_ANONPAGES, folio.nr_pages)
    vmstat.count_vm_event(m, THP_FAULT_ALLOC)
    m.deposit.set(pmd, table + 1)
    if cause == "leaf":
        m.pgtable.set(pmd, rmap.huge_pmd(folio, vma))
        return
    rmap.unmap_pmd(folio)
    m.pgtable.set(pmd, m.arch.swp_entry(SWP_MIGRATION_WRITE, folio.id))
