# SPDX-License-Identifier: GPL-2.0-only
"""A folio moves: unmapped to migration entries, copied, mapped again (mm/migrate.c, mm/rmap.c, mm/huge_memory.c; 6.12).

No mmap_lock: the folio lock, and the lock of each table that is changed.  A migration entry has no reference to the
folio: whoever isolated it has.  What is none stays none.  Left out: young and dirty in a migration entry, so a page
comes back old, and dirty if its folio is.
"""

from __future__ import annotations

from kernelmodel.arch import SWP_MIGRATION_READ, SWP_MIGRATION_READ_EXCLUSIVE, SWP_MIGRATION_WRITE
from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    MTHP_STAT_NR_ANON,
    MTHP_STAT_NR_ANON_PARTIALLY_MAPPED,
    PG_anon_exclusive,
    PG_dirty,
    PG_partially_mapped,
    PG_swapbacked,
    PG_uptodate,
)
from kernelmodel.mm.contents import copy_contents
from kernelmodel.mm.lock import spin_unlock
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add
from kernelmodel.mm.rmap import (
    folio_add_anon_rmap_pmd,
    folio_add_anon_rmap_ptes,
    folio_remove_rmap_pmd,
    folio_remove_rmap_ptes,
)
from kernelmodel.mm.rmap_walk import Place, lock_place, page_vma_mapped_walk, places
from kernelmodel.mm.swap import folio_test_swapcache, replace_in_swap_cache
from kernelmodel.mm.vmstat import mod_mthp_stat
from kernelmodel.structs import Folio


# -- unmap ---------------------------------------------------------------------------------------------
def try_to_migrate(folio: Folio, cpu: int) -> Path[None]:
    """Migration entries wherever the folio is mapped."""
    m = folio.m
    while True:
        place = page_vma_mapped_walk(folio)
        if place is None:
            return
        yield Decision("migrate-unmap", place.level, folio.order, place.address, arg=folio.id)
        table = yield from lock_place(place, cpu)
        if table >= 0:
            try_to_migrate_one(folio, place)
            spin_unlock(m, table)


def try_to_migrate_one(folio: Folio, place: Place) -> None:
    """One table's entries, or one leaf, under the lock."""
    m, arch = folio.m, folio.m.arch
    for entry in places(folio, place):
        value = m.pgtable.get(entry)
        pfn = arch.pte_pfn(value)
        exclusive = bool(m.page_flags.get(pfn) & PG_anon_exclusive)
        kind = SWP_MIGRATION_READ_EXCLUSIVE if exclusive else SWP_MIGRATION_READ
        moving = arch.swp_entry(SWP_MIGRATION_WRITE if arch.pte_write(value) else kind, pfn)
        m.pgtable.set(entry, arch.pte_swp_mkuffd_wp(moving) if arch.pte_uffd_wp(value) else moving)
        m.page_flags.set(pfn, m.page_flags.get(pfn) & ~PG_anon_exclusive)
        if arch.pte_dirty(value):
            folio.flags |= PG_dirty
        if place.is_leaf:
            folio_remove_rmap_pmd(folio, place.vma)
        else:
            folio_remove_rmap_ptes(folio, pfn, 1, place.vma)
        folio_put(folio)


# -- move ----------------------------------------------------------------------------------------------
def move_to_new_folio(dst: Folio, src: Folio) -> bool:
    """Copy what is in the folio and what is known of it; False (-EAGAIN) if someone else has a reference."""
    m, nr = src.m, src.nr_pages
    if src._refcount != 1 + (nr if folio_test_swapcache(src) else 0):
        return False
    if src.flags & PG_partially_mapped:  # off the queue
        mod_mthp_stat(m, src.order, MTHP_STAT_NR_ANON_PARTIALLY_MAPPED, -1)
        src.flags &= ~PG_partially_mapped
    dst.index, dst.mapping = src.index, src.mapping
    dst.flags |= src.flags & (PG_swapbacked | PG_uptodate | PG_dirty)
    mod_mthp_stat(m, src.order, MTHP_STAT_NR_ANON, 1)
    replace_in_swap_cache(src, dst)
    dst.memcg_data, src.memcg_data = src.memcg_data, 0
    dst.cleared = src.cleared
    copy_contents(m, dst.id, src.id, nr)
    return True


# -- map again -----------------------------------------------------------------------------------------
def remove_migration_ptes(src: Folio, dst: Folio, cpu: int) -> Path[None]:
    """Wherever a migration entry for ``src`` stands, map ``dst`` (which may be ``src`` again)."""
    m = src.m
    while True:
        place = page_vma_mapped_walk(src, True)
        if place is None:
            return
        told = "old" if dst.id == src.id else "new"
        yield Decision("migrate-remap", place.level, dst.order, place.address, reason=told, arg=dst.id)
        table = yield from lock_place(place, cpu)
        if table >= 0:
            remove_migration_pte(src, dst, place)
            spin_unlock(m, table)


def remove_migration_pte(src: Folio, dst: Folio, place: Place) -> None:
    """One table's entries, or one leaf, under the lock; a leaf that was split meanwhile is a table by now."""
    m, arch, vma = src.m, src.m.arch, place.vma
    for entry in places(src, place, True):
        old = m.pgtable.get(entry)
        new = dst.id + arch.swp_offset(old) - src.id
        value = arch.pte_mkold(arch.pfn_pte(new, vma.vm_page_prot))
        if place.is_leaf:
            value = arch.pmd_mkhuge(value)
        if dst.flags & PG_dirty:
            value = arch.pte_mkdirty(value)
        if arch.swp_type(old) == SWP_MIGRATION_WRITE:
            value = arch.pte_mkwrite(value)
        if arch.pte_swp_uffd_wp(old):
            value = arch.pte_mkuffd_wp(value)
        folio_ref_add(dst, 1)
        exclusive = arch.swp_type(old) != SWP_MIGRATION_READ
        if place.is_leaf:
            folio_add_anon_rmap_pmd(dst, vma, exclusive)
        else:
            folio_add_anon_rmap_ptes(dst, new, 1, vma, exclusive)
        m.pgtable.set(entry, value)
