# SPDX-License-Identifier: GPL-2.0-only
"""Reverse map and counts of anonymous folios (mm/rmap.c of 6.5, and patch 1/4 of the series)."""

from __future__ import annotations

from kernelmodel.decision import KernelBug
from kernelmodel.defs import (
    COMPOUND_MAPPED,
    NR_ANON_MAPPED,
    NR_ANON_THPS,
    PG_anon_exclusive,
    PG_lru,
    PG_swapbacked,
    PG_uptodate,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.vma import linear_page_index, maybe_mkwrite
from kernelmodel.mm.vmstat import mod_node_stat
from kernelmodel.structs import Folio, Vma


def folio_add_new_anon_rmap(folio: Folio, vma: Vma, address: int) -> None:
    """Map a new folio: mapcounts, PageAnonExclusive, NR_ANON_MAPPED.

    Below PMD_ORDER each page gets a mapcount of its own; a PMD-mappable folio is mapped as a whole.
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
    mod_node_stat(m, NR_ANON_MAPPED, nr)
    set_anon_rmap(folio, vma, address)


def set_anon_rmap(folio: Folio, vma: Vma, address: int) -> None:
    """Which anon_vma, and where in it."""
    folio.mapping = vma.anon_vma
    folio.index = linear_page_index(vma, address)


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


def huge_pmd(folio: Folio, vma: Vma) -> int:
    """The leaf entry for a folio, dirty and writable as the VMA allows."""
    arch = folio.m.arch
    return maybe_mkwrite(arch.pte_mkdirty(arch.pmd_mkhuge(arch.pfn_pte(folio.id, vma.vm_page_prot))), vma)


def unmap_pmd(folio: Folio) -> None:
    """The leaf became a migration entry: still a reference, no mapping (page_remove_rmap, compound)."""
    m = folio.m
    m._entire_mapcount.set(folio.id, 0)
    folio._nr_pages_mapped = 0
    folio.flags &= ~PG_anon_exclusive
    mod_node_stat(m, NR_ANON_THPS, -folio.nr_pages)
    mod_node_stat(m, NR_ANON_MAPPED, -folio.nr_pages)
