# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_COPY, ZEROPAGE and POISON: a monitor fills pages that are missing (mm/userfaultfd.c, Linux 6.5 … 7.1).

Page by page, each under its PTE lock.  Until 6.8 mmap_lock is read for all of it, from 6.9 on the VMA is locked.  Not
here: the monitor's buffer (its contents, and faults on it), shared memory, UFFDIO_CONTINUE, a process that forbids the
zero page (mm_forbids_zeropage(), s390).
"""

from __future__ import annotations

from kernelmodel.arch import PTE_MARKER_POISONED, SWP_PTE_MARKER
from kernelmodel.decision import Decision, KernelBug, Path, Step
from kernelmodel.defs import (
    EAGAIN,
    EEXIST,
    EFAULT,
    EINVAL,
    ENOENT,
    ENOMEM,
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    MM_ANONPAGES,
    VM_SHARED,
    VM_UFFD_WP,
    VM_WRITE,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.lock import spin_unlock
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import vma_alloc_folio
from kernelmodel.mm.mmap_lock import mmap_read_lock, mmap_read_unlock, vma_end_read, vma_start_read
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.pgtable import lock_pte_table, pmd_alloc, pte_alloc, pte_index, set_pte_at, zero_page
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate
from kernelmodel.mm.userfaultfd import pte_marker_uffd_wp, userfaultfd_armed, wake_userfault
from kernelmodel.mm.vma import anon_vma_prepare, find_vma
from kernelmodel.mm.vma_lock import lock_vma_under_rcu
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.structs import Folio, Mm, Vma


# -- which lock ----------------------------------------------------------------------------------------
def find_vma_and_prepare_anon(mm: Mm, address: int) -> Path[Vma | int]:
    """Under mmap_lock: the VMA, with an anon_vma; -ENOENT or -ENOMEM."""
    vma = find_vma(mm, address)
    if vma is None:
        return -ENOENT
    if not vma.vm_flags & VM_SHARED and not vma.anon_vma:
        failed = yield from anon_vma_prepare(vma)
        if failed:
            return -ENOMEM
    return vma


def uffd_lock_vma(mm: Mm, address: int) -> Path[Vma | int]:
    """The VMA at an address, locked, with an anon_vma (6.9): without mmap_lock where that is possible."""
    vma = yield from lock_vma_under_rcu(mm, address)
    if vma is not None:
        if vma.anon_vma or vma.vm_flags & VM_SHARED:
            return vma
        vma_end_read(vma)
    yield from mmap_read_lock(mm)
    found = yield from find_vma_and_prepare_anon(mm, address)
    if isinstance(found, Vma):
        vma_start_read(found)  # nobody can have it for writing while mmap_lock is read
    mmap_read_unlock(mm)
    return found


def uffd_mfill_lock(mm: Mm, start: int, size: int) -> Path[Vma | int]:
    """The one VMA that holds the range and is registered, locked against changes; -ENOENT if there is none."""
    if mm.m.release >= (6, 9):
        found = yield from uffd_lock_vma(mm, start)
        if isinstance(found, Vma) and not (start + size <= found.vm_end and userfaultfd_armed(found)):
            vma_end_read(found)
            return -ENOENT
        return found
    yield from mmap_read_lock(mm)
    vma = find_vma(mm, start)
    if vma is None or start + size > vma.vm_end or not userfaultfd_armed(vma):
        mmap_read_unlock(mm)
        return -ENOENT
    return vma


def uffd_mfill_unlock(vma: Vma) -> None:
    """Let go of the VMA (6.9), or of mmap_lock."""
    if vma.m.release >= (6, 9):
        vma_end_read(vma)
    else:
        mmap_read_unlock(vma.vm_mm)


# -- the range -----------------------------------------------------------------------------------------
def mfill_atomic(mm: Mm, start: int, size: int, op: str, wp: bool, cpu: int) -> Path[int]:
    """Fill [start, start + size): bytes that were filled before something was in the way, or why none was."""
    if op == "poison" and mm.m.release < (6, 6):
        return -EINVAL
    vma = yield from uffd_mfill_lock(mm, start, size)
    if isinstance(vma, int):
        return vma
    error = 0
    if vma.vm_flags & VM_SHARED or (wp and not vma.vm_flags & VM_UFFD_WP):
        error = -EINVAL
    elif not vma.anon_vma:  # 6.8; later the lock has seen to it
        failed = yield from anon_vma_prepare(vma)
        error = -ENOMEM if failed else 0
    copied = 0
    while copied < size and not error:
        address = start + copied
        pmd = pmd_alloc(mm, address)
        error = yield from mfill_establish_pmd(vma, pmd, cpu)
        if not error:
            error = yield from mfill_atomic_pte(vma, pmd, address, op, wp, cpu)
        if not error:
            copied += mm.m.arch.page_size
    uffd_mfill_unlock(vma)
    return copied or error


def mfill_establish_pmd(vma: Vma, pmd: int, cpu: int) -> Path[int]:
    """A table, made if the PMD is none; -EEXIST where something huge is mapped, -ENOMEM.

    Until 6.10 (71c186efc1b2, 6.11) a leaf that came meanwhile is -EFAULT, one that went again a BUG_ON, and a migration
    entry is no leaf.
    """
    m = vma.m
    old = m.release < (6, 11)
    kind = m.arch.pmd_kind(m.pgtable.get(pmd))
    if kind == "leaf" and old:
        return -EEXIST
    if kind == "none":
        failed = yield from pte_alloc(vma.vm_mm, pmd, cpu)
        if failed:
            return -ENOMEM
    if kind == "none" or m.knobs["pt_reclaim"]:  # else a table stays
        yield Step("step", "uffd-pmd")
        kind = m.arch.pmd_kind(m.pgtable.get(pmd))
        if kind == "leaf" and old:
            return -EFAULT
        if kind == "none" and old:
            raise KernelBug("BUG_ON", "the PMD is none after __pte_alloc(): a huge page came and went")
    return 0 if old or kind == "table" else -EEXIST


def mfill_atomic_pte(vma: Vma, pmd: int, address: int, op: str, wp: bool, cpu: int) -> Path[int]:
    """One page, the zero page, or a marker that says that the page is lost: 0 or an errno."""
    if op != "copy":
        return (yield from mfill_atomic_install(vma, pmd, address, op, None, wp, cpu))
    folio = yield from vma_alloc_folio(GFP_HIGHUSER_MOVABLE, 0, vma, address, False)
    if folio is None:
        return -ENOMEM
    failed = yield from mem_cgroup_charge(folio, vma.vm_mm, GFP_KERNEL)
    if failed:
        folio_put(folio)
        return -ENOMEM
    folio_mark_uptodate(folio)
    error = yield from mfill_atomic_install(vma, pmd, address, op, folio, wp, cpu)
    if error:
        folio_put(folio)
    return error


def mfill_atomic_install(
    vma: Vma, pmd: int, address: int, op: str, folio: Folio | None, wp: bool, cpu: int
) -> Path[int]:  # fmt: skip
    """Set the PTE where nothing stands: -EEXIST where something does, -EAGAIN where there is no table any more."""
    m, mm = vma.m, vma.vm_mm
    table = yield from lock_pte_table(m, pmd, cpu)
    if table < 0:
        kind = m.arch.pmd_kind(m.pgtable.get(pmd))
        yield Decision(f"uffd-{op}", "no-table", addr=address, reason=f"pmd-{kind}")
        return -EAGAIN
    pte = table * m.arch.ptrs + pte_index(m, address)
    value = m.pgtable.get(pte)
    if not may_fill(m, value, op):
        yield Decision(f"uffd-{op}", "exists", addr=address, reason="exists", more=(("found", m.arch.pte_kind(value)),))
        spin_unlock(m, table)
        return -EEXIST
    yield Decision(f"uffd-{op}", "filled", addr=address, arg=folio.id if folio is not None else 0)
    if folio is not None:
        folio_add_new_anon_rmap(folio, vma, address)
        folio_add_lru_vma(folio)
        add_mm_counter(mm, MM_ANONPAGES, 1)
    set_pte_at(m, pte, filling(vma, op, folio, wp))
    spin_unlock(m, table)
    return 0


def may_fill(m: Machine, value: int, op: str) -> bool:
    """Nothing may stand there; a page may take a marker's place (every marker's until 6.18, then only uffd-wp's)."""
    if op != "copy" or not value:
        return not value
    return pte_marker_uffd_wp(m, value) if m.release >= (7, 1) else m.arch.pte_kind(value) == "marker"


def filling(vma: Vma, op: str, folio: Folio | None, wp: bool) -> int:
    """The new entry: a page is dirty and writable, unless it is to be write-protected for the monitor."""
    arch = vma.m.arch
    if folio is None:
        if op == "poison":
            return arch.swp_entry(SWP_PTE_MARKER, PTE_MARKER_POISONED)
        return zero_page(vma.m, vma.vm_page_prot)
    entry = arch.pte_mkdirty(arch.pfn_pte(folio.id, vma.vm_page_prot))
    if vma.vm_flags & VM_WRITE:
        entry = arch.pte_mkwrite(entry)
    return arch.pte_mkuffd_wp(entry) if wp else entry


def userfaultfd_fill(mm: Mm, start: int, size: int, op: str, wp: bool, cpu: int) -> Path[int]:
    """The ioctl: what was filled is woken; 0 if that was all of it, -EAGAIN if it was less."""
    filled = yield from mfill_atomic(mm, start, size, op, wp, cpu)
    if filled < 0:
        return filled
    yield from wake_userfault(mm, start, filled)
    return 0 if filled == size else -EAGAIN
