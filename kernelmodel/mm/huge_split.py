# SPDX-License-Identifier: GPL-2.0-only
"""A leaf becomes a table: ``__split_huge_pmd_locked`` of mm/huge_memory.c, Linux 6.5, for anonymous memory."""

from __future__ import annotations

from kernelmodel.defs import NR_ANON_THPS, THP_SPLIT_PMD, PG_anon_exclusive
from kernelmodel.machine import Machine
from kernelmodel.mm.page_alloc import folio_ref_add
from kernelmodel.mm.pgtable import zero_page
from kernelmodel.mm.tables import pgtable_trans_huge_withdraw, table_entry
from kernelmodel.mm.vma import maybe_mkwrite
from kernelmodel.mm.vmstat import count_vm_event, mod_node_stat
from kernelmodel.structs import Folio, Vma


def split_huge_pmd(m: Machine, vma: Vma, pmd: int, address: int) -> None:
    """The leaf becomes a table that maps the same pages one by one (under the PMD lock)."""
    arch = m.arch
    value = m.pgtable.get(pmd)
    if arch.pmd_kind(value) != "leaf":
        return
    count_vm_event(m, THP_SPLIT_PMD)
    table = pgtable_trans_huge_withdraw(m, pmd)
    base, nr, pfn = table * arch.ptrs, 1 << arch.pmd_order, arch.pte_pfn(value)
    if pfn == m.huge_zero_pfn.get(0) - 1:
        entry = zero_page(m, vma.vm_page_prot)
        for k in range(nr):
            m.pgtable.set(base + k, entry)
    else:
        folio = Folio(m, pfn)
        exclusive = folio.flags & PG_anon_exclusive
        folio_ref_add(folio, nr - 1)
        entry = arch.pte_mkdirty(arch.pfn_pte(pfn, vma.vm_page_prot))
        if arch.pte_write(value):
            entry = maybe_mkwrite(entry, vma)
        m._entire_mapcount.set(pfn, m._entire_mapcount.get(pfn) - 1)
        for k in range(nr):
            m.pgtable.set(base + k, entry + (k << arch.page_shift))
        for k in range(nr):
            m._mapcount.add(pfn + k, 1)
            m.page_flags.set(pfn + k, m.page_flags.get(pfn + k) | exclusive)
        folio._nr_pages_mapped = nr
        mod_node_stat(m, NR_ANON_THPS, -nr)
    m.pgtable.set(pmd, table_entry(m, table))
