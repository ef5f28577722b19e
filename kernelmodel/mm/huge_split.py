# SPDX-License-Identifier: GPL-2.0-only
"""A leaf becomes a table: ``__split_huge_pmd_locked`` of mm/huge_memory.c, Linux 6.5, for anonymous memory."""

from __future__ import annotations

from kernelmodel.defs import THP_SPLIT_PMD, PG_anon_exclusive
from kernelmodel.machine import Machine
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.page_alloc import folio_ref_add
from kernelmodel.mm.pgtable import set_ptes, zero_page
from kernelmodel.mm.rmap import folio_add_anon_rmap_ptes, folio_remove_rmap_pmd
from kernelmodel.mm.tables import pgtable_trans_huge_withdraw, table_entry
from kernelmodel.mm.vmstat import count_vm_event
from kernelmodel.structs import Folio, Vma


def split_huge_pmd(m: Machine, vma: Vma, pmd: int, address: int) -> None:
    """The leaf (or its migration entry) becomes a table that maps the same pages one by one, under the PMD lock."""
    arch = m.arch
    value = m.pgtable.get(pmd)
    kind = arch.pmd_kind(value)
    if kind not in ("leaf", "migration"):
        return
    count_vm_event(m, THP_SPLIT_PMD)
    table = pgtable_trans_huge_withdraw(m, pmd)
    base, nr, pfn = table * arch.ptrs, 1 << arch.pmd_order, arch.pte_pfn(value)
    if kind == "migration":
        for k in range(nr):
            entry = arch.swp_entry(arch.swp_type(value), arch.swp_offset(value) + k)
            m.pgtable.set(base + k, entry | value & arch.SWP_UFFD_WP)
    elif is_huge_zero_pmd(m, value):
        entry = zero_page(m, vma.vm_page_prot)
        m.pgtable.fill(base, nr, arch.pte_mkuffd_wp(entry) if arch.pte_uffd_wp(value) else entry)
    else:
        folio = Folio(m, pfn)
        folio_ref_add(folio, nr - 1)
        folio_add_anon_rmap_ptes(folio, pfn, nr, vma, bool(folio.flags & PG_anon_exclusive))
        entry = arch.pfn_pte(pfn, vma.vm_page_prot)
        if arch.pte_write(value):
            entry = arch.pte_mkwrite(entry)
        if not arch.pte_young(value):
            entry = arch.pte_mkold(entry)
        if arch.pte_dirty(value):
            entry = arch.pte_mkdirty(entry)
        if arch.pte_uffd_wp(value):
            entry = arch.pte_mkuffd_wp(entry)
        set_ptes(m, base, entry, nr)
        folio_remove_rmap_pmd(folio, vma)
    m.pgtable.set(pmd, table_entry(m, table))
