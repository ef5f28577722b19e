# SPDX-License-Identifier: GPL-2.0-only
"""Moving what is mapped to other addresses: move_page_tables and below (mm/mremap.c, mm/huge_memory.c of 6.5).

Pieces of the size of a PUD are moved PMD by PMD here.  rmap finds a moved page as before: pgoff moved with the VMA.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.machine import Machine
from kernelmodel.mm.huge_split import split_huge_pmd
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.pgtable import lock_pte_table, pmd_alloc, pmd_lockptr, pte_alloc, pte_index, set_pte_at
from kernelmodel.mm.tables import pgtable_trans_huge_deposit, pgtable_trans_huge_withdraw, table_of
from kernelmodel.mm.userfaultfd import pte_marker_uffd_wp, userfaultfd_missing, userfaultfd_wp
from kernelmodel.mm.vma import find_vma_intersection
from kernelmodel.mm.walk import populated_pmds
from kernelmodel.structs import Vma


def move_page_tables(vma: Vma, start: int, new_vma: Vma, new_start: int, size: int, cpu: int) -> Path[int]:
    """Move [start, start + size); bytes that are done, fewer if no table could be had."""
    mm, pmd_size = vma.vm_mm, vma.m.arch.pmd_size
    end, delta = start + size, new_start - start
    addr = realigned(vma, start, new_vma, new_start, size)
    pmds = populated_pmds(mm, addr, end)
    for k in range(len(pmds)):
        base, pmd = pmds[k]
        addr, stop = max(base, addr), min(base + pmd_size, end)
        while addr < stop:
            new = addr + delta
            extent = min(stop - addr, pmd_size - new % pmd_size)
            moved = yield from move_pmd(vma, new_vma, pmd, (addr, new, extent), cpu)
            if not moved:
                return max(addr - start, 0)
            addr += extent
    return size


def realigned(vma: Vma, start: int, new_vma: Vma, new_start: int, size: int) -> int:
    """Where to begin: from 6.7 on at the PMD boundary below, if only these two VMAs are there (try_realign_addr)."""
    m, pmd_size = vma.m, vma.m.arch.pmd_size
    off = start % pmd_size
    if m.release < (6, 7) or not off or off != new_start % pmd_size or size < pmd_size - off:
        return start
    for each, address in ((vma, start), (new_vma, new_start)):
        if each.vm_start != address or find_vma_intersection(each.vm_mm, address - off, address) is not None:
            return start
    return start - off


def move_pmd(vma: Vma, new_vma: Vma, pmd: int, piece: tuple[int, int, int], cpu: int) -> Path[bool]:
    """The piece (old address, new address, bytes) that one PMD on either side covers; False if no table can be had."""
    m, mm = vma.m, vma.vm_mm
    addr, new, extent = piece
    new_pmd = pmd_alloc(mm, new)
    whole = extent == m.arch.pmd_size and not m.pgtable.get(new_pmd)
    kind = m.arch.pmd_kind(m.pgtable.get(pmd))
    if kind == "none":
        return True
    huge = kind != "table"
    if whole and (huge or not clears_uffd_wp(vma)):
        yield told("leaf" if huge else "table", piece)
        moved = yield from move_entry(vma, (pmd, new_pmd), huge, cpu)
        if moved:
            return True
    if m.arch.pmd_kind(m.pgtable.get(pmd)) in ("leaf", "migration"):
        yield told("split", piece)
        lock = pmd_lockptr(m, pmd)
        yield from spin_lock(m, lock, cpu)
        split_huge_pmd(m, vma, pmd, addr)
        spin_unlock(m, lock)
    failed = yield from pte_alloc(mm, new_pmd, cpu)
    if failed:
        return False
    yield told("ptes", piece)
    yield from move_ptes(vma, new_vma, (pmd, new_pmd), piece, cpu)
    return True


def told(outcome: str, piece: tuple[int, int, int]) -> Decision:
    """How a piece is moved, and where to."""
    addr, new, extent = piece
    return Decision("mremap-move", outcome, addr=addr, arg=extent, more=(("to", hex(new)),))


def move_entry(vma: Vma, pmds: tuple[int, int], huge: bool, cpu: int) -> Path[bool]:
    """The PMD entry itself: a table (move_normal_pmd), or a leaf with the table kept for it (move_huge_pmd).

    False: who came by rmap has split the leaf meanwhile.
    """
    m = vma.m
    pmd, new_pmd = pmds
    old_ptl, new_ptl = pmd_lockptr(m, pmd), pmd_lockptr(m, new_pmd)
    yield from spin_lock(m, old_ptl, cpu)
    if new_ptl != old_ptl:
        yield from spin_lock(m, new_ptl, cpu)
    value = m.pgtable.get(pmd)
    moved = (m.arch.pmd_kind(value) != "table") == huge
    if moved:
        m.pgtable.set(pmd, 0)
        if huge:
            pgtable_trans_huge_deposit(m, new_pmd, pgtable_trans_huge_withdraw(m, pmd))
            value = moved_entry(m, value, clears_uffd_wp(vma))
        m.pgtable.set(new_pmd, value)
    if new_ptl != old_ptl:
        spin_unlock(m, new_ptl)
    spin_unlock(m, old_ptl)
    return moved


def move_ptes(vma: Vma, new_vma: Vma, pmds: tuple[int, int], piece: tuple[int, int, int], cpu: int) -> Path[None]:
    """PTE by PTE, under both locks."""
    m = vma.m
    addr, new, extent = piece
    old_ptl = yield from lock_pte_table(m, pmds[0], cpu)
    if old_ptl < 0:
        return
    new_ptl = table_of(m, m.pgtable.get(pmds[1]))
    if new_ptl != old_ptl:
        yield from spin_lock(m, new_ptl, cpu)
    old_pte, new_pte = old_ptl * m.arch.ptrs + pte_index(m, addr), new_ptl * m.arch.ptrs + pte_index(m, new)
    clear_uffd_wp = clears_uffd_wp(vma)
    for k in range(extent >> m.arch.page_shift):
        value = m.pgtable.get(old_pte + k)
        if value:
            set_pte_at(m, old_pte + k, 0)
            if not (clear_uffd_wp and pte_marker_uffd_wp(m, value)):
                set_pte_at(m, new_pte + k, moved_entry(m, value, clear_uffd_wp))
    if new_ptl != old_ptl:
        spin_unlock(m, new_ptl)
    spin_unlock(m, old_ptl)


def clears_uffd_wp(vma: Vma) -> bool:
    """From 6.13 on a move ends a monitor's write protection, if it did not ask for UFFD_EVENT_REMAP: none does here."""
    return vma.m.release >= (6, 13) and "B17" not in vma.m.mutants and (userfaultfd_wp(vma) or userfaultfd_missing(vma))


def moved_entry(m: Machine, value: int, clear_uffd_wp: bool) -> int:
    """A moved page counts as written to, where the arch tracks that (not shown in swap entries)."""
    if not m.arch.pte_present(value):
        return value
    value |= m.arch.SOFT_DIRTY
    return m.arch.pte_clear_uffd_wp(value) if clear_uffd_wp else value
