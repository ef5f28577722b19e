# SPDX-License-Identifier: GPL-2.0-only
"""Reverse map and counts of anonymous folios (mm/rmap.c of 6.5, and patch 1/4 of the series)."""

from __future__ import annotations

from kernelmodel.decision import KernelBug
from kernelmodel.defs import (
    COMPOUND_MAPPED,
    MTHP_STAT_NR_ANON,
    MTHP_STAT_NR_ANON_PARTIALLY_MAPPED,
    MTHP_STAT_SPLIT_DEFERRED,
    NR_ANON_MAPPED,
    NR_ANON_THPS,
    THP_DEFERRED_SPLIT_PAGE,
    PG_anon_exclusive,
    PG_lru,
    PG_partially_mapped,
    PG_swapbacked,
    PG_uptodate,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.large_mapcount import folio_add_large_mapcount, folio_sub_large_mapcount
from kernelmodel.mm.vma import linear_page_index, maybe_mkwrite
from kernelmodel.mm.vmstat import count_mthp_stat, count_vm_event, mod_mthp_stat, mod_node_stat
from kernelmodel.structs import Folio, Vma

PMD_SIZE_ONLY = frozenset({"6.5", "base65", "v3", "v3-off", "v4"})
"""Variants that queue only folios of PMD size for a deferred split."""


def folio_add_new_anon_rmap(folio: Folio, vma: Vma, address: int, exclusive: bool = True) -> None:
    """Map a new folio: mapcounts, PageAnonExclusive, NR_ANON_MAPPED, and from 6.12 on its size's nr_anon.

    Below PMD_ORDER each page gets a mapcount of its own; a PMD-mappable folio is mapped as a whole.  From 6.11 on the
    callers say RMAP_EXCLUSIVE; what is not is one page that was swapped in and that another process may map as well.
    """
    m, pfn, nr = folio.m, folio.id, folio.nr_pages
    if not vma.vm_start <= address < vma.vm_end:
        raise KernelBug("VM_BUG_ON_VMA", f"{address:#x} is outside the VMA")
    if folio.order < m.arch.pmd_order:
        m._mapcount.fill(pfn, nr, 1)
        if nr > 1:
            m.page_flags.fill(pfn + 1, nr - 1, PG_anon_exclusive)
            folio._nr_pages_mapped = nr
        folio.flags |= PG_anon_exclusive | PG_swapbacked
    else:
        m._entire_mapcount.set(pfn, 1)
        folio._nr_pages_mapped = COMPOUND_MAPPED
        folio.flags |= PG_anon_exclusive | PG_swapbacked
        mod_node_stat(m, NR_ANON_THPS, nr)
    if not exclusive:
        folio.flags &= ~PG_anon_exclusive
    folio_add_large_mapcount(folio, nr if folio.order < m.arch.pmd_order else 1, vma)
    mod_node_stat(m, NR_ANON_MAPPED, nr)
    mod_mthp_stat(m, folio.order, MTHP_STAT_NR_ANON, 1)
    set_anon_rmap(folio, vma, address, exclusive)


def folio_add_anon_rmap_ptes(folio: Folio, pfn: int, nr: int, vma: Vma, exclusive: bool) -> None:
    """``nr`` PTEs more map pages of a folio that is anonymous already (6.5 page_add_anon_rmap, page by page)."""
    m = folio.m
    first = 0
    for k in range(pfn, pfn + nr):
        first += m._mapcount.add(k, 1) == 1
    if exclusive:
        for k in range(pfn, pfn + nr):
            m.page_flags.set(k, m.page_flags.get(k) | PG_anon_exclusive)
    if folio.order:
        folio_add_large_mapcount(folio, nr, vma)
        folio._nr_pages_mapped += first
    if folio._nr_pages_mapped < COMPOUND_MAPPED:  # else the leaf had them counted
        mod_node_stat(m, NR_ANON_MAPPED, first)


def folio_add_anon_rmap_pmd(folio: Folio, vma: Vma, exclusive: bool) -> None:
    """One leaf more maps a folio that is anonymous already."""
    m, nr = folio.m, folio.nr_pages
    folio_add_large_mapcount(folio, 1, vma)
    if exclusive:
        folio.flags |= PG_anon_exclusive
    if m._entire_mapcount.add(folio.id, 1) > 1:
        return
    before = folio._nr_pages_mapped
    folio._nr_pages_mapped += COMPOUND_MAPPED
    mod_node_stat(m, NR_ANON_THPS, nr)
    mod_node_stat(m, NR_ANON_MAPPED, nr - before)


def set_anon_rmap(folio: Folio, vma: Vma, address: int, exclusive: bool = True) -> None:
    """Which anon_vma, and where in it; the oldest one for what is not this process's own (__folio_set_anon)."""
    root = 0 if exclusive else vma.m.anon_vma_root.get(vma.anon_vma)
    folio.mapping = root or vma.anon_vma
    folio.index = linear_page_index(vma, address)


def folio_move_anon_rmap(folio: Folio, vma: Vma) -> None:
    """The folio belongs to this VMA's anon_vma from now on: nobody else maps it."""
    folio.mapping = vma.anon_vma


def folio_add_lru_vma(folio: Folio) -> None:
    """On an LRU list (at once: the per-CPU batches are not modelled)."""
    folio.flags |= PG_lru


def folio_mark_uptodate(folio: Folio) -> None:
    """The contents are there."""
    folio.flags |= PG_uptodate


def page_remove_rmap(m: Machine, pfn: int) -> None:
    """One PTE less maps a page of an order-0 folio."""
    m._mapcount.add(pfn, -1)
    if m._mapcount.get(pfn) == 0:
        mod_node_stat(m, NR_ANON_MAPPED, -1)


def folio_remove_rmap_ptes(folio: Folio, pfn: int, nr: int, vma: Vma) -> None:
    """``nr`` PTEs less map the folio's pages from ``pfn`` on (6.5 page_remove_rmap page by page: the same in sum).

    What is left of a large folio goes to the deferred split queue.  Up to 6.9 it is queued even when its last page
    goes, 6.5 knows folios of PMD size only; from 6.10 on (folio_remove_rmap_ptes) some page must still be mapped.
    """
    m = folio.m
    last = 0
    for k in range(pfn, pfn + nr):
        if not m._mapcount.get(k):
            raise KernelBug("VM_BUG_ON_PAGE", f"page {k:#x} is unmapped and was not mapped")
        last += m._mapcount.add(k, -1) == 0
    if not folio.order:
        mod_node_stat(m, NR_ANON_MAPPED, -last)
        return
    folio_sub_large_mapcount(folio, nr, vma)
    folio._nr_pages_mapped -= last
    mapped = folio._nr_pages_mapped
    if not last or mapped >= COMPOUND_MAPPED:
        return
    mod_node_stat(m, NR_ANON_MAPPED, -last)
    if mapped if m.release >= (6, 10) else queues_when_unmapped(folio):
        deferred_split_folio(folio)


def queues_when_unmapped(folio: Folio) -> bool:
    """Up to 6.9: is this a folio that a lost page sends to the deferred split queue?

    "mm: Allow deferred splitting of arbitrary large anon folios" belongs to v1, v2, v5 and all later ones; v3 and v4
    left it out (20230714160407.4142030-1), and 6.5 has only the PMD size.
    """
    return folio.order == folio.m.arch.pmd_order or folio.m.variant.names.id not in PMD_SIZE_ONLY


def folio_remove_rmap_pmd(folio: Folio, vma: Vma) -> None:
    """One leaf less maps the folio (6.5 page_remove_rmap, compound; later folio_remove_rmap_pmd)."""
    m, nr = folio.m, folio.nr_pages
    if not m._entire_mapcount.get(folio.id):
        raise KernelBug("VM_BUG_ON_FOLIO", f"folio {folio.id:#x} is unmapped as a whole and was not mapped so")
    folio_sub_large_mapcount(folio, 1, vma)
    if m._entire_mapcount.add(folio.id, -1):
        return
    folio._nr_pages_mapped -= COMPOUND_MAPPED
    left = folio._nr_pages_mapped
    mod_node_stat(m, NR_ANON_THPS, -nr)
    mod_node_stat(m, NR_ANON_MAPPED, left - nr)
    if 0 < left < nr:
        deferred_split_folio(folio)


def deferred_split_folio(folio: Folio) -> None:
    """Note that the folio is worth splitting one day, once (mm/huge_memory.c); nothing splits it here.

    /proc/vmstat counts every folio up to 6.9, those of PMD size from 6.10 on; the size's own counters follow.
    """
    m = folio.m
    if folio.order <= 1 or folio.flags & PG_partially_mapped:
        return
    folio.flags |= PG_partially_mapped
    if folio.order == m.arch.pmd_order or m.release < (6, 10):
        count_vm_event(m, THP_DEFERRED_SPLIT_PAGE)
    count_mthp_stat(m, folio.order, MTHP_STAT_SPLIT_DEFERRED)
    count_mthp_stat(m, folio.order, MTHP_STAT_NR_ANON_PARTIALLY_MAPPED)


def huge_pmd(folio: Folio, vma: Vma) -> int:
    """The leaf entry for a folio, dirty and writable as the VMA allows."""
    arch = folio.m.arch
    return maybe_mkwrite(arch.pte_mkdirty(arch.pmd_mkhuge(arch.pfn_pte(folio.id, vma.vm_page_prot))), vma)


def folio_mapped(folio: Folio) -> bool:
    """Does any entry map it?"""
    m = folio.m
    return bool(m._entire_mapcount.get(folio.id)) or any(m._mapcount.run(folio.id, folio.nr_pages))


def unmap_pmd(folio: Folio, vma: Vma) -> None:
    """The leaf became a migration entry: still a reference, no mapping."""
    folio_remove_rmap_pmd(folio, vma)
    folio.flags &= ~PG_anon_exclusive
