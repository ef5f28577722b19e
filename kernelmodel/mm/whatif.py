# SPDX-License-Identifier: GPL-2.0-only
"""Causes for a NULL that a user forces on ``pte_offset_map()``.

A NULL with an unchanged table would leave a world behind that can't exist.  So the cause is put into the machine, as
another CPU could have left it: a leaf, a leaf under migration, or nothing where a leaf came and went.  A table never
turns into a leaf under the read lock; so the table must be the one that this fault has just installed, still empty and
unlocked: it plays the table that the other CPU deposited.
"""

from __future__ import annotations

from kernelmodel.arch import SWP_MIGRATION_WRITE
from kernelmodel.defs import (
    FAULT_FLAG_ORIG_PTE_VALID,
    GFP_TRANSHUGE_LIGHT,
    MM_ANONPAGES,
    MMF_UNSTABLE,
    MTHP_STAT_ANON_FAULT_ALLOC,
    THP_FAULT_ALLOC,
    VM_UFFD_MISSING,
)
from kernelmodel.mm import freelist, memcontrol, page_alloc, rmap, vmstat
from kernelmodel.mm.huge_mm import transhuge_vma_suitable
from kernelmodel.mm.rcu import table_free_rcu
from kernelmodel.mm.tables import pgtable_trans_huge_deposit, table_of
from kernelmodel.structs import Vma, VmFault


def causes(vmf: VmFault) -> tuple[str, ...]:
    """The causes that this state allows, spelled as answers; none where no other CPU could have mapped a leaf.

    Only /sys is not asked: a knob may have been turned in between.
    """
    m = vmf.m
    value = m.pgtable.get(vmf.pmd)
    if m.arch.pmd_kind(value) != "table" or vmf.flags & FAULT_FLAG_ORIG_PTE_VALID:
        return ()
    if not may_be_huge(vmf.vma, vmf.address):
        return ()
    table = table_of(m, value)
    if m.ptl.get(table) or any(m.pgtable.run(table * m.arch.ptrs, m.arch.ptrs)):
        return ()
    found = page_alloc.look(m, GFP_TRANSHUGE_LIGHT, m.arch.pmd_order)
    if isinstance(found, freelist.Refused):
        return ("NULL none",)
    return ("NULL leaf", "NULL none", "NULL migration")


def may_be_huge(vma: Vma, address: int) -> bool:
    """Could a fault of another CPU have mapped a leaf here: place, policy of the VMA, userfaultfd, memcg?"""
    m, mm = vma.m, vma.vm_mm
    if not transhuge_vma_suitable(vma, address & ~(m.arch.pmd_size - 1)) or m.variant.pmd_refusal(vma, False):
        return False
    if vma.vm_flags & VM_UFFD_MISSING or mm.flags & MMF_UNSTABLE:
        return False
    return memcontrol.over_limit(m, 1 << m.arch.pmd_order) <= 0


def install(vmf: VmFault, cause: str) -> None:
    """Put a cause into the machine."""
    m, vma = vmf.m, vmf.vma
    table = table_of(m, m.pgtable.get(vmf.pmd))
    if cause == "none":
        m.pgtable.set(vmf.pmd, 0)
        vma.vm_mm.nr_ptes -= 1
        table_free_rcu(m, table)
        return
    folio = page_alloc.take(m, GFP_TRANSHUGE_LIGHT, m.arch.pmd_order)
    assert folio is not None
    memcontrol.charge_now(folio)
    rmap.folio_mark_uptodate(folio)
    rmap.folio_add_new_anon_rmap(folio, vma, vmf.address & ~(m.arch.pmd_size - 1))
    rmap.folio_add_lru_vma(folio)
    vmstat.add_mm_counter(vma.vm_mm, MM_ANONPAGES, folio.nr_pages)
    vmstat.count_vm_event(m, THP_FAULT_ALLOC)
    vmstat.count_mthp_stat(m, m.arch.pmd_order, MTHP_STAT_ANON_FAULT_ALLOC)
    pgtable_trans_huge_deposit(m, vmf.pmd, table)
    if cause == "leaf":
        m.pgtable.set(vmf.pmd, rmap.huge_pmd(folio, vma))
        return
    rmap.unmap_pmd(folio, vma)
    m.pgtable.set(vmf.pmd, m.arch.swp_entry(SWP_MIGRATION_WRITE, folio.id))
