# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_WRITEPROTECT: the uffd-wp bit of a range (mm/userfaultfd.c and change_protection() of mm/mprotect.c, 6.5).

mmap_lock is read in every release.  The monitor asked for UFFD_FEATURE_WP_UNPOPULATED: what is none gets a marker, and
tables are made for that.
"""

from __future__ import annotations

from kernelmodel.arch import PTE_MARKER_GUARD, PTE_MARKER_POISONED, PTE_MARKER_UFFD_WP, SWP_PTE_MARKER, Arch
from kernelmodel.decision import Decision, Path, Step
from kernelmodel.defs import ENOENT, ENOMEM, VM_WRITE, PG_anon_exclusive
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.mmap_lock import mmap_read_lock, mmap_read_unlock
from kernelmodel.mm.pgtable import lock_pte_table, pmd_alloc, pmd_lockptr, pmd_offset, pte_alloc, pte_index, set_pte_at
from kernelmodel.mm.userfaultfd import userfaultfd_wp, wake_userfault
from kernelmodel.mm.vma import find_vma_intersection
from kernelmodel.mm.zap import split_huge_pmd_locked
from kernelmodel.structs import Mm, Vma


def userfaultfd_writeprotect(mm: Mm, start: int, size: int, enable: bool, cpu: int) -> Path[int]:
    """The ioctl; whoever waits is woken where the protection ends."""
    yield from mmap_read_lock(mm)
    error = yield from mwriteprotect_range(mm, start, start + size, enable, cpu)
    mmap_read_unlock(mm)
    if not error and not enable:
        yield from wake_userfault(mm, start, size)
    return error


def mwriteprotect_range(mm: Mm, start: int, end: int, enable: bool, cpu: int) -> Path[int]:
    """VMA by VMA, until one is not registered for it: -ENOENT."""
    error = -ENOENT
    vma = find_vma_intersection(mm, start, end)
    while vma is not None:
        if not userfaultfd_wp(vma):
            return -ENOENT
        error = yield from uffd_wp_range(vma, max(start, vma.vm_start), min(end, vma.vm_end), enable, cpu)
        if error:
            return error
        start = vma.vm_end
        vma = find_vma_intersection(mm, start, end) if start < end else None
    return error


def uffd_wp_range(vma: Vma, start: int, end: int, enable: bool, cpu: int) -> Path[int]:
    """Protect a range of one VMA or end its protection, PMD by PMD (change_pmd_range): 0 or -ENOMEM."""
    m, size = vma.m, vma.m.arch.pmd_size
    addr = start
    while addr < end:
        nxt = min(addr + size & -size, end)
        pmd = pmd_alloc(vma.vm_mm, addr) if enable else pmd_offset(vma.vm_mm, addr)
        if enable and not m.pgtable.get(pmd):
            failed = yield from pte_alloc(vma.vm_mm, pmd, cpu)
            if failed:
                return -ENOMEM
            yield Step("step", "uffd-pmd", addr=addr)
        kind = m.arch.pmd_kind(m.pgtable.get(pmd)) if pmd >= 0 else "none"
        done = kind == "none"
        if not done:
            huge = kind in ("leaf", "migration")
            yield told(addr, "table" if not huge else "leaf" if nxt - addr == size else "split", enable)
            if huge and nxt - addr == size:
                done = yield from change_huge_pmd(vma, pmd, enable, cpu)
            elif huge:
                yield from split_huge_pmd_locked(vma, pmd, addr, cpu)
        if not done:
            done = yield from change_pte_range(vma, pmd, addr, nxt, enable, cpu)
        if done:  # else the table has gone: once more
            addr = nxt
    return 0


def told(addr: int, outcome: str, enable: bool) -> Decision:
    """What is about to be changed."""
    return Decision("uffd-wp", outcome, addr=addr, reason="protect" if enable else "resolve")


def change_huge_pmd(vma: Vma, pmd: int, enable: bool, cpu: int) -> Path[bool]:
    """A leaf as a whole; False if it is none any more.  A migration entry loses the right to write."""
    m, arch = vma.m, vma.m.arch
    lock = pmd_lockptr(m, pmd)
    yield from spin_lock(m, lock, cpu)
    value = m.pgtable.get(pmd)
    kind = arch.pmd_kind(value)
    if kind == "migration":
        m.pgtable.set(pmd, swp_changed(arch, arch.migration_mkread(value), enable))
    elif kind == "leaf":
        m.pgtable.set(pmd, changed(vma, value, enable, not is_huge_zero_pmd(m, value)))
    spin_unlock(m, lock)
    return kind in ("leaf", "migration")


def change_pte_range(vma: Vma, pmd: int, addr: int, end: int, enable: bool, cpu: int) -> Path[bool]:
    """The PTEs of one table, under its lock; False if there is no table any more."""
    m = vma.m
    table = yield from lock_pte_table(m, pmd, cpu)
    if table < 0:
        return False
    first = table * m.arch.ptrs + pte_index(m, addr)
    for pte in range(first, first + (end - addr >> m.arch.page_shift)):
        change_pte(vma, pte, enable)
    spin_unlock(m, table)
    return True


def change_pte(vma: Vma, pte: int, enable: bool) -> None:
    """One PTE.  A marker of another kind stays (guard markers from 6.13 on; until then no one makes them)."""
    m, arch = vma.m, vma.m.arch
    value = m.pgtable.get(pte)
    kind = arch.pte_kind(value)
    if kind in ("page", "zero"):
        set_pte_at(m, pte, changed(vma, value, enable, kind == "page"))
    elif kind == "migration":
        set_pte_at(m, pte, swp_changed(arch, arch.migration_mkread(value), enable))
    elif kind == "swap":
        set_pte_at(m, pte, swp_changed(arch, value, enable))
    elif kind == "none" and enable:
        set_pte_at(m, pte, arch.swp_entry(SWP_PTE_MARKER, PTE_MARKER_UFFD_WP))
    elif kind == "marker" and not enable and not arch.swp_offset(value) & (PTE_MARKER_POISONED | PTE_MARKER_GUARD):
        set_pte_at(m, pte, 0)


def swp_changed(arch: Arch, value: int, enable: bool) -> int:
    """A swap or migration entry with the bit set, or cleared."""
    return arch.pte_swp_mkuffd_wp(value) if enable else value & ~arch.SWP_UFFD_WP


def changed(vma: Vma, value: int, enable: bool, page: bool) -> int:
    """A present entry with the bit set, or cleared: then a page that is ours alone may be written to at once."""
    m, arch = vma.m, vma.m.arch
    if enable:
        return arch.pte_mkuffd_wp(value)
    exclusive = page and m.page_flags.get(arch.pte_pfn(value)) & PG_anon_exclusive
    entry = arch.pte_clear_uffd_wp(arch.pte_wrprotect(value))
    return arch.pte_mkwrite(entry) if exclusive and vma.vm_flags & VM_WRITE else entry
