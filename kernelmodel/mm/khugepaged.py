# SPDX-License-Identifier: GPL-2.0-only
"""What khugepaged finds and does in one PMD range, while it holds the locks for it (mm/khugepaged.c, 6.5 … 7.1).

The limits are the defaults of /sys/kernel/mm/transparent_hugepage/khugepaged.  Not here: the node that a VMA prefers
(the new folio comes from the CPU's own), device memory, KSM.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.decision import KernelBug
from kernelmodel.defs import (
    MM_ANONPAGES,
    MMF_DISABLE_THP,
    THP_SCAN_EXCEED_NONE_PTE,
    THP_SCAN_EXCEED_SHARED_PTE,
    THP_SCAN_EXCEED_SWAP_PTE,
    VM_NO_KHUGEPAGED,
    PG_locked,
    PG_lru,
    PG_swapbacked,
)
from kernelmodel.machine import ALIVE, Machine
from kernelmodel.mm.contents import copy_contents
from kernelmodel.mm.folio_lock import folio_trylock, folio_unlock
from kernelmodel.mm.huge_mm import transhuge_vma_suitable
from kernelmodel.mm.isolate import folio_isolate, folio_putback_lru
from kernelmodel.mm.lazyfree import mapped_by_others
from kernelmodel.mm.page_alloc import folio_put, page_folio
from kernelmodel.mm.pgtable import pmd_offset
from kernelmodel.mm.rmap import folio_remove_rmap_ptes
from kernelmodel.mm.swap import folio_free_swap, folio_test_swapcache
from kernelmodel.mm.tables import table_of
from kernelmodel.mm.userfaultfd import pte_marker_uffd_wp, userfaultfd_armed
from kernelmodel.mm.vma import find_vma_intersection
from kernelmodel.mm.vmstat import add_mm_counter, count_vm_event
from kernelmodel.mm.zap import batch
from kernelmodel.structs import Folio, Mm, Vma

SUCCEED = "SCAN_SUCCEED"


class Scan(NamedTuple):
    """What a look at the 512 PTEs gave."""

    result: str
    """SCAN_… as the kernel calls it."""
    at: int
    """PTE that it is about; the last and one more if it is about all of them."""
    unmapped: int
    """Entries that would have to be brought in from swap."""


def hugepage_vma_revalidate(mm: Mm, address: int, khugepaged: bool) -> tuple[Vma | None, str, str]:
    """(VMA, result, why it is refused): is there a VMA that may have a huge page at ``address``?"""
    m = mm.m
    if m.mm_users.get(mm.id) != ALIVE or (m.release >= (6, 9) and mm.flags & MMF_DISABLE_THP):
        return None, "SCAN_ANY_PROCESS", ""
    vma = find_vma_intersection(mm, address, m.arch.task_size << 1)
    if vma is None:
        return None, "SCAN_VMA_NULL", ""
    if not transhuge_vma_suitable(vma, address):
        return vma, "SCAN_ADDRESS_RANGE", ""
    why = collapse_refusal(vma, khugepaged)
    return vma, "SCAN_VMA_CHECK" if why else SUCCEED, why


def collapse_refusal(vma: Vma, khugepaged: bool) -> str:
    """Why nothing in this VMA is collapsed; MADV_COLLAPSE asks for it, whatever sysfs says."""
    why = vma.m.variant.pmd_refusal(vma, khugepaged)
    if why and not (why == "prctl-except-advised" and not khugepaged):
        return why
    if vma.vm_flags & VM_NO_KHUGEPAGED:
        return "special-vma"
    return "" if vma.anon_vma else "never-touched"


def find_pmd_or_thp_or_none(mm: Mm, address: int) -> tuple[int, str]:
    """(place of the PMD entry, result): only a table will do."""
    m = mm.m
    pmd = pmd_offset(mm, address)
    if pmd < 0:
        return pmd, no_table(m, "SCAN_PMD_NULL")
    kind = m.arch.pmd_kind(m.pgtable.get(pmd))
    if kind == "none":
        return pmd, no_table(m, "SCAN_PMD_NONE")
    if kind == "migration":
        return pmd, "SCAN_PMD_MAPPED" if m.release >= (6, 18) else "SCAN_PMD_NULL"
    return pmd, "SCAN_PMD_MAPPED" if kind == "leaf" else SUCCEED


def no_table(m: Machine, name: str) -> str:
    """7.0 has one name for all that is no table."""
    return "SCAN_NO_PTE_TABLE" if m.release >= (7, 0) else name


# -- the PTEs, under their lock ------------------------------------------------------------------------
def scan_ptes(vma: Vma, table: int, khugepaged: bool, isolate: bool = False) -> Scan:
    """The loop of hpage_collapse_scan_pmd, or of __collapse_huge_page_isolate, which locks and isolates each folio."""
    m, arch = vma.m, vma.m.arch
    nr = 1 << arch.pmd_order
    none_or_zero = unmapped = shared = referenced = writable = 0
    armed = userfaultfd_armed(vma)
    held: set[int] = set()
    for k, value in enumerate(m.pgtable.run(table * arch.ptrs, nr)):
        if arch.pte_kind(value) in ("none", "zero"):
            none_or_zero += 1
            if armed or (khugepaged and none_or_zero > nr - 1):
                count_vm_event(m, THP_SCAN_EXCEED_NONE_PTE)
                return Scan("SCAN_EXCEED_NONE_PTE", k, unmapped)
            continue
        if not arch.pte_present(value):
            if isolate:
                return Scan("SCAN_PTE_NON_PRESENT", k, unmapped)
            unmapped += 1
            if khugepaged and unmapped > nr // 8:
                count_vm_event(m, THP_SCAN_EXCEED_SWAP_PTE)
                return Scan("SCAN_EXCEED_SWAP_PTE", k, unmapped)
            if arch.pte_swp_uffd_wp(value) or pte_marker_uffd_wp(m, value):
                return Scan("SCAN_PTE_UFFD_WP", k, unmapped)
            continue
        if arch.pte_uffd_wp(value) and not (isolate and "B21" in m.mutants):
            return Scan("SCAN_PTE_UFFD_WP", k, unmapped)
        pfn = arch.pte_pfn(value)
        folio = page_folio(m, pfn)
        if m.release >= (7, 1) and khugepaged and not folio.flags & PG_swapbacked and not arch.pte_dirty(value):
            return Scan("SCAN_PAGE_LAZYFREE", k, unmapped)
        shared += page_shared(folio, pfn)
        if khugepaged and shared > nr // 2:
            count_vm_event(m, THP_SCAN_EXCEED_SHARED_PTE)
            return Scan("SCAN_EXCEED_SHARED_PTE", k, unmapped)
        why = isolate_folio(folio, held) if isolate else folio_refusal(folio)
        if why:
            return Scan(why, k, unmapped)
        referenced += arch.pte_young(value)
        writable += arch.pte_write(value)
    if not writable and m.release < (6, 18):
        return Scan("SCAN_PAGE_RO", nr, unmapped)
    if khugepaged and (not referenced or (unmapped and referenced < nr // 2)):
        return Scan("SCAN_LACK_REFERENCED_PAGE", nr, unmapped)
    return Scan(SUCCEED, nr, unmapped)


def __collapse_huge_page_isolate(vma: Vma, table: int, khugepaged: bool) -> Scan:
    """The second look, with the table out of everyone's reach: every folio is isolated, or none."""
    scan = scan_ptes(vma, table, khugepaged, True)
    if scan.result != SUCCEED:
        for folio in folios_of(vma.m, table, scan.at):
            folio_unlock(folio)
            folio_putback_lru(folio)
    return scan


def page_shared(folio: Folio, pfn: int) -> bool:
    """Does another process map it?  The page itself, from 6.10 on the folio as a whole."""
    m = folio.m
    if m.release < (6, 10):
        return m._mapcount.get(pfn) + m._entire_mapcount.get(folio.id) > 1
    return mapped_by_others(folio)


def folio_refusal(folio: Folio) -> str:
    """Why the first look leaves a folio alone."""
    if not folio.flags & PG_lru:
        return "SCAN_PAGE_LRU"
    if folio.flags & PG_locked:
        return "SCAN_PAGE_LOCK"
    return "" if is_refcount_suitable(folio) else "SCAN_PAGE_COUNT"


def is_refcount_suitable(folio: Folio) -> bool:
    """Do only maps, and the swap cache, hold it?  (folio_expected_ref_count() from 6.16 on.)"""
    return folio._refcount == folio_mapcount(folio) + folio_test_swapcache(folio)


def folio_mapcount(folio: Folio) -> int:
    """Entries that map a page of it."""
    return sum(folio.m._mapcount.run(folio.id, folio.nr_pages)) + folio.m._entire_mapcount.get(folio.id)


def isolate_folio(folio: Folio, held: set[int]) -> str:
    """Lock it and take it off the LRU, unless an earlier PTE has had it done; or why not."""
    if folio.id in held:
        return ""
    if not folio_trylock(folio):
        return "SCAN_PAGE_LOCK"
    if not is_refcount_suitable(folio):
        folio_unlock(folio)
        return "SCAN_PAGE_COUNT"
    if not folio_isolate(folio):
        folio_unlock(folio)
        return "SCAN_DEL_PAGE_LRU"
    held.add(folio.id)
    return ""


def folios_of(m: Machine, table: int, nr: int) -> list[Folio]:
    """The folios that the first ``nr`` PTEs of a table map, each once."""
    pages = [value for value in m.pgtable.run(table * m.arch.ptrs, nr) if m.arch.pte_kind(value) == "page"]
    heads = dict.fromkeys(page_folio(m, m.arch.pte_pfn(value)).id for value in pages)
    return [Folio(m, head) for head in heads]


def __collapse_huge_page_copy(vma: Vma, table: int, new: Folio) -> None:
    """Copy what the PTEs map into the new folio, clear what they do not, and give the old pages back.

    Page by page; from 6.18 on the PTEs of a large folio that follow each other in one go, so that it is not queued for
    a deferred split on its way out.
    """
    m, arch = vma.m, vma.m.arch
    first, nr = table * arch.ptrs, 1 << arch.pmd_order
    pte = first
    old = folios_of(m, table, nr)
    while pte < first + nr:
        value, most, n = m.pgtable.get(pte), first + nr - pte, 1
        if arch.pte_kind(value) in ("none", "zero"):
            add_mm_counter(vma.vm_mm, MM_ANONPAGES, 1)
            m.pgtable.set(pte, 0)
        else:
            pfn = arch.pte_pfn(value)
            folio = page_folio(m, pfn)
            if folio.order and m.release >= (6, 18):
                n = batch(m, pte, most)[1]
            if arch.pte_uffd_wp(value):
                m.uffd_wp_lost.set(vma.vm_mm.id, 1)
            copy_contents(m, new.id + pte - first, pfn, n)
            m.pgtable.fill(pte, n, 0)
            folio_remove_rmap_ptes(folio, pfn, n, vma)
            folio_put(folio, n)
        pte += n
    for folio in old:
        if not folio_mapcount(folio):
            folio_free_swap(folio)
        folio_unlock(folio)
        folio_putback_lru(folio)


# -- the PMD, under its lock ---------------------------------------------------------------------------
def pmdp_collapse_flush(m: Machine, pmd: int) -> int:
    """Take the table out of the page tables; what stood there."""
    value = m.pgtable.get(pmd)
    kind = m.arch.pmd_kind(value)
    if kind == "leaf":
        raise KernelBug("VM_BUG_ON", "pmdp_collapse_flush() finds a leaf where khugepaged saw a table")
    m.pgtable.set(pmd, 0)
    if kind == "table":
        m.withdrawn.set(pmd, table_of(m, value) + 1)
    return value


def pmd_populate(m: Machine, pmd: int, value: int) -> None:
    """Put the table back that was taken out."""
    if m.arch.pmd_kind(value) != "table":
        raise KernelBug("bad-pgtable", "khugepaged puts back a PMD that was none: an entry for a table that is none")
    m.withdrawn.set(pmd, 0)
    m.pgtable.set(pmd, value)


def must_be_none(m: Machine, pmd: int) -> None:
    """BUG_ON(!pmd_none(*pmd)): nobody else may have put anything there."""
    if m.pgtable.get(pmd):
        raise KernelBug("BUG_ON", "the PMD that khugepaged works on is not none any more")
