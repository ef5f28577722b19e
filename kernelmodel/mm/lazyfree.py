# SPDX-License-Identifier: GPL-2.0-only
"""MADV_FREE: memory that reclaim may drop without writing it out (mm/madvise.c, mm/huge_memory.c; 6.5 and 6.10).

Nothing reclaims here; what can be seen is that the entries are old and clean and the folio no longer swapbacked.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Step
from kernelmodel.defs import MM_SWAPENTS, PG_dirty, PG_swapbacked
from kernelmodel.machine import Machine
from kernelmodel.mm.folio_lock import folio_trylock, folio_unlock
from kernelmodel.mm.huge_split import split_huge_pmd
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.large_mapcount import folio_mapped_shared
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.page_alloc import page_folio
from kernelmodel.mm.pgtable import lock_pte_table, pmd_lockptr, pmd_offset, pte_index, set_pte_at
from kernelmodel.mm.split_folio import can_split_folio, count_split, split_folio
from kernelmodel.mm.swap import folio_free_swap, folio_test_swapcache, free_swap_and_cache
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.mm.walk import pmds_to_visit
from kernelmodel.structs import Folio, Vma


def madvise_free_single_vma(vma: Vma, start: int, end: int, cpu: int) -> Path[int]:
    """Walk what is mapped in a range of one VMA: 0."""
    m, mm = vma.m, vma.vm_mm
    bases = pmds_to_visit(mm, start, end, m.nr_cpus > 1)
    for k in range(len(bases)):
        base = bases[k]
        if k:
            yield Step("step", "free-next", addr=base)
        pmd = pmd_offset(mm, base)
        addr, nxt = max(base, start), min(base + m.arch.pmd_size, end)
        kind = m.arch.pmd_kind(m.pgtable.get(pmd)) if pmd >= 0 else "none"
        if kind == "leaf":
            done = yield from madvise_free_huge_pmd(vma, pmd, addr, nxt, cpu)
            if done:
                continue
            yield Step("step", "free-ptes", addr=addr)
        if kind != "none":
            yield from madvise_free_pte_range(vma, pmd, addr, nxt, cpu)
    return 0


def madvise_free_huge_pmd(vma: Vma, pmd: int, addr: int, nxt: int, cpu: int) -> Path[bool]:
    """A whole leaf is marked; of a part, the folio is split for madvise_free_pte_range (False)."""
    m, order = vma.m, vma.m.arch.pmd_order
    lock = pmd_lockptr(m, pmd)
    yield from spin_lock(m, lock, cpu)
    value = m.pgtable.get(pmd)
    if m.arch.pmd_kind(value) != "leaf" or is_huge_zero_pmd(m, value):
        spin_unlock(m, lock)
        return False
    folio = Folio(m, m.arch.pte_pfn(value))
    if mapped_by_others(folio):
        yield Decision("madvise-free", "skipped", order, addr, reason="shared")
        spin_unlock(m, lock)
        return False
    if nxt - addr != m.arch.pmd_size:
        yield Decision("madvise-free", "split", order, addr, reason="part-of-leaf")
        split_huge_pmd(m, vma, pmd, addr)
        if can_split_folio(folio):
            split_folio(folio)
        else:
            count_split(folio, False)
        spin_unlock(m, lock)
        return False
    yield Decision("madvise-free", "lazyfree", order, addr, more=(("nr", folio.nr_pages),))
    m.pgtable.set(pmd, m.arch.pte_mkclean(m.arch.pte_mkold(value)))
    folio_mark_lazyfree(folio)
    spin_unlock(m, lock)
    return True


def madvise_free_pte_range(vma: Vma, pmd: int, addr: int, end: int, cpu: int) -> Path[None]:
    """The PTEs of one table: swap entries go, pages become old and clean.

    Up to 6.9 any large folio is split first, and the walk ends at one that is shared.  From 6.10 on one whose PTEs all
    lie in the range stays whole, and what is shared is passed over.
    """
    m, shift = vma.m, vma.m.arch.page_shift
    table = yield from lock_pte_table(m, pmd, cpu)
    if table < 0:
        return
    pte = table * m.arch.ptrs + pte_index(m, addr)
    last = pte + (end - addr >> shift)
    while pte < last:
        value = m.pgtable.get(pte)
        kind = m.arch.pte_kind(value)
        if kind == "swap":
            free_swap_and_cache(m, m.arch.swp_offset(value))
            set_pte_at(m, pte, 0)
            add_mm_counter(vma.vm_mm, MM_SWAPENTS, -1)
        if kind != "page":
            pte += 1
            continue
        here, folio = end - (last - pte << shift), page_folio(m, m.arch.pte_pfn(value))
        nr = free_batch(m, folio, pte, last - pte)
        if folio.order and (m.release < (6, 10) or nr < folio.nr_pages):
            refused = "shared" if mapped_by_others(folio) else "" if can_split_folio(folio) else "pinned"
            outcome = "skipped" if refused else "split"
            yield Decision("madvise-free", outcome, folio.order, here, reason=refused or "folio-split")
            if not refused and not can_split_folio(folio):  # isolated meanwhile
                refused = "pinned"
            if refused:
                if refused == "pinned":
                    count_split(folio, False)
                if m.release < (6, 10):
                    break
                pte += nr
                continue
            split_folio(folio)
            continue
        yield Decision("madvise-free", "lazyfree", folio.order, here, more=(("nr", nr),))
        mark_lazyfree(m, pte, nr)
        pte += nr
    spin_unlock(m, table)


def free_batch(m: Machine, folio: Folio, pte: int, most: int) -> int:
    """How many PTEs are marked in one go: those of a large folio that follow each other, or any with order-0 pages."""
    first = m.arch.pte_pfn(m.pgtable.get(pte))
    for k, value in enumerate(m.pgtable.run(pte, most)):
        pfn = m.arch.pte_pfn(value)
        if m.arch.pte_kind(value) != "page":
            return k
        if (pfn != first + k or pfn >= folio.id + folio.nr_pages) if folio.order else page_folio(m, pfn).order:
            return k
    return most


def mark_lazyfree(m: Machine, pte: int, nr: int) -> None:
    """Old and clean, and no longer swapbacked (folio_mark_lazyfree)."""
    for k in range(pte, pte + nr):
        value = m.pgtable.get(k)
        set_pte_at(m, k, m.arch.pte_mkclean(m.arch.pte_mkold(value)))
        folio_mark_lazyfree(page_folio(m, m.arch.pte_pfn(value)))


def folio_mark_lazyfree(folio: Folio) -> None:
    """Reclaim need not write it out, what it holds is not wanted any more; not one in the swap cache that is in use."""
    if folio_test_swapcache(folio):
        if not folio_trylock(folio):
            return
        folio_free_swap(folio)
        folio_unlock(folio)
    if not folio_test_swapcache(folio):
        folio.flags &= ~(PG_swapbacked | PG_dirty)


def mapped_by_others(folio: Folio) -> bool:
    """By the first page: folio_estimated_sharers, from 6.10 on folio_likely_mapped_shared, from 6.15 on counted."""
    m = folio.m
    first, whole = m._mapcount.get(folio.id), m._entire_mapcount.get(folio.id)
    if m.release < (6, 10):
        return first + whole != 1
    total = sum(m._mapcount.run(folio.id, folio.nr_pages)) + whole
    if folio.order and m.release >= (6, 15):
        return total > 1 and folio_mapped_shared(folio)
    return total > 1 and (bool(whole) or total > folio.nr_pages or first > 1)
