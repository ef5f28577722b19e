# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_MOVE: pages change their address without being copied (mm/userfaultfd.c, Linux 6.8 … 7.1).

Both VMAs are only read-locked, so everything is looked at once without and once with both page-table locks.  Not here:
UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES; pins; the anon_vma lock, which holds off rmap walks alone.
"""

from __future__ import annotations

from kernelmodel.decision import KernelBug, Path, Wait
from kernelmodel.defs import (
    EAGAIN,
    EBUSY,
    EEXIST,
    EINVAL,
    ENOENT,
    ENOMEM,
    VM_ACCESS_FLAGS,
    VM_HUGETLB,
    VM_IO,
    VM_LOCKED,
    VM_MIXEDMAP,
    VM_PFNMAP,
    VM_SHARED,
    VM_WRITE,
)
from kernelmodel.mm.folio_lock import folio_lock, folio_unlock
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.mmap_lock import mmap_read_lock, mmap_read_unlock, vma_end_read, vma_start_read
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add
from kernelmodel.mm.pgtable import pmd_alloc, pmd_lockptr, pmd_offset, pte_alloc
from kernelmodel.mm.rmap import huge_pmd
from kernelmodel.mm.tables import pgtable_trans_huge_deposit, pgtable_trans_huge_withdraw
from kernelmodel.mm.uffd_copy import find_vma_and_prepare_anon, uffd_lock_vma
from kernelmodel.mm.uffd_move_pte import (
    Places,
    Vmas,
    double_pt_lock,
    double_pt_unlock,
    may_move,
    move_pages_pte,
    rebase,
    told,
)
from kernelmodel.mm.userfaultfd import userfaultfd_armed, wake_userfault
from kernelmodel.mm.vma import anon_vma_prepare, find_vma
from kernelmodel.mm.vma_lock import lock_vma_under_rcu
from kernelmodel.mm.zap import split_huge_pmd_locked
from kernelmodel.structs import Folio, Mm, Vma

HUGE = ("leaf", "migration")


def userfaultfd_move(mm: Mm, dst: int, src: int, size: int, cpu: int) -> Path[int]:
    """The ioctl: what was moved is woken; 0 if that was all of it, -EAGAIN if it was less."""
    if mm.m.release < (6, 8):
        return -EINVAL
    moved = yield from move_pages(mm, dst, src, size, cpu)
    if moved < 0:
        return moved
    yield from wake_userfault(mm, dst, moved)
    return 0 if moved == size else -EAGAIN


# -- which locks ---------------------------------------------------------------------------------------
def uffd_move_lock(mm: Mm, dst: int, src: int) -> Path[Vmas | int]:
    """The VMAs, locked (6.9: each its own lock, the second without waiting; 6.8: mmap_lock), or an errno."""
    if mm.m.release < (6, 9):
        yield from mmap_read_lock(mm)
        found, other = find_vma(mm, dst), find_vma(mm, src)
        if found is None or other is None:
            mmap_read_unlock(mm)
            return -EINVAL
        return found, other
    vma = yield from uffd_lock_vma(mm, dst)
    if isinstance(vma, int):
        return vma
    if vma.vm_start <= src < vma.vm_end:
        return vma, vma
    src_vma = yield from lock_vma_under_rcu(mm, src)
    if src_vma is not None:
        return vma, src_vma
    vma_end_read(vma)
    yield from mmap_read_lock(mm)
    vma = yield from find_vma_and_prepare_anon(mm, dst)
    src_vma = find_vma(mm, src)
    if src_vma is not None and isinstance(vma, Vma):
        vma_start_read(vma)
        if src_vma.id != vma.id:
            vma_start_read(src_vma)
    mmap_read_unlock(mm)
    if isinstance(vma, int):
        return vma
    return -ENOENT if src_vma is None else (vma, src_vma)


def uffd_move_unlock(vmas: Vmas) -> None:
    """Let go of them."""
    if vmas[0].m.release < (6, 9):
        mmap_read_unlock(vmas[0].vm_mm)
        return
    vma_end_read(vmas[0])
    if vmas[1].id != vmas[0].id:
        vma_end_read(vmas[1])


def validate_move_areas(vmas: Vmas) -> bool:
    """May pages go from the one to the other?  Alike in their rights, writable, ordinary; the first registered."""
    dst, src = vmas[0].vm_flags, vmas[1].vm_flags
    special = VM_PFNMAP | VM_IO | VM_HUGETLB | VM_MIXEDMAP | VM_SHARED
    same = not (dst ^ src) & (VM_ACCESS_FLAGS | VM_LOCKED)
    return same and bool(src & VM_WRITE) and not (dst | src) & special and userfaultfd_armed(vmas[0])


# -- the range -----------------------------------------------------------------------------------------
def move_pages(mm: Mm, dst: int, src: int, size: int, cpu: int) -> Path[int]:
    """Move [src, src + size): bytes that were moved before something was in the way, or why none was."""
    vmas = yield from uffd_move_lock(mm, dst, src)
    if isinstance(vmas, int):
        return vmas
    error = moved = 0
    if src + size > vmas[1].vm_end or dst + size > vmas[0].vm_end or not validate_move_areas(vmas):
        error = -EINVAL
    elif not vmas[0].anon_vma:  # 6.8; later the lock has seen to it
        failed = yield from anon_vma_prepare(vmas[0])
        error = -ENOMEM if failed else 0
    while moved < size and not error:
        done = yield from move_step(vmas, (dst + moved, src + moved), size - moved, cpu)
        if done > 0:
            moved += done
        elif done != -EAGAIN:
            error = done
    uffd_move_unlock(vmas)
    return moved or error


def move_step(vmas: Vmas, at: Places, left: int, cpu: int) -> Path[int]:
    """One pass of the loop of move_pages(): bytes, or an errno (-EAGAIN: look again)."""
    m, mm = vmas[0].m, vmas[0].vm_mm
    src_pmd = pmd_offset(mm, at[1])
    if src_pmd < 0:
        return -ENOENT
    pmds = (pmd_alloc(mm, at[0]), src_pmd)
    dst_pmdval = m.pgtable.get(pmds[0])
    if m.arch.pmd_kind(dst_pmdval) == "leaf":
        return -EEXIST
    kind = m.arch.pmd_kind(m.pgtable.get(src_pmd))
    if kind in HUGE:
        lock = pmd_lockptr(m, src_pmd)
        yield from spin_lock(m, lock, cpu)  # pmd_trans_huge_lock
        kind = m.arch.pmd_kind(m.pgtable.get(src_pmd))
        if kind in HUGE:
            if (at[0] | at[1]) % m.arch.pmd_size or left < m.arch.pmd_size or dst_pmdval:
                return (yield from move_part_of_huge_pmd(vmas[1], src_pmd, at, cpu))
            return (yield from move_pages_huge_pmd(vmas, pmds, at, cpu))
        spin_unlock(m, lock)
    if kind == "none":
        return -ENOENT
    if not m.pgtable.get(pmds[0]):
        failed = yield from pte_alloc(mm, pmds[0], cpu)
        if failed:
            return -ENOMEM
    return (yield from move_pages_pte(vmas, pmds, at, left, cpu))


# -- the PMD level -------------------------------------------------------------------------------------
def move_part_of_huge_pmd(src_vma: Vma, pmd: int, at: Places, cpu: int) -> Path[int]:
    """Split what cannot be moved as a whole, and look again: -EAGAIN, or -EBUSY.  Entered with the PMD locked.

    Until 6.16 (aba6faec0103) a migration entry was taken for a folio here.
    """
    m = src_vma.m
    lock, value = pmd_lockptr(m, pmd), m.pgtable.get(pmd)
    kind = m.arch.pmd_kind(value)
    if kind == "migration" and (m.release < (6, 17) or "B19" in m.mutants):
        raise KernelBug("page fault", "UFFDIO_MOVE takes a PMD migration entry for the pfn of a folio")
    busy = kind == "leaf" and not may_move(m, value, is_huge_zero_pmd(m, value))
    spin_unlock(m, lock)
    yield told("busy" if busy else "split", at, "shared" if busy else "part-of-leaf")
    if busy:
        return -EBUSY
    yield from split_huge_pmd_locked(src_vma, pmd, at[1], cpu)
    return -EAGAIN


def move_pages_huge_pmd(vmas: Vmas, pmds: Places, at: Places, cpu: int) -> Path[int]:
    """A whole leaf, with the table that is kept for its split.  Entered with the source's PMD locked."""
    m, order = vmas[0].m, vmas[0].m.arch.pmd_order
    locks = (pmd_lockptr(m, pmds[0]), pmd_lockptr(m, pmds[1]))
    value = m.pgtable.get(pmds[1])
    if m.arch.pmd_kind(value) == "migration":
        spin_unlock(m, locks[1])
        yield told("migration", at)
        yield Wait(f"the migration of the huge page at {at[1]:#x}", lambda: m.pgtable.get(pmds[1]) != value)
        return -EAGAIN
    zero = is_huge_zero_pmd(m, value)
    if not may_move(m, value, zero):
        spin_unlock(m, locks[1])
        yield told("busy", at, "shared")
        return -EBUSY
    folio = Folio(m, m.arch.pte_pfn(value))
    if not zero:
        folio_ref_add(folio, 1)
    spin_unlock(m, locks[1])
    if not zero:
        yield from folio_lock(folio)
    yield told("leaf", at, "huge-zero-page" if zero else "", order)
    yield from double_pt_lock(m, locks, cpu)
    error = 0
    if m.pgtable.get(pmds[1]) != value or m.pgtable.get(pmds[0]):
        error = -EAGAIN
    elif not may_move(m, value, zero):
        error = -EBUSY
    else:
        m.pgtable.set(pmds[1], 0)
        m.pgtable.set(pmds[0], moved_huge_pmd(vmas[0], at[0], folio, zero, value))
        pgtable_trans_huge_deposit(m, pmds[0], pgtable_trans_huge_withdraw(m, pmds[1]))
    double_pt_unlock(m, locks)
    if not zero:
        folio_unlock(folio)
        folio_put(folio)
    return error or m.arch.pmd_size


def moved_huge_pmd(vma: Vma, address: int, folio: Folio, zero: bool, value: int) -> int:
    """The entry at the destination: dirty and writable, without uffd-wp; the huge zero page stays read-only."""
    if zero:
        return vma.m.arch.pte_clear_uffd_wp(value)
    rebase(folio, vma, address)
    return huge_pmd(folio, vma)
