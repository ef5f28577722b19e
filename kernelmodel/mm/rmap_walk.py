# SPDX-License-Identifier: GPL-2.0-only
"""Where is a folio mapped?  page_vma_mapped_walk() of mm/page_vma_mapped.c over the VMAs of an anon_vma (6.5).

The lock of the anon_vma is not modelled.  It is made up for: whoever walks looks, locks and looks again, one place at a
time and from the start each time, until there is none left; so what fork or mremap move meanwhile is found as well.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.decision import Path
from kernelmodel.machine import Machine
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.pgtable import pmd_lockptr, pmd_offset, pte_place
from kernelmodel.mm.rcu import rcu_read_lock, rcu_read_unlock
from kernelmodel.mm.tables import table_of
from kernelmodel.mm.vma import vma_is_fork_child, vmas
from kernelmodel.structs import Folio, Mm, Vma


class Place(NamedTuple):
    """One leaf, or the PTEs of one table and one VMA: the VMA, the first address, the PMD entry and its value."""

    vma: Vma
    address: int
    pmd: int
    pmdval: int

    @property
    def m(self) -> Machine:
        """The machine."""
        return self.vma.m

    @property
    def is_leaf(self) -> bool:
        """Is the folio mapped by the PMD entry itself (or would be, if it were not under migration)?"""
        return self.m.arch.pmd_kind(self.pmdval) != "table"

    @property
    def level(self) -> str:
        """``leaf`` or ``pte``."""
        return "leaf" if self.is_leaf else "pte"


def page_vma_mapped_walk(folio: Folio, migration: bool = False) -> Place | None:
    """The first place that maps a page of the folio, or (``migration``) has a migration entry for one."""
    found = walk(folio, migration)
    return found[0] if found else None


def tables_of(folio: Folio) -> list[int]:
    """The tables whose locks guard the places that map the folio."""
    m = folio.m
    found = walk(folio, False)
    return [pmd_lockptr(m, each.pmd) if each.is_leaf else table_of(m, each.pmdval) for each in found]


def walk(folio: Folio, migration: bool) -> list[Place]:
    """Every such place."""
    m, arch = folio.m, folio.m.arch
    found = []
    for vma in rmap_vmas(folio):
        for address, end in spans(folio, vma):
            pmd = pmd_offset(vma.vm_mm, address)
            value = m.pgtable.get(pmd) if pmd >= 0 else 0
            if arch.pmd_kind(value) in ("leaf", "migration"):
                if head_of(m, value, migration) == folio.id:
                    found.append(Place(vma, address & -arch.pmd_size, pmd, value))
            elif value:
                first = pte_place(m, value, address)
                for k, entry in enumerate(m.pgtable.run(first, end - address >> arch.page_shift)):
                    if folio.id <= head_of(m, entry, migration) < folio.id + folio.nr_pages:
                        found.append(Place(vma, address + (k << arch.page_shift), pmd, value))
                        break
    return found


def places(folio: Folio, place: Place, migration: bool = False) -> list[int]:
    """Under the lock: the PTEs of the place that still map pages of the folio, or the PMD entry; [] if none does."""
    m = folio.m
    if m.pgtable.get(place.pmd) != place.pmdval or not still_covers(place):
        return []
    if place.is_leaf:
        return [place.pmd]
    size = m.arch.pmd_size
    end = min((place.address & -size) + size, place.vma.vm_end)
    first = pte_place(m, place.pmdval, place.address)
    nr = min(end - place.address >> m.arch.page_shift, folio.nr_pages)
    return [
        first + k
        for k, entry in enumerate(m.pgtable.run(first, nr))
        if folio.id <= head_of(m, entry, migration) < folio.id + folio.nr_pages
    ]


def still_covers(place: Place) -> bool:
    """Are the VMA and the tables above still there?  They may have been moved or unmapped since the walk."""
    vma = place.vma
    return vma.vm_start <= place.address < vma.vm_end and pmd_offset(vma.vm_mm, place.address) == place.pmd


def lock_place(place: Place, cpu: int) -> Path[int]:
    """Take the lock that guards a place: the table that it belongs to, -1 if there is nothing left to lock.

    Who walks has the lock of the anon_vma, for which unlink_anon_vmas() waits before free_pgtables() frees a table; an
    RCU section over the wait keeps the table as well.
    """
    m = place.m
    if not still_covers(place) or m.pgtable.get(place.pmd) != place.pmdval:
        return -1
    table = pmd_lockptr(m, place.pmd) if place.is_leaf else table_of(m, place.pmdval)
    rcu_read_lock(m)
    yield from spin_lock(m, table, cpu)
    if m.pgtable.get(place.pmd) != place.pmdval:
        spin_unlock(m, table)
        table = -1
    rcu_read_unlock(m)
    return table


def head_of(m: Machine, value: int, migration: bool) -> int:
    """The page that an entry maps, or (``migration``) whose migration it stands for; -1 if it does neither."""
    kind = m.arch.pte_kind(value)
    if migration:
        return m.arch.swp_offset(value) if kind == "migration" else -1
    return m.arch.pte_pfn(value) if kind == "page" else -1


def rmap_vmas(folio: Folio) -> list[Vma]:
    """VMAs that may map the folio: those with its anon_vma, and those of processes that were forked since.

    One that is being unmapped (detached) can still be found, until it is freed.
    """
    m = folio.m
    known = [vma for mm in range(len(m.mm_names)) if m.pgd.get(mm) for vma in vmas(Mm(m, mm))]
    known += [Vma(m, number) for number, _ in m.vma_detached.items()]
    return [vma for vma in known if vma.anon_vma and (vma.anon_vma == folio.mapping or vma_is_fork_child(vma))]


def spans(folio: Folio, vma: Vma) -> list[tuple[int, int]]:
    """[address, end) of the folio's pages in a VMA (vma_address), cut where a table ends."""
    m = folio.m
    shift, size = m.arch.page_shift, m.arch.pmd_size
    start = vma.vm_start + (folio.index - vma.vm_pgoff << shift)
    low, high = max(start, vma.vm_start), min(start + (folio.nr_pages << shift), vma.vm_end)
    found = []
    while low < high:
        end = min((low & -size) + size, high)
        found.append((low, end))
        low = end
    return found
