# SPDX-License-Identifier: GPL-2.0-only
"""Taking pages and tables away from a range of addresses (mm/memory.c, mm/huge_memory.c of 6.5).

Later releases batch the PTEs of a folio (6.9), with the same result.  A folio is freed when its last PTE goes, and the
mm's counters move with each batch: the gathering until the TLB is flushed (mmu_gather) is left out.
"""

from __future__ import annotations

from kernelmodel.arch import PTE_MARKER_GUARD
from kernelmodel.decision import Decision, Path, Step
from kernelmodel.defs import COMPOUND_MAPPED, MM_ANONPAGES, MM_SWAPENTS, PG_locked, PG_partially_mapped
from kernelmodel.machine import Machine
from kernelmodel.mm.huge_split import split_huge_pmd
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.page_alloc import folio_put, page_folio
from kernelmodel.mm.pgtable import lock_pte_table, pmd_lockptr, pmd_offset, pte_index
from kernelmodel.mm.rcu import table_free_rcu
from kernelmodel.mm.rmap import folio_remove_rmap_pmd, folio_remove_rmap_ptes
from kernelmodel.mm.swap import free_swap_and_cache, free_swap_cache
from kernelmodel.mm.tables import is_empty, pgtable_trans_huge_withdraw, table_free, table_of
from kernelmodel.mm.vma import vma_at
from kernelmodel.mm.vma_list import vma_position
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.mm.walk import pmds_to_visit
from kernelmodel.structs import Folio, Mm, Vma


def unmap_vmas(mm: Mm, start: int, end: int, cpu: int) -> Path[None]:
    """Zap what every VMA has mapped between ``start`` and ``end``, guard markers too."""
    position = vma_position(mm.m, mm.id, start)
    vma = vma_at(mm.m, mm.id, position)
    while vma is not None and vma.vm_start < end:
        yield from unmap_page_range(vma, max(start, vma.vm_start), min(end, vma.vm_end), cpu, True)
        position += 1
        vma = vma_at(mm.m, mm.id, position)


def unmap_page_range(vma: Vma, start: int, end: int, cpu: int, unmap: bool, reclaim_pt: bool = False) -> Path[None]:
    """Zap a range of one VMA, PMD by PMD (zap_pmd_range); what is not mapped costs nothing.

    ``unmap``: the VMA goes too, and guard markers with it.  ``reclaim_pt``: empty tables may go (MADV_DONTNEED).
    """
    m, mm, size = vma.m, vma.vm_mm, vma.m.arch.pmd_size
    bases = pmds_to_visit(mm, start, end, m.nr_cpus > 1 and not unmap)
    found = False
    for k in range(len(bases)):
        base = bases[k]
        if k and not unmap:
            yield Step("step", "zap-next", addr=base)
        pmd = pmd_offset(mm, base)
        addr, nxt = max(base, start), min(base + size, end)
        while addr != nxt and pmd >= 0 and m.pgtable.get(pmd):  # what changes kind in between is looked at again
            found = True
            if m.arch.pmd_kind(m.pgtable.get(pmd)) in ("leaf", "migration"):
                if nxt - addr != size:
                    yield Decision("zap-pmd", "split", addr=addr, reason="part-of-leaf")
                    yield from split_huge_pmd_locked(vma, pmd, addr, cpu)
                else:
                    zapped = yield from zap_huge_pmd(vma, pmd, addr, cpu)
                    if zapped:
                        break
                yield Step("step", "zap-ptes", addr=addr)
            addr = yield from zap_pte_range(vma, pmd, (addr, nxt), cpu, unmap, reclaim_pt)
    if not found:
        yield Decision("zap-pmd", "none", addr=start)


def split_huge_pmd_locked(vma: Vma, pmd: int, address: int, cpu: int) -> Path[None]:
    """Take the PMD lock and split what is a leaf then (__split_huge_pmd)."""
    lock = pmd_lockptr(vma.m, pmd)
    yield from spin_lock(vma.m, lock, cpu)
    split_huge_pmd(vma.m, vma, pmd, address)
    spin_unlock(vma.m, lock)


# -- the PMD level -------------------------------------------------------------------------------------
def zap_huge_pmd(vma: Vma, pmd: int, addr: int, cpu: int) -> Path[bool]:
    """Take a whole leaf away, and the table that was kept for its split; False if it is no leaf any more.

    A migration entry's reference belongs to the migration, which finds nothing to restore and drops it; where the entry
    is a what-if's (the folio is not locked) it is dropped here.
    """
    m, mm, order = vma.m, vma.vm_mm, vma.m.arch.pmd_order
    lock = pmd_lockptr(m, pmd)
    yield from spin_lock(m, lock, cpu)
    value = m.pgtable.get(pmd)
    kind = m.arch.pmd_kind(value)
    if kind not in ("leaf", "migration"):
        spin_unlock(m, lock)
        return False
    if kind == "leaf" and is_huge_zero_pmd(m, value):
        yield Decision("zap-pmd", "huge-zero", order, addr)
        m.pgtable.set(pmd, 0)
        zap_deposited_table(mm, pmd)
        spin_unlock(m, lock)
        return True
    folio = Folio(m, m.arch.pte_pfn(value) if kind == "leaf" else m.arch.swp_offset(value))
    yield Decision("zap-pmd", "leaf", order, addr, reason="migrating" if kind == "migration" else "")
    mapped = folio._nr_pages_mapped - COMPOUND_MAPPED if kind == "leaf" else folio._nr_pages_mapped
    owned = kind == "migration" and folio.flags & PG_locked
    outcome = "" if owned else fate(folio, 1, mapped if folio._entire_mapcount == 0 else folio.nr_pages)
    if outcome:
        yield told(folio, outcome, addr, folio.id, folio.nr_pages)
    m.pgtable.set(pmd, 0)
    if kind == "leaf":
        folio_remove_rmap_pmd(folio, vma)
    zap_deposited_table(mm, pmd)
    add_mm_counter(mm, MM_ANONPAGES, -folio.nr_pages)
    spin_unlock(m, lock)
    if not owned:
        folio_put(folio)
    return True


def zap_deposited_table(mm: Mm, pmd: int) -> None:
    """Free the table that was kept for a split."""
    table_free(mm.m, pgtable_trans_huge_withdraw(mm.m, pmd))
    mm.nr_ptes -= 1


# -- the PTE level -------------------------------------------------------------------------------------
def zap_pte_range(vma: Vma, pmd: int, span: tuple[int, int], cpu: int, unmap: bool, reclaim_pt: bool) -> Path[int]:
    """Clear the PTEs of one table, in runs of a kind, under its lock; free the table if it was zapped as a whole.

    Returns where it ended: before ``end`` if there is no table any more.  The kernel lets go of the lock where it
    should reschedule or has gathered enough; here it does once, after the first PTE (or large folio), where faults may
    come between.
    """
    m, mm, shift = vma.m, vma.vm_mm, vma.m.arch.page_shift
    start, end = span
    can_reclaim_pt = reclaim_pt and m.knobs["pt_reclaim"] and end - start >= m.arch.pmd_size
    resched = m.nr_cpus > 1 and not unmap
    direct_reclaim = True
    addr = start
    while True:  # retry:
        table = yield from lock_pte_table(m, pmd, cpu)
        if table < 0:
            return addr
        pte = table * m.arch.ptrs + pte_index(m, addr)
        last = pte + (end - addr >> shift)
        used = sum(map(bool, m.pgtable.run(pte, last - pte)))
        if used:
            yield Decision("zap-pmd", "table", addr=addr, arg=used)
        kind = "none"
        while pte < last and not (resched and kind != "none"):
            kind, nr = batch(m, pte, last - pte)
            value = m.pgtable.get(pte)
            if resched and not (kind == "page" and page_folio(m, m.arch.pte_pfn(value)).order):
                nr = 1 if kind != "none" else nr
            if kind == "page":
                pfn = m.arch.pte_pfn(value)
                folio = page_folio(m, pfn)
                outcome = fate_of_ptes(folio, pfn, nr)
                if outcome:
                    yield told(folio, outcome, end - (last - pte << shift), pfn, nr)
                zap_present_ptes(vma, pte, nr)
            elif kind == "guard" and not unmap:
                can_reclaim_pt = False
            elif kind != "none":
                if kind == "swap":
                    free_swaps(m, pte, nr)
                m.pgtable.fill(pte, nr, 0)
                if kind == "swap":
                    add_mm_counter(mm, MM_SWAPENTS, -nr)
                elif kind == "migration":
                    add_mm_counter(mm, MM_ANONPAGES, -nr)
            pte += nr
        if pte == last or not (can_reclaim_pt or any(m.pgtable.run(pte, last - pte))):
            break
        addr = end - (last - pte << shift)
        resched = False
        direct_reclaim = "B1" in m.mutants
        spin_unlock(m, table)
        yield Step("step", "zap-resched", addr=addr)
    if can_reclaim_pt:
        yield from try_to_free_pte(mm, pmd, table, start, cpu, direct_reclaim)
    else:
        spin_unlock(m, table)
    return end


def try_to_free_pte(mm: Mm, pmd: int, table: int, addr: int, cpu: int, direct_reclaim: bool) -> Path[None]:
    """Free the table that was emptied, and unlock it (mm/pt_reclaim.c, PT_RECLAIM of 6.14).

    If its lock was held all the time and the PMD lock is free, it is done at once (try_get_and_clear_pmd); else both
    locks are taken in their order and the PTEs looked at again.
    """
    m = mm.m
    lock = pmd_lockptr(m, pmd)
    if direct_reclaim and not m.ptl.get(lock):
        yield from spin_lock(m, lock, cpu)
    else:
        spin_unlock(m, table)
        yield Step("step", "pt-reclaim", addr=addr)
        yield from spin_lock(m, lock, cpu)
        value = m.pgtable.get(pmd)
        if m.arch.pmd_kind(value) != "table":
            spin_unlock(m, lock)
            return
        table = table_of(m, value)
        yield from spin_lock(m, table, cpu)
        if not is_empty(m, table):
            spin_unlock(m, table)
            spin_unlock(m, lock)
            return
    yield Decision("free-pgtables", "freed", addr=addr, reason="pt-reclaim", arg=1)
    m.pgtable.set(pmd, 0)
    mm.nr_ptes -= 1
    spin_unlock(m, table)
    spin_unlock(m, lock)
    table_free_rcu(m, table)


def batch(m: Machine, pte: int, most: int) -> tuple[str, int]:
    """Kind of a PTE, and how many from it on are dealt with alike.

    Pages: those of one large folio that follow each other, or order-0 pages that nobody else maps.
    """
    values = m.pgtable.run(pte, most)
    kind = zap_kind(m, values[0])
    if kind != "page":
        return kind, next((k for k, value in enumerate(values) if zap_kind(m, value) != kind), most)
    pfn = m.arch.pte_pfn(values[0])
    folio = page_folio(m, pfn)
    if not folio.order:
        if folio._refcount > 1:
            return kind, 1
        return kind, next((k for k, value in enumerate(values) if not _lonely(m, value)), most)
    end = folio.id + folio.nr_pages
    for k, value in enumerate(values):
        if pfn + k == end or zap_kind(m, value) != "page" or m.arch.pte_pfn(value) != pfn + k:
            return kind, k
    return kind, most


def zap_kind(m: Machine, value: int) -> str:
    """``Arch.pte_kind``, and ``guard`` for the markers that an ordinary zap leaves alone (6.13)."""
    kind = m.arch.pte_kind(value)
    if kind == "marker" and m.release >= (6, 13) and m.arch.swp_offset(value) & PTE_MARKER_GUARD:
        return "guard"
    return kind


def _lonely(m: Machine, value: int) -> bool:
    """Is this the only map of an order-0 page?"""
    if m.arch.pte_kind(value) != "page":
        return False
    folio = page_folio(m, m.arch.pte_pfn(value))
    return not folio.order and folio._refcount == 1


def zap_present_ptes(vma: Vma, pte: int, nr: int) -> None:
    """``nr`` PTEs as ``batch`` found them: cleared, unmapped, uncounted, put."""
    m = vma.m
    pfns = [m.arch.pte_pfn(value) for value in m.pgtable.run(pte, nr)]
    folio = page_folio(m, pfns[0])
    m.pgtable.fill(pte, nr, 0)
    add_mm_counter(vma.vm_mm, MM_ANONPAGES, -nr)
    if folio.order:
        folio_remove_rmap_ptes(folio, pfns[0], nr, vma)
        folio_put(folio, nr)
        return
    for pfn in pfns:
        folio_remove_rmap_ptes(Folio(m, pfn), pfn, 1, vma)
        free_swap_cache(Folio(m, pfn))
        folio_put(Folio(m, pfn))


def free_swaps(m: Machine, pte: int, nr: int) -> None:
    """``nr`` swap entries in a row go."""
    for value in m.pgtable.run(pte, nr):
        free_swap_and_cache(m, m.arch.swp_offset(value))


# -- what becomes of a folio ---------------------------------------------------------------------------
def fate_of_ptes(folio: Folio, pfn: int, nr: int) -> str:
    """What losing these PTEs does to a folio: ``freed``, ``partial`` (some of it is mapped no more), '' nothing new."""
    if not folio.order:
        return "freed" if folio._refcount == 1 else ""
    last = folio.m._mapcount.run(pfn, nr).count(1)
    return fate(folio, nr, folio._nr_pages_mapped - last)


def fate(folio: Folio, refs: int, mapped: int) -> str:
    """The same, by the references that go and what ``_nr_pages_mapped`` will be."""
    if folio._refcount == refs:
        return "freed"
    before = folio._nr_pages_mapped
    whole = before >= COMPOUND_MAPPED or before == folio.nr_pages
    return "partial" if whole and mapped < folio.nr_pages and not folio.flags & PG_partially_mapped else ""


def told(folio: Folio, outcome: str, addr: int, pfn: int, nr: int) -> Decision:
    """The fate in a decision; ``nr`` pages from ``pfn`` on go."""
    return Decision("zap-folio", outcome, folio.order, addr, arg=pfn, more=(("nr", nr),))


# -- tables --------------------------------------------------------------------------------------------
def free_pgtables(mm: Mm, start: int, end: int, floor: int, ceiling: int) -> None:
    """Free tables of [start, end) that no VMA between ``floor`` and ``ceiling`` needs (ceiling 0: to the top)."""
    m = mm.m
    for place, table, level in tables_to_free(mm, start, end, floor, ceiling):
        m.pgtable.set(place, 0)
        table_free_rcu(m, table)
        if level == "pte":
            mm.nr_ptes -= 1


def tables_to_free(mm: Mm, start: int, end: int, floor: int, ceiling: int) -> list[tuple[int, int, str]]:
    """(place of the entry, table, its level), lower levels first: tables whose whole span lies between the bounds."""
    return _tables_below(mm.m, mm.m.pgd.get(mm.id) - 1, 0, (start, end, floor, ceiling or mm.m.arch.task_size << 1))


def _tables_below(m: Machine, table: int, depth: int, span: tuple[int, int, int, int]) -> list[tuple[int, int, str]]:
    """free_pgd_range and its like.  ``span`` is start, end, floor, ceiling; start and end lie in this table's span."""
    start, end, floor, ceiling = span
    _, shift, entries = m.arch.levels[depth]
    found = []
    first, last = start >> shift, end - 1 >> shift
    place = table * m.arch.ptrs + (first & entries - 1)
    for k, value in enumerate(m.pgtable.run(place, last - first + 1)):
        if m.arch.pmd_kind(value) != "table":
            continue
        low, child = first + k << shift, table_of(m, value)
        high = low + (1 << shift)
        if depth + 2 < len(m.arch.levels):
            found += _tables_below(m, child, depth + 1, (max(start, low), min(end, high), floor, ceiling))
        if floor <= low and high <= ceiling:
            found.append((place + k, child, m.arch.levels[depth + 1][0]))
    return found
