# SPDX-License-Identifier: GPL-2.0-only
"""Reclaim unmaps a folio: swap entries where it was mapped (try_to_unmap_one() of mm/rmap.c, 6.5 and 6.12).

No mmap_lock: the folio lock, and the lock of each table that is changed.  Only folios of one page come here: a large
one is split first, as the kernel does where swap has no room for it as a whole (up to 6.9 wherever PTEs map it).
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Wait
from kernelmodel.defs import MM_ANONPAGES, MM_SWAPENTS, VM_LOCKED, PG_anon_exclusive, PG_dirty, PG_lru, PG_swapbacked
from kernelmodel.machine import Machine
from kernelmodel.mm.folio_lock import folio_unlock
from kernelmodel.mm.huge_split import split_huge_pmd
from kernelmodel.mm.lock import spin_unlock
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.rmap import folio_mapped, folio_remove_rmap_ptes
from kernelmodel.mm.rmap_walk import Place, lock_place, page_vma_mapped_walk, places, tables_of
from kernelmodel.mm.split_folio import can_split_folio, count_split, split_folio
from kernelmodel.mm.swap import swap_duplicate
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.structs import Folio


def try_to_unmap(folio: Folio, cpu: int) -> Path[None]:
    """A swap entry wherever the folio is mapped, or nothing (MADV_FREE); it ends at the first place that refuses."""
    m = folio.m
    while True:
        place = page_vma_mapped_walk(folio)
        if place is None:
            return
        yield Decision("swap-out-unmap", place.level, folio.order, place.address, arg=folio.id)
        table = yield from lock_place(place, cpu)
        if table >= 0:
            done = try_to_unmap_one(folio, place)
            spin_unlock(m, table)
            if not done:
                return


def try_to_unmap_one(folio: Folio, place: Place) -> bool:
    """One PTE, under the lock; False: the folio has to stay mapped here."""
    m, arch, mm = folio.m, folio.m.arch, place.vma.vm_mm
    for pte in places(folio, place):
        value = m.pgtable.get(pte)
        exclusive = bool(folio.flags & PG_anon_exclusive)
        if place.vma.vm_flags & VM_LOCKED:
            return False
        if arch.pte_dirty(value):
            folio.flags |= PG_dirty
        if folio.flags & PG_swapbacked:
            slot = m.folio_swap.get(folio.id)
            swap_duplicate(m, slot)
            entry = arch.swp_entry(0, slot)
            if exclusive:
                entry = arch.pte_swp_mkexclusive(entry)
            if arch.pte_uffd_wp(value):
                entry = arch.pte_swp_mkuffd_wp(entry)
            add_mm_counter(mm, MM_SWAPENTS, 1)
        elif folio.flags & PG_dirty or folio._refcount != 1 + m._mapcount.get(folio.id):
            folio.flags |= PG_swapbacked  # written to since MADV_FREE, or pinned
            return False
        else:
            entry = 0
        folio.flags &= ~PG_anon_exclusive
        m.pgtable.set(pte, entry)
        add_mm_counter(mm, MM_ANONPAGES, -1)
        folio_remove_rmap_ptes(folio, m.arch.pte_pfn(value), 1, place.vma)
        folio_put(folio)
    return True


def split_folio_to_list(folio: Folio) -> Path[bool]:
    """A large folio that is locked and isolated becomes folios of one page, back on the LRU; False: it can't be split.

    The kernel puts migration entries everywhere, splits, and maps the pages again; whoever comes meanwhile waits.  Here
    it is one step, taken when no lock of a table that maps the folio is held.
    """
    m = folio.m
    while tables_locked(m, folio):
        yield Wait(f"the page-table locks of folio {folio.id:#x}", lambda: not tables_locked(m, folio))
    while (place := page_vma_mapped_walk(folio)) is not None and place.is_leaf:
        split_huge_pmd(m, place.vma, place.pmd, place.address)
    folio_unlock(folio)
    folio.flags |= PG_lru
    mapped = folio_mapped(folio)
    folio_put(folio)  # the isolation's
    if not mapped:
        return True
    possible = can_split_folio(folio)
    if possible:
        split_folio(folio)
    else:
        count_split(folio, False)
    return possible


def tables_locked(m: Machine, folio: Folio) -> bool:
    """Is the lock of some table that maps the folio held?"""
    return any(m.ptl.get(table) for table in tables_of(folio))
