# SPDX-License-Identifier: GPL-2.0-only
"""Faulting a range in on behalf of the program (mm/gup.c of 6.5): MADV_POPULATE_READ and _WRITE, MAP_POPULATE.

Each page that is not there, or not writable, is one pass through the fault path, as the program itself would take it.
"""

from __future__ import annotations

from kernelmodel.decision import Path
from kernelmodel.defs import (
    EFAULT,
    EINVAL,
    ENOMEM,
    FAULT_FLAG_ALLOW_RETRY,
    FAULT_FLAG_KILLABLE,
    FAULT_FLAG_WRITE,
    VM_ACCESS_FLAGS,
    VM_FAULT_ERROR,
    VM_FAULT_OOM,
    VM_FAULT_RETRY,
    VM_IO,
    VM_MAYREAD,
    VM_PFNMAP,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
)
from kernelmodel.fault.entry import handle_mm_fault
from kernelmodel.mm.mmap_lock import mmap_read_lock, mmap_read_unlock, mmap_write_unlock
from kernelmodel.mm.pgtable import pmd_offset, pte_place
from kernelmodel.mm.vma import find_vma, find_vma_intersection
from kernelmodel.structs import Mm, Vma


def faultin_page_range(mm: Mm, start: int, end: int, write: bool, cpu: int) -> Path[int]:
    """MADV_POPULATE_ from 6.9 on: 0; -ENOMEM at a hole, -EINVAL where a VMA does not allow it, -EFAULT for a signal."""
    while start < end:
        vma = find_vma(mm, start)
        if vma is None:
            return -ENOMEM
        part = min(vma.vm_end, end)
        error = yield from faultin_vma_page_range(mm, start, part, write, cpu)
        if error:
            return error
        start = part
    return 0


def faultin_vma_page_range(mm: Mm, start: int, end: int, write: bool, cpu: int) -> Path[int]:
    """The same for a range of one VMA."""
    vma = find_vma(mm, start)
    if vma is None or check_vma_flags(vma, write, False):
        return -EINVAL
    return (yield from __get_user_pages(mm, start, end, write, cpu))


def mm_populate(mm: Mm, start: int, end: int, cpu: int) -> Path[None]:
    """MAP_POPULATE and VM_LOCKED: as writes where the VMA is private and writable; what can't be had is left out.

    The caller has changed VMAs and lets go of mmap_lock here.
    """
    mmap_write_unlock(mm, cpu)
    yield from mmap_read_lock(mm)
    while start < end:
        vma = find_vma_intersection(mm, start, end)
        if vma is None:
            break
        part = min(vma.vm_end, end)
        write = vma.vm_flags & (VM_WRITE | VM_SHARED) == VM_WRITE
        if not check_vma_flags(vma, write, bool(vma.vm_flags & VM_ACCESS_FLAGS)):
            yield from __get_user_pages(mm, max(start, vma.vm_start), part, write, cpu)
        start = part
    mmap_read_unlock(mm)


def check_vma_flags(vma: Vma, write: bool, force: bool) -> int:
    """May get_user_pages touch it at all: 0 or -EFAULT.  ``force`` is FOLL_FORCE."""
    flags = vma.vm_flags
    if flags & (VM_IO | VM_PFNMAP):
        return -EFAULT
    if write:
        return 0 if flags & VM_WRITE or force else -EFAULT
    return 0 if flags & VM_READ or (force and flags & VM_MAYREAD) else -EFAULT


def __get_user_pages(mm: Mm, start: int, end: int, write: bool, cpu: int) -> Path[int]:
    """Page by page, a leaf in one step: 0, -ENOMEM or -EFAULT.  A retry has dropped mmap_lock: the VMA may be gone."""
    flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE | (FAULT_FLAG_WRITE if write else 0)
    while start < end:
        size = follow_page(mm, start, write)
        if size:
            start = (start & -size) + size
            continue
        vma = find_vma(mm, start)
        if vma is None:
            return -EFAULT
        ret = yield from handle_mm_fault(vma, start, flags, cpu)
        if ret & VM_FAULT_RETRY:
            yield from mmap_read_lock(mm)
        if ret & VM_FAULT_ERROR:
            return -ENOMEM if ret & VM_FAULT_OOM else -EFAULT
    return 0


def follow_page(mm: Mm, address: int, write: bool) -> int:
    """Size of what maps an address in the way that is asked for, 0 if nothing does."""
    m, arch = mm.m, mm.m.arch
    pmd = pmd_offset(mm, address)
    value, size = m.pgtable.get(pmd) if pmd >= 0 else 0, arch.pmd_size
    if arch.pmd_kind(value) == "table":
        value, size = m.pgtable.get(pte_place(m, value, address)), arch.page_size
    return size if arch.hw_present(value) and (not write or arch.pte_write(value)) else 0
